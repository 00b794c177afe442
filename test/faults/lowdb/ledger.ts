import assert from 'node:assert/strict'
import { type Change, type Commit, isLifechartError, type PersistenceAdapter } from 'lifechart/port'
import { contents, type Picture, type PictureOfStream } from './picture.ts'

/** Something that a caller asks the store to do once. */
export type Operation = { commit: Commit } | { forget: string; through?: number }

/** Kept: acknowledged, or seen after a reopen. Open: nobody knows yet. Absent: refused, or not there after a reopen. */
type Outcome = 'kept' | 'open' | 'absent'

interface Entry {
  operation: Operation
  outcome: Outcome
  /** An attempt went unanswered: a later refusal does not say that nothing is there. */
  doubt: boolean
  at: number
  versions: readonly number[]
}

/** The caller's own account of what the store owes it. */
export interface Ledger {
  /** Asks the store, repeating what is refused as retryable, and notes the answer; an error that is not agreed is thrown. */
  perform(adapter: PersistenceAdapter, operation: Operation, now: number): Promise<Outcome>
  /** Fails unless the store holds all that it owes, each open operation wholly or not at all, and nothing else. */
  settle(adapter: PersistenceAdapter): Promise<void>
  /** What the store owes by now. */
  picture(): Picture
  /** How many operations are kept. */
  kept(): number
}

export function createLedger(): Ledger {
  const entries = new Map<Operation, Entry>()

  async function ask(adapter: PersistenceAdapter, operation: Operation): Promise<readonly number[]> {
    if ('commit' in operation) return adapter.commit(operation.commit)
    await adapter.forget(operation.forget, operation.through === undefined ? {} : { through: operation.through })
    return []
  }

  return {
    async perform(adapter, operation, now) {
      const entry = entries.get(operation) ?? { operation, outcome: 'open', doubt: false, at: now, versions: [] }
      entries.set(operation, entry)
      for (let attempt = 0; attempt < 5; attempt++) {
        if (entry.outcome === 'absent') Object.assign(entry, { outcome: 'open', at: now })
        try {
          const versions = await ask(adapter, operation)
          if (entry.outcome === 'kept') assert.deepEqual(versions, entry.versions, 'a repetition is answered as before')
          Object.assign(entry, { outcome: 'kept', versions })
          return 'kept'
        } catch (error) {
          assert.notEqual(entry.outcome, 'kept', `a repetition is answered, not refused: ${error}`)
          if (isLifechartError(error, 'STORE_FULL', 'STORE_BUSY')) entry.outcome = entry.doubt ? 'open' : 'absent'
          else if (isLifechartError(error, 'STORE_FAILED', 'STORE_CLOSED', 'OUTCOME_UNKNOWN')) entry.doubt = true
          else throw error
          if (error.code === 'STORE_FAILED' || error.code === 'STORE_CLOSED') return entry.outcome
          assert.ok(error.retryable, `${error.code} is retryable`)
        }
      }
      return entry.outcome
    },

    async settle(adapter) {
      const found = await contents(adapter, keysOf([...entries.values()]))
      for (const entry of entries.values()) if (entry.outcome === 'open') settleEntry(entry, found)
      assert.deepEqual(found, pictureOf([...entries.values()]))
    },

    picture: () => pictureOf([...entries.values()]),
    kept: () => [...entries.values()].filter(({ outcome }) => outcome === 'kept').length,
  }
}

function keysOf(entries: readonly Entry[]): string[] {
  const keys = new Set<string>()
  for (const { operation } of entries) {
    if ('commit' in operation) for (const { claim } of operation.commit.changes) for (const { key } of claim ?? []) keys.add(key)
  }
  return [...keys].sort()
}

/** Every commit's events are unlike all others', so an open one can be looked for. */
function settleEntry(entry: Entry, found: Picture): void {
  const { operation } = entry
  if ('forget' in operation) {
    const stream = found.streams[operation.forget]
    const done = operation.through === undefined ? stream === undefined : stream !== undefined && stream.floor >= operation.through
    Object.assign(entry, { outcome: done ? 'kept' : 'absent', doubt: false })
    return
  }
  const { id, changes } = operation.commit
  const versions = changes.map(({ stream, events = [] }) => {
    const there = found.streams[stream]
    const at = there === undefined ? -1 : there.events.lastIndexOf(events.at(-1)!)
    return there === undefined || at < 0 ? 0 : there.floor + at + 1
  })
  const present = versions.filter(version => version > 0).length
  assert.ok(present === 0 || present === changes.length, `${present} of ${changes.length} changes of commit ${id} are there`)
  Object.assign(entry, present === 0 ? { outcome: 'absent', doubt: false } : { outcome: 'kept', versions })
}

function pictureOf(entries: readonly Entry[]): Picture {
  const picture: Picture = { streams: {}, keys: {} }
  for (const key of keysOf(entries)) picture.keys[key] = undefined
  for (const { operation, outcome, at, versions } of entries) {
    if (outcome !== 'kept') continue
    if ('forget' in operation) forget(picture, operation)
    else for (const [i, change] of operation.commit.changes.entries()) apply(picture, change, versions[i]!, at, operation.commit.session)
  }
  for (const stream of Object.values(picture.streams)) stream.events = stream.events.slice(stream.floor)
  return picture
}

function forget(picture: Picture, { forget: id, through }: { forget: string; through?: number }): void {
  const stream = picture.streams[id]
  if (through !== undefined && stream !== undefined) stream.floor = Math.max(stream.floor, Math.min(through, stream.version))
  if (through !== undefined) return
  delete picture.streams[id]
  for (const [key, holder] of Object.entries(picture.keys)) if (holder === id) picture.keys[key] = undefined
}

function apply(picture: Picture, change: Change, version: number, at: number, session: string | undefined): void {
  const stream = (picture.streams[change.stream] ??= blank(change.kind, at))
  const events = change.events ?? []
  events.forEach((event, i) => {
    stream.events[version - events.length + i] = event
  })
  stream.version = Math.max(stream.version, version)
  Object.assign(stream.index, { changed: at }, change.index)
  if (change.own !== undefined) stream.session = change.own === 'acquire' ? session : undefined
  if (change.state !== undefined) stream.state = change.state
  if (change.view !== undefined) stream.view = { through: version, data: change.view }
  for (const key of change.release ?? []) if (picture.keys[key] === change.stream) picture.keys[key] = undefined
  for (const { key } of change.claim ?? []) picture.keys[key] = change.stream
}

function blank(kind: string, at: number): PictureOfStream {
  const index = { scope: '', owner: '', context: '', parent: '', state: '', live: true, created: at, changed: at, due: null }
  return { kind, version: 0, floor: 0, session: undefined, index, state: undefined, view: undefined, events: [] }
}
