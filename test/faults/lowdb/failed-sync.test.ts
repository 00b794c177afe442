import assert from 'node:assert/strict'
import { expect, it, vi } from 'vitest'
import { isLifechartError } from '../../../src/errors.ts'
import { createDisk } from './disk.ts'
import { createLedger } from './ledger.ts'
import { randomFrom } from './random.ts'
import { appended } from './script.ts'
import { closeStore, expectSound, openStore } from './store.ts'

// Long, and longer on a busy machine.
vi.setConfig({ testTimeout: 300_000 })

const streams = ['a', 'b', 'c']

/** A life in which one sync fails, a second one that repeats what was under way, and a power cut. Returns how far it came. */
async function failOnce(after: number, way: 'lost' | 'done', power: 'stays' | 'goes'): Promise<'never' | 'unnoticed' | 'stopped'> {
  const disk = createDisk()
  const ledger = createLedger()
  const rounds = Array.from({ length: 6 }, (_, n) => streams.map(stream => appended(stream, n + 1, 300)))
  const failed = disk.failSync(after, way)
  const store = await openStore(disk.files).catch((error: unknown) =>
    assert.ok(isLifechartError(error, 'STORE_UNAVAILABLE', 'STORE_FAILED'), `${error}`),
  )
  let done = 0
  let stopped = false
  for (; store !== undefined && done < rounds.length && !stopped; done += stopped ? 0 : 1) {
    const outcomes = await Promise.all(rounds[done]!.map(operation => ledger.perform(store.adapter, operation, store.clock.now())))
    stopped = outcomes.some(outcome => outcome !== 'kept')
  }
  if (store !== undefined && stopped) {
    const later = { id: 'later', changes: [{ stream: 'd', kind: 'log', expect: 0, events: ['1'] }] }
    const refusal = await store.adapter.commit(later).catch((error: unknown) => error)
    assert.ok(isLifechartError(refusal, 'STORE_FAILED'), `${refusal}`)
  }
  if (store !== undefined) await closeStore(store)
  const fired = failed()
  // The disk is well again.
  disk.failSync(Number.POSITIVE_INFINITY, way)
  if (power === 'goes') disk.cutPower(randomFrom(after))

  const again = await openStore(disk.files)
  await ledger.settle(again.adapter)
  for (const operation of rounds.slice(done).flat()) {
    expect(await ledger.perform(again.adapter, operation, again.clock.now())).toBe('kept')
  }
  await ledger.settle(again.adapter)
  disk.cutPower(randomFrom(after + 1))
  await expectSound(disk, ledger)
  return stopped ? 'stopped' : fired ? 'unnoticed' : 'never'
}

it('stops the store until it is reopened, which answers or applies a repeated commit exactly once', async () => {
  let stops = 0
  for (let after = 0, ended = false; !ended; after++) {
    for (const way of ['lost', 'done'] as const) {
      for (const power of ['stays', 'goes'] as const) {
        try {
          const end = await failOnce(after, way, power)
          if (end === 'stopped') stops++
          ended = end === 'never'
        } catch (error) {
          const where = `sync ${after} fails, ${way}, the power ${power}`
          throw new Error(`${where}: ${error instanceof Error ? error.message : error}`, { cause: error })
        }
      }
    }
  }
  expect(stops).toBeGreaterThan(20)
})
