import assert from 'node:assert/strict'
import path from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { isLifechartError, type LifechartError } from '../../../src/errors.ts'
import type { PersistenceAdapter } from '../../../src/kernel/port.ts'
import { createDisk, type Disk } from './disk.ts'
import { createLedger, type Ledger } from './ledger.ts'
import { type Random, randomFrom } from './random.ts'
import { eventsOf, play, script } from './script.ts'
import { directory, openStore } from './store.ts'
import { work } from './workload.ts'

// Long, and longer on a busy machine.
vi.setConfig({ testTimeout: 300_000 })

const seeds = 600

type Bytes = ReadonlyMap<string, Uint8Array>

const isDocument = (name: string) => name.endsWith('.json')
const isSegment = (name: string) => /\/log\/\d+\.log$/.test(name)

/** A store with some history, closed or left by a process that ended. */
async function written(random: Random, closed: boolean): Promise<{ bytes: Bytes; ledger: Ledger }> {
  const disk = createDisk()
  const ledger = createLedger()
  const store = await openStore(disk.files)
  const session = (await store.adapter.session('here', 60_000)).id
  await play(store.adapter, ledger, script(session), store.clock)
  await work({ ...store, ledger, random, session, name: 'work', writers: 3, operations: 10 })
  const last = { commit: { id: 'last', changes: [{ stream: 'last', kind: 'log', expect: 0, events: eventsOf('last', 0, 1, 10) }] } }
  await ledger.perform(store.adapter, last, store.clock.now())
  if (closed) await store.adapter.close()
  return { bytes: disk.snapshot(), ledger }
}

function flipped(bytes: Bytes, name: string, bit: number): Disk {
  const damaged = Uint8Array.from(bytes.get(name)!)
  damaged[bit >> 3]! ^= 1 << (bit & 7)
  return createDisk(new Map([...bytes, [name, damaged]]))
}

function expectDamageNamed(error: unknown, disk: Disk): LifechartError {
  assert.ok(isLifechartError(error, 'STORE_CORRUPT'), `${error instanceof Error ? error.stack : error}`)
  const { path: name, offset } = error.details
  const file = typeof name === 'string' ? disk.snapshot().get(path.join(directory, name)) : undefined
  assert.ok(file !== undefined, `${name} is a file of the store`)
  assert.ok(typeof offset === 'number' && offset >= 0 && offset <= file.length, `${offset} lies in ${name}`)
  return error
}

function expectUncut(before: Bytes, after: Bytes): void {
  for (const [name, bytes] of before) if (isSegment(name)) assert.deepEqual(after.get(name), bytes, `${name} is as it was`)
}

/** What can still be read of each stream is right. Returns how many streams can be read wholly. */
async function readable(adapter: PersistenceAdapter, ledger: Ledger, disk: Disk): Promise<number> {
  let whole = 0
  for (const [id, { version, floor, state, events }] of Object.entries(ledger.picture().streams)) {
    try {
      const stored = await adapter.load(id)
      assert.deepEqual([stored?.version, stored?.floor, stored?.state], [version, floor, state], id)
      const page = await adapter.read(id, { after: floor, limit: 10_000 })
      assert.deepEqual(page.events, events)
      whole++
    } catch (error) {
      expectDamageNamed(error, disk)
    }
  }
  return whole
}

/** Opens what was damaged: all of it is there, or the damage is named and nothing is cut. Returns which. */
async function look(disk: Disk, ledger: Ledger): Promise<'whole' | 'corrupt'> {
  const before = disk.snapshot()
  let opened: PersistenceAdapter | undefined
  try {
    opened = (await openStore(disk.files)).adapter
    await ledger.settle(opened)
    return 'whole'
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error
    expectDamageNamed(error, disk)
    expectUncut(before, disk.snapshot())
    if (opened !== undefined) expect(await readable(opened, ledger, disk)).toBeGreaterThan(0)
    return 'corrupt'
  }
}

async function tryFlips(closed: boolean, pick: (bytes: Bytes, random: Random) => { name: string; bit: number }) {
  const found = { whole: 0, corrupt: 0 }
  const { bytes, ledger } = await written(randomFrom(1), closed)
  for (let seed = 1; seed <= seeds; seed++) {
    const { name, bit } = pick(bytes, randomFrom(seed))
    try {
      found[await look(flipped(bytes, name, bit), ledger)]++
    } catch (error) {
      throw new Error(`seed ${seed}, bit ${bit} of ${name}: ${error instanceof Error ? error.message : error}`, { cause: error })
    }
  }
  return found
}

