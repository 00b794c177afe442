import { expect, it, vi } from 'vitest'
import { createDisk } from './disk.ts'
import { withFaults } from './failpoints.ts'
import { createLedger } from './ledger.ts'
import { randomFrom } from './random.ts'
import { expectSound, openStore } from './store.ts'
import { turn } from './time.ts'
import { work } from './workload.ts'

// Long, and longer on a busy machine.
vi.setConfig({ testTimeout: 300_000 })

const seeds = 1_000

/** Two or three lives of one store, each cut at a random operation, with or without the power. Returns what was acknowledged. */
async function lives(seed: number): Promise<number> {
  const random = randomFrom(seed)
  const disk = createDisk()
  const ledger = createLedger()
  const bytes = 500 + random.below(3_000)
  const count = 2 + random.below(2)
  for (let life = 0; life < count; life++) {
    const at = random.below(random.pick([20, 60, 150]))
    const faults = (['middle', 'before', 'after'] as const).map(when => ({ at, when, effect: 'crash' as const }))
    const { files, crashed, end } = withFaults(disk.files, random.chance(0.3) ? faults : faults.slice(1 + random.below(2)))
    await Promise.race([crashed, live()])
    end()
    // An operation that was under way when the process ended still reaches the disk.
    for (let i = 0; i < 3; i++) await turn()
    if (random.chance(0.8)) disk.cutPower(random)

    async function live() {
      const { adapter, clock } = await openStore(files, { bytes })
      await ledger.settle(adapter)
      const session = (await adapter.session('here', 60_000)).id
      await work({ adapter, ledger, random, session, clock, name: `life-${life}`, writers: 1 + random.below(4), operations: 15 })
    }
  }
  const acknowledged = ledger.kept()
  await expectSound(disk, ledger)
  return acknowledged
}

it(`keeps everything acknowledged, whole, and invents nothing, in ${seeds} random histories of power cuts`, async () => {
  let acknowledged = 0
  for (let seed = 1; seed <= seeds; seed++) {
    try {
      acknowledged += await lives(seed)
    } catch (error) {
      throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : error}`, { cause: error })
    }
  }
  // Enough was at stake.
  expect(acknowledged).toBeGreaterThan(10 * seeds)
})
