import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { lowdbAdapter } from '../../../src/adapters/lowdb/index.ts'
import type { PersistenceAdapter } from '../../../src/kernel/port.ts'
import { realEnvironment } from '../../children/lowdb-environment.ts'
import { start } from './processes.ts'
import { randomFrom } from './random.ts'

// Long, and longer on a busy machine.
vi.setConfig({ testTimeout: 300_000 })

const rounds = 50
const seed = 20_260_101

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'lifechart-kill-'))
})
afterEach(() => rm(dir, { recursive: true }))

type Acknowledged = Map<string, number>

async function all(adapter: PersistenceAdapter, stream: string): Promise<{ floor: number; events: Record<string, unknown>[] }> {
  const { floor, version } = (await adapter.load(stream))!
  const { events } = await adapter.read(stream, { after: floor, limit: 10_000 })
  expect(floor + events.length).toBe(version)
  return { floor, events: events.map(event => JSON.parse(event)) }
}

/** Everything acknowledged, at most the one commit more that each writer had under way, dense numbers, and no half of a commit. */
async function check(adapter: PersistenceAdapter, acknowledged: Acknowledged): Promise<void> {
  const inbox = acknowledged.size === 0 ? [] : (await all(adapter, 'inbox')).events
  for (const [stream, promised] of acknowledged) {
    const { floor, events } = await all(adapter, stream)
    const version = floor + events.length
    expect([promised, promised + 1], stream).toContain(version)
    expect(events.map(({ n }) => n)).toEqual(events.map((_, i) => floor + i + 1))
    expect((await adapter.load(stream))?.state).toBe(JSON.stringify({ at: version }))
    const told = inbox.filter(event => event.stream === stream).map(({ n }) => n)
    expect(told).toEqual(told.map((_, i) => version - told.length + i + 1))
    acknowledged.set(stream, version)
  }
}

it(`keeps everything acknowledged when its process is killed, ${rounds} times on one store (seed ${seed})`, async () => {
  const random = randomFrom(seed)
  const acknowledged: Acknowledged = new Map()
  for (let round = 0; round < rounds; round++) {
    const writer = start('lowdb-writer', dir, `${round}`)
    // From the first line of the program, through opening and recovery, to the middle of its work.
    const messages = random.pick([1, 2, random.below(300)])
    let count = 0
    await writer.says(() => (++count >= messages ? true : undefined))
    await writer.kill()
    for (const message of writer.said as { stream?: string; version: number }[]) {
      if (message.stream !== undefined) acknowledged.set(message.stream, message.version)
    }
    const adapter = await lowdbAdapter({ dir }).open(realEnvironment)
    await check(adapter, acknowledged)
    await adapter.close()
  }
  expect([...acknowledged.values()].reduce((sum, version) => sum + version, 0)).toBeGreaterThan(20 * rounds)
})
