import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { anyDelay } from '../../src/kernel/clock.ts'
import { Scheduler, type Sleeper } from '../../src/kernel/scheduler.ts'
import { simulatedClock } from '../../src/testing/simulated-clock.ts'

const day = 24 * 60 * 60 * 1000

function bedroom() {
  const clock = simulatedClock({ start: 0 })
  const scheduler = new Scheduler(anyDelay(clock))
  const woken: string[] = []
  const sleeper = (name: string, due: number | null, onWake?: (self: Sleeper) => void): Sleeper => {
    const self: Sleeper = {
      due,
      wake(now) {
        woken.push(`${name} at ${now}`)
        onWake?.(self)
      },
    }
    return self
  }
  return { clock, scheduler, woken, sleeper }
}

describe('the scheduler', () => {
  it('wakes each sleeper at its time, the earliest first', () => {
    const { clock, scheduler, woken, sleeper } = bedroom()
    for (const due of [30, 10, 20]) scheduler.arm(sleeper(`${due}`, due))
    clock.tick(100)
    expect(woken).toEqual(['10 at 10', '20 at 20', '30 at 30'])
  })

  it('has one timer, however many sleep', () => {
    const { clock, scheduler, sleeper } = bedroom()
    for (let due = 1; due <= 1_000; due++) scheduler.arm(sleeper('x', due))
    expect(clock.pending).toBe(1)
    clock.tick(1_000)
    expect(clock.pending).toBe(0)
  })

  it('takes an alarm that no longer is its sleeper’s due for nothing', () => {
    const { clock, scheduler, woken, sleeper } = bedroom()
    const one = sleeper('one', 10)
    scheduler.arm(one)
    one.due = 50
    scheduler.arm(one)
    clock.tick(40)
    expect(woken).toEqual([])
    one.due = null
    clock.tick(100)
    expect(woken).toEqual([])
    one.due = 10
    scheduler.arm(one)
    clock.tick(10)
    expect(woken).toEqual(['one at 141'])
  })

  it('lets go of sleepers that were put to rest when it is told to look', () => {
    const { clock, scheduler, woken, sleeper } = bedroom()
    const all = Array.from({ length: 1_000 }, (_, i) => sleeper(`${i}`, day + i))
    for (const one of all) scheduler.arm(one)
    for (const one of all.slice(10)) one.due = null
    expect(scheduler.size).toBe(1_000)
    scheduler.check()
    expect(scheduler.size).toBe(10)
    clock.tick(2 * day)
    expect(woken).toHaveLength(10)
  })

  it('arms nothing that has no end', () => {
    const { clock, scheduler, sleeper } = bedroom()
    for (const due of [null, Number.POSITIVE_INFINITY, Number.NaN]) scheduler.arm(sleeper('never', due))
    expect([clock.pending, scheduler.size]).toEqual([0, 0])
  })

  it('does not wake early what is further away than a timer reaches', () => {
    const { clock, scheduler, woken, sleeper } = bedroom()
    scheduler.arm(sleeper('far', 60 * day))
    clock.tick(60 * day - 1)
    expect(woken).toEqual([])
    clock.tick(1)
    expect(woken).toEqual([`far at ${60 * day}`])
  })

  it('comes to an end when a sleeper wants to be woken at a time that has passed', () => {
    const { clock, scheduler, woken, sleeper } = bedroom()
    scheduler.arm(
      sleeper('again', 10, self => {
        self.due = 5
        scheduler.arm(self)
      }),
    )
    clock.tick(12)
    expect(woken).toEqual(['again at 10', 'again at 11', 'again at 12'])
  })

  it('notices a clock that was set forwards when it is told to look', () => {
    const { clock, scheduler, woken, sleeper } = bedroom()
    scheduler.arm(sleeper('tomorrow', day))
    clock.jump(2 * day)
    expect(woken).toEqual([])
    scheduler.check()
    expect(woken).toEqual([`tomorrow at ${2 * day}`])
  })

  it('waits on when the clock was set back', () => {
    const { clock, scheduler, woken, sleeper } = bedroom()
    scheduler.arm(sleeper('one', 100))
    clock.jump(-50)
    clock.tick(100)
    expect(woken).toEqual([])
    clock.tick(50)
    expect(woken).toEqual(['one at 100'])
  })

  it('does not grow with alarms that were moved', () => {
    const { scheduler, sleeper } = bedroom()
    const few = Array.from({ length: 10 }, (_, i) => sleeper(`${i}`, day))
    for (let i = 0; i < 100_000; i++) {
      const one = few[i % 10] as Sleeper
      one.due = day + i
      scheduler.arm(one)
    }
    expect(scheduler.size).toBeLessThan(200)
  })

  it('does nothing after it was closed', () => {
    const { clock, scheduler, woken, sleeper } = bedroom()
    scheduler.arm(sleeper('one', 10))
    scheduler.close()
    scheduler.arm(sleeper('two', 10))
    scheduler.check()
    clock.tick(100)
    expect([woken, clock.pending]).toEqual([[], 0])
  })

  it('wakes everybody once, at the time it last asked for, whatever was moved before', () => {
    const moves = fc.array(fc.record({ who: fc.nat(9), due: fc.nat(500), pass: fc.nat(20) }), { maxLength: 300 })
    fc.assert(
      fc.property(moves, plan => {
        const { clock, scheduler, woken, sleeper } = bedroom()
        const all = Array.from({ length: 10 }, (_, i) => sleeper(`${i}`, null))
        const expected: string[] = []
        for (const { who, due, pass } of plan) {
          const one = all[who] as Sleeper
          one.due = clock.now() + due + 1
          scheduler.arm(one)
          for (const [i, { due: at }] of all.entries()) if (at !== null && at <= clock.now() + pass) expected.push(`${i} at ${at}`)
          clock.tick(pass)
        }
        for (const [i, { due: at }] of all.entries()) if (at !== null) expected.push(`${i} at ${at}`)
        clock.tick(1_000)
        expect(woken.sort()).toEqual(expected.sort())
      }),
      { numRuns: 300 },
    )
  })
})
