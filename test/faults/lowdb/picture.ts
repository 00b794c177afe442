import assert from 'node:assert/strict'
import type { Json, PersistenceAdapter, Stored, StreamHead } from 'lifechart/port'

export type PictureOfStream = Omit<Stored, 'stream'> & { events: Json[] }

/** All that a store shows through its port. */
export interface Picture {
  streams: Record<string, PictureOfStream>
  /** Who holds each of the keys that were asked for. */
  keys: Record<string, string | undefined>
}

/** Reads a whole store; fails where its own answers contradict each other. */
export async function contents(adapter: PersistenceAdapter, keys: readonly string[]): Promise<Picture> {
  const picture: Picture = { streams: {}, keys: {} }
  for (const head of await heads(adapter)) {
    const stored = await adapter.load(head.stream)
    assert.ok(stored, `${head.stream} is listed and can be loaded`)
    assert.deepEqual(facts(stored), facts(head), 'load and query agree')
    picture.streams[head.stream] = { ...facts(head), view: stored.view && { ...stored.view }, events: await events(adapter, head) }
  }
  for (const key of keys) picture.keys[key] = (await adapter.load({ key }))?.stream
  return picture
}

function facts({ kind, version, floor, session, index, state }: StreamHead): Omit<StreamHead, 'stream'> {
  return { kind, version, floor, session, index: { ...index }, state }
}

async function heads(adapter: PersistenceAdapter): Promise<StreamHead[]> {
  const found: StreamHead[] = []
  let cursor: string | undefined
  do {
    const page = await adapter.query({ limit: 5, ...(cursor === undefined ? {} : { cursor }) })
    found.push(...page.items)
    cursor = page.next
  } while (cursor !== undefined)
  return found
}

async function events(adapter: PersistenceAdapter, { stream, floor, version }: StreamHead): Promise<Json[]> {
  const found: Json[] = []
  while (floor + found.length < version) {
    const page = await adapter.read(stream, { after: floor + found.length, limit: 7 })
    assert.equal(page.head, version)
    assert.ok(page.events.length > 0, `${stream} goes on after ${floor + found.length}`)
    found.push(...page.events)
  }
  return found
}
