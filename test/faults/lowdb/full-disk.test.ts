import assert from 'node:assert/strict'
import { describe, expect, it, vi } from 'vitest'
import { isLifechartError } from '../../../src/errors.ts'
import { createDisk } from './disk.ts'
import { withFaults } from './failpoints.ts'
import { withRoom } from './full-disk.ts'
import { createLedger } from './ledger.ts'
import { randomFrom } from './random.ts'
import { appended } from './script.ts'
import { closeStore, expectSound, openStore } from './store.ts'

// Long, and longer on a busy machine.
vi.setConfig({ testTimeout: 300_000 })

describe('a disk that is full for a while', () => {
  it('refuses with STORE_FULL, and loses nothing acknowledged before, meanwhile or after', async () => {
    for (let room = 0; room < 700; room += 9) {
      const disk = createDisk()
      const volume = withRoom(disk.files)
      const process = withFaults(volume.files, [])
      const ledger = createLedger()
      const store = await openStore(process.files)
      const rounds = Array.from({ length: 20 }, (_, n) => ['a', 'b'].map(stream => appended(stream, n + 1)))
      const perform = (n: number) =>
        Promise.all(rounds[n - 1]!.map(operation => ledger.perform(store.adapter, operation, store.clock.now())))
      expect(await perform(1)).toEqual(['kept', 'kept'])

      volume.room = room
      let n = 2
      while ((await perform(n)).every(outcome => outcome === 'kept')) n++
      // Nothing of it is there, not even after it was tried five times; what was there can be read.
      expect((await store.adapter.load('a'))?.version).toBeLessThanOrEqual(n)
      expect((await store.adapter.read('b', { after: 0, limit: 1 })).events).toHaveLength(1)

      volume.room = Number.POSITIVE_INFINITY
      for (let end = n + 3; n < end; n++) expect(await perform(n), `room ${room}`).toEqual(['kept', 'kept'])
      await ledger.settle(store.adapter)
      // No close; and every other time the power is cut.
      process.end()
      if (room % 2 === 0) disk.cutPower(randomFrom(room))
      await expectSound(disk, ledger)
    }
  })

  it('has nothing of what it refused when its process ends there', async () => {
    for (let room = 0; room < 700; room += 9) {
      const disk = createDisk()
      const volume = withRoom(disk.files)
      const process = withFaults(volume.files, [])
      const ledger = createLedger()
      const store = await openStore(process.files)
      volume.room = room + 300
      let kept = true
      for (let n = 1; kept; n++) {
        const round = ['a', 'b', 'c'].map(stream => appended(stream, n))
        const outcomes = await Promise.all(round.map(operation => ledger.perform(store.adapter, operation, store.clock.now())))
        kept = outcomes.every(outcome => outcome === 'kept')
      }
      process.end()
      await expectSound(disk, ledger)
    }
  })

  it('says STORE_FULL, retryable, to each commit that it did not take', async () => {
    const volume = withRoom(createDisk().files)
    const { adapter } = await openStore(volume.files)
    volume.room = 30
    const { commit } = appended('a', 1) as { commit: Parameters<typeof adapter.commit>[0] }
    const refusal = await adapter.commit(commit).catch((error: unknown) => error)
    assert.ok(isLifechartError(refusal, 'STORE_FULL'), `${refusal}`)
    expect(refusal.retryable).toBe(true)
    expect(await adapter.load('a')).toBeUndefined()
    volume.room = 10_000
    expect(await adapter.commit(commit)).toEqual([1])
  })

  it('keeps everything when it is full at close, and opens or says why when it is still full', async () => {
    for (let room = 0; room < 1_500; room += 100) {
      const disk = createDisk()
      const volume = withRoom(disk.files)
      const ledger = createLedger()
      const store = await openStore(volume.files)
      for (let n = 1; n <= 5; n++) await ledger.perform(store.adapter, appended('a', n), store.clock.now())
      volume.room = room
      await closeStore(store)
      try {
        const full = await openStore(volume.files)
        await ledger.settle(full.adapter)
        await closeStore(full)
      } catch (error) {
        if (!isLifechartError(error, 'STORE_FULL')) throw error
      }
      await expectSound(disk, ledger)
    }
  })
})