function bitOf(bytes: Bytes, random: Random, kind: (name: string) => boolean): { name: string; bit: number } {
  const files = [...bytes].filter(([name]) => kind(name)).sort()
  let at = random.below(files.reduce((sum, [, { length }]) => sum + length, 0))
  for (const [name, { length }] of files) {
    if (at < length) return { name, bit: at * 8 + random.below(8) }
    at -= length
  }
  throw new Error('There is no such file')
}

/** Where the lines begin that were written with the last one: they say the same of what was durable then. */
function lastBatch(segment: Uint8Array): number {
  const lines = Buffer.from(segment).toString('latin1').split('\n').slice(0, -1)
  const durable = lines.map(line => /"d":(\d+)/.exec(line)?.[1])
  const first = durable.lastIndexOf(durable.findLast(d => d !== durable.at(-1))) + 1
  return lines.slice(0, first).join('\n').length
}

function newestSegment(bytes: Bytes): string {
  const names = [...bytes.keys()].filter(isSegment)
  return names.sort((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1)!
}

describe(`one flipped bit (${seeds} seeds)`, () => {
  it('in a closed segment is harmless or named, never a smaller store', async () => {
    const found = await tryFlips(true, (bytes, random) => bitOf(bytes, random, isSegment))
    expect(found.corrupt).toBeGreaterThan(seeds / 10)
  })

  it('in a document is harmless: documents are made again from the segments', async () => {
    const found = await tryFlips(true, (bytes, random) => bitOf(bytes, random, isDocument))
    expect(found).toEqual({ whole: seeds, corrupt: 0 })
  })

  it('in the segment that a dead process left open is harmless or named, unless it looks like the end of the last write', async () => {
    const found = await tryFlips(false, (bytes, random) => {
      const open = newestSegment(bytes)
      return { name: open, bit: random.below(lastBatch(bytes.get(open)!) * 8) }
    })
    expect(found.corrupt).toBeGreaterThan(seeds / 2)
  })
})

describe('a store with a damaged segment', () => {
  it('opened read-only shows all that is not damaged, and writes nothing', async () => {
    const { bytes, ledger } = await written(randomFrom(2), true)
    let whole = 0
    for (let seed = 1; seed <= 100; seed++) {
      const { name, bit } = bitOf(bytes, randomFrom(seed), isSegment)
      const disk = flipped(bytes, name, bit)
      const before = disk.snapshot()
      const { adapter } = await openStore(disk.files, { readOnly: true })
      whole += await readable(adapter, ledger, disk)
      await adapter.close()
      assert.deepEqual(disk.snapshot(), before)
    }
    expect(whole).toBeGreaterThan(100)
  })

  it('and without its documents, opened read-only, shows true parts of what was written and logs what is left out', async () => {
    const { bytes, ledger } = await written(randomFrom(3), true)
    const segments = new Map([...bytes].filter(([name]) => !isDocument(name)))
    const newest = newestSegment(bytes)
    let missing = 0
    for (let seed = 1; seed <= 100; seed++) {
      // Without its document, the end of the newest one looks like a write that was never finished.
      const { name, bit } = bitOf(bytes, randomFrom(seed), name => isSegment(name) && name !== newest)
      const disk = flipped(segments, name, bit)
      const { adapter, log } = await openStore(disk.files, { readOnly: true })
      let less = 0
      for (const [id, { version, floor, events }] of Object.entries(ledger.picture().streams)) {
        const stored = await adapter.load(id).catch((error: unknown) => expectDamageNamed(error, disk))
        if (stored === undefined || 'code' in stored || stored.version < version) less++
        if (stored === undefined || 'code' in stored || stored.floor > floor) continue
        const page = await adapter.read(id, { after: floor, limit: 10_000 }).catch((error: unknown) => expectDamageNamed(error, disk))
        if (!('code' in page)) assert.deepEqual(page.events, events.slice(0, stored.version - floor), `seed ${seed}: ${id}`)
      }
      if (less > 0) expect(log.some(({ level, message }) => level === 'warn' && message.includes('damaged'))).toBe(true)
      missing += less
      await adapter.close()
    }
    expect(missing).toBeGreaterThan(20)
  })
})
