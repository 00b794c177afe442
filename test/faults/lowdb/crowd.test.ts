import { expect, it, vi } from 'vitest'
import { createDisk } from './disk.ts'
import { withFaults } from './failpoints.ts'
import { createLedger, type Operation } from './ledger.ts'
import { appended } from './script.ts'
import { expectSound, openStore } from './store.ts'

// Long, and longer on a busy machine.
vi.setConfig({ testTimeout: 300_000 })

/** More than the store looks at in one go when it tidies up. */
const streams = 8_000
const rounds = 2
const writers = 40

it(`keeps everything of ${streams} streams while segments are sealed, rewritten and deleted under them`, async () => {
  const disk = createDisk()
  const ledger = createLedger()
  const { files, trace, end } = withFaults(disk.files, [])
  const store = await openStore(files, { bytes: 2_000 })

  // Each writer goes through its streams again and again, so that sealing and tidying meet writes everywhere.
  const outcomes = new Set<string>()
  async function write(writer: number): Promise<void> {
    const perform = async (operation: Operation) => outcomes.add(await ledger.perform(store.adapter, operation, store.clock.now()))
    for (let round = 1; round <= rounds; round++) {
      for (let i = writer; i < streams; i += writers) {
        const stream = `stream-${i}`
        await perform(appended(stream, round, (i * round) % 300))
        if (round > 1 && (i + round) % 3 === 0) await perform({ forget: stream, through: round - 1 })
        if (round === rounds && i % 5 === 0) await perform({ forget: stream })
      }
    }
  }
  await Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)))
  expect(outcomes).toEqual(new Set(['kept']))
  expect(trace.filter(operation => /^remove .*\.log$/.test(operation)).length).toBeGreaterThan(5)
  await ledger.settle(store.adapter)
  end()
  await expectSound(disk, ledger)
})
