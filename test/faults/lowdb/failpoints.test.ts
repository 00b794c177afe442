import assert from 'node:assert/strict'
import { describe, expect, it, vi } from 'vitest'
import type { Files } from '../../../src/adapters/lowdb/files.ts'
import { isLifechartError } from '../../../src/errors.ts'
import { createDisk, type Disk } from './disk.ts'
import { type Fault, type Faulty, withFaults } from './failpoints.ts'
import { createLedger, type Ledger } from './ledger.ts'
import { randomFrom } from './random.ts'
import { play, script } from './script.ts'
import { closeStore, expectSound, openStore } from './store.ts'
import { turn } from './time.ts'

// Long, and longer on a busy machine.
vi.setConfig({ testTimeout: 300_000 })

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
  // Time to tidy up.
  for (let i = 0; i < 80; i++) await turn()
  await closeStore(store)
  return whole ? 'whole' : 'cut short'
}

interface Tried {
  disk: Disk
  ledger: Ledger
  faulty: Faulty
  ended: Ended
}

type Power = 'stays' | 'goes'

/** One life with these faults, then perhaps a power cut. Returns how many of the faults have happened. */
async function tryWith(faults: readonly Fault[], power: Power, check: (tried: Tried) => Promise<void>): Promise<number> {
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

/** Every operation of the script in turn, until there is none left to fail. Returns how many there are. */
async function atEveryOperation(faultsAt: (at: number) => Fault[][], powers: readonly Power[], check: (tried: Tried) => Promise<void>) {
  for (let at = 0; ; at++) {
    let fired = 0
    for (const faults of faultsAt(at)) for (const power of powers) fired += await tryWith(faults, power, check)
    if (fired === 0) return at
  }
}

/** The operations of a life without faults. */
async function undisturbed(): Promise<string[]> {
  const { files, trace } = withFaults(createDisk().files, [])
  expect(await live(files, createLedger())).toBe('whole')
  return trace
}

const whens = ['before', 'after', 'middle'] as const

describe('the script', () => {
  it('makes the store roll, seal, compact and delete segments', async () => {
    const trace = await undisturbed()
    const count = (shape: RegExp) => trace.filter(operation => shape.test(operation)).length
    expect(count(/^create .*\/log\/\d+\.log$/)).toBeGreaterThan(4)
    expect(count(/^rename .*\/index\/\d+\.json$/)).toBeGreaterThan(4)
    expect(count(/^remove .*\/log\/\d+\.log$/)).toBeGreaterThan(2)
    expect(count(/^write .*\/lock/)).toBeGreaterThan(2)
  })
})

describe('a process that ends at any operation on the disk', () => {
  it('leaves each commit whole or absent, and everything acknowledged', async () => {
    const operations = await atEveryOperation(
      at => whens.map(when => [{ at, when, effect: 'crash' }]),
      ['stays'],
      async ({ disk, ledger, ended, faulty }) => {
        expect(ended).toBe(faulty.fired().length > 0 ? 'crashed' : 'whole')
        await expectSound(disk, ledger)
      },
    )
    expect(operations).toBe((await undisturbed()).length)
  })

  it('may end again at any operation of the recovery', async () => {
    const { length } = await undisturbed()
    for (let at = 3; at < length; at += 7) {
      for (let second = 0, more = true; more; second++) {
        const faults = (at + second) % 2 === 0 ? (['middle', 'before'] as const) : (['after'] as const)
        await tryWith(
          faults.map(when => ({ at, when, effect: 'crash' })),
          'stays',
          async ({ disk, ledger }) => {
            const faulty = withFaults(disk.files, [{ at: second, when: second % 2 === 0 ? 'before' : 'after', effect: 'crash' }])
            await Promise.race([openStore(faulty.files).then(closeStore), faulty.crashed])
            more = faulty.fired().length > 0
            await expectSound(disk, ledger)
          },
        )
      }
    }
  })
})

describe('a disk that goes away at any operation', () => {
  it('is answered with errors of ours, and nothing that was acknowledged before or after is lost', async () => {
    await atEveryOperation(
      at => whens.map(when => [{ at, when, effect: 'gone' }]),
      ['goes'],
      async ({ disk, ledger, ended }) => {
        expect(ended).not.toBe('crashed')
        await expectSound(disk, ledger)
      },
    )
  })
})

describe('an operation that fails once while the process lives on', () => {
  const fatal = /^(sync|syncDirectory|truncate) /

  it('is repaired: what was refused is retryable, and everything succeeds in the end', async () => {
    await atEveryOperation(
      at => whens.map(when => [{ at, when, effect: 'error' }]),
      ['stays', 'goes'],
      async ({ disk, ledger, faulty, ended }) => {
        // After a sync that failed nobody knows what is on the disk: the store stops.
        if (ended !== 'not opened' && !faulty.fired().some(operation => fatal.test(operation))) expect(ended).toBe('whole')
        await expectSound(disk, ledger)
      },
    )
  })

  /** A write of which half is done, and then something with the repair. */
  async function whileRepairing(effect: Fault['effect']): Promise<void> {
    const trace = await undisturbed()
    for (const [at, operation] of trace.entries()) {
      if (!operation.startsWith('write')) continue
      for (const later of [1, 2]) {
        for (const when of ['before', 'after'] as const) {
          const faults: Fault[] = [
            { at, when: 'middle', effect: 'error' },
            { at: at + later, when, effect },
          ]
          await tryWith(faults, 'goes', async ({ disk, ledger }) => expectSound(disk, ledger))
        }
      }
    }
  }

  it('may fail in the repair as well', () => whileRepairing('error'))

  it('may be followed by the end of the process in the middle of the repair', () => whileRepairing('crash'))
})
