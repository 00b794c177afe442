import assert from 'node:assert/strict'
import { describe, expect, it } from 'vitest'
import type { Files } from '../../../src/adapters/lowdb/files.ts'
import { isLifechartError } from '../../../src/errors.ts'
import { createDisk, type Disk } from './disk.ts'
import { type Fault, type Faulty, withFaults } from './failpoints.ts'
import { createLedger, type Ledger } from './ledger.ts'
import { randomFrom } from './random.ts'
import { play, script } from './script.ts'
import { closeStore, expectSound, openStore } from './store.ts'

type Ended = 'not opened' | 'cut short' | 'whole' | 'crashed'

/** One life from open to close; ends early when the store says, in our words, that it can not go on. */
async function live(files: Files, ledger: Ledger): Promise<Ended> {
  const agreed = (error: unknown) =>
    assert.ok(isLifechartError(error, 'STORE_FULL', 'STORE_BUSY', 'STORE_FAILED', 'STORE_UNAVAILABLE'), `not agreed: ${error}`)
  const store = await openStore(files).catch(agreed)
  if (store === undefined) return 'not opened'
  const open = () => store.adapter.session('here', 60_000)
  const session = await open().catch(open).catch(agreed)
  const whole = session !== undefined && (await play(store.adapter, ledger, script(session.id), store.clock))
  await closeStore(store)
  return whole ? 'whole' : 'cut short'
}

interface Tried {
  disk: Disk
  ledger: Ledger
  faulty: Faulty
  ended: Ended
}

async function tryWith(
  faults: readonly Fault[],
  check: (tried: Tried) => Promise<void>,
  power: 'stays' | 'goes' = 'stays',
): Promise<number> {
  const disk = createDisk()
  const ledger = createLedger()
  const faulty = withFaults(disk.files, faults)
  try {
    const ended = await Promise.race([live(faulty.files, ledger), faulty.crashed.then(() => 'crashed' as const)])
    if (power === 'goes') disk.cutPower(randomFrom(faults[0]?.at ?? 0))
    await check({ disk, ledger, faulty, ended })
  } catch (error) {
    const where = faults.map(fault => `${fault.when} "${faulty.trace[fault.at]}" (${fault.at}), then ${fault.effect}`).join(' and ')
    throw new Error(`fault ${where}, the power ${power}: ${error instanceof Error ? error.message : error}`, { cause: error })
  }
  return faulty.fired().length
}

/** Every operation of the script in turn, with and without the power afterwards, until there is none left to fail. */
async function atEveryOperation(faultsAt: (at: number) => Fault[][], check: (tried: Tried) => Promise<void>): Promise<number> {
  for (let at = 0; ; at++) {
    let fired = 0
    for (const faults of faultsAt(at)) {
      fired += await tryWith(faults, check, 'stays')
      fired += await tryWith(faults, check, 'goes')
    }
    if (fired === 0) return at
  }
}

const whens = ['before', 'after', 'middle'] as const

describe('the script', () => {
  it('makes the store roll, seal, compact and delete segments', async () => {
    await tryWith([], async ({ disk, ledger, faulty, ended }) => {
      expect(ended).toBe('whole')
      console.log(faulty.trace.join('\n'))
      await expectSound(disk, ledger)
    })
  })
})

describe('a process that ends at any operation on the disk', () => {
  it('leaves each commit whole or absent, and everything acknowledged', async () => {
    const operations = await atEveryOperation(
      at => whens.map(when => [{ at, when, effect: 'crash' }]),
      async ({ disk, ledger, ended, faulty }) => {
        expect(ended).toBe(faulty.fired().length > 0 ? 'crashed' : 'whole')
        await expectSound(disk, ledger)
      },
    )
    expect(operations).toBeGreaterThan(100)
  })

  it('may end again at any operation of the recovery', async () => {
    for (let at = 3; ; at += 7) {
      let fired = 0
      for (let second = 0; second < 12; second++) {
        const first: Fault = { at, when: second % 3 === 0 ? 'before' : 'middle', effect: 'crash' }
        fired += await tryWith([first, { ...first, when: 'before' }], async ({ disk, ledger }) => {
          const faulty = withFaults(disk.files, [{ at: second, when: second % 2 === 0 ? 'before' : 'after', effect: 'crash' }])
          await Promise.race([openStore(faulty.files).then(closeStore), faulty.crashed])
          await expectSound(disk, ledger)
        })
      }
      if (fired === 0) return
    }
  })
})

describe('a disk that goes away at any operation', () => {
  it('is answered with errors of ours, and nothing that was acknowledged before or after is lost', async () => {
    await atEveryOperation(
      at => whens.map(when => [{ at, when, effect: 'gone' }]),
      async ({ disk, ledger }) => expectSound(disk, ledger),
    )
  })
})

describe('an operation that fails once while the process lives on', () => {
  const fatal = /^(sync|syncDirectory|truncate) /

  it('is repaired: what was refused is retryable, and everything succeeds in the end', async () => {
    await atEveryOperation(
      at => whens.map(when => [{ at, when, effect: 'error' }]),
      async ({ disk, ledger, faulty, ended }) => {
        if (ended !== 'not opened' && !faulty.fired().some(operation => fatal.test(operation))) expect(ended).toBe('whole')
        await expectSound(disk, ledger)
      },
    )
  })

  it('may fail in the repair as well', async () => {
    await atEveryOperation(
      at =>
        [1, 2].flatMap(later =>
          whens.slice(0, 2).map((when): Fault[] => [
            { at, when: 'middle', effect: 'error' },
            { at: at + later, when, effect: 'error' },
          ]),
        ),
      async ({ disk, ledger }) => expectSound(disk, ledger),
    )
  })

  it('may be followed by the end of the process in the middle of the repair', async () => {
    await atEveryOperation(
      at =>
        [1, 2].flatMap(later =>
          whens.slice(0, 2).map((when): Fault[] => [
            { at, when: 'middle', effect: 'error' },
            { at: at + later, when, effect: 'crash' },
          ]),
        ),
      async ({ disk, ledger }) => expectSound(disk, ledger),
    )
  })
})
