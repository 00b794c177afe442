import { describe, expect, it } from 'vitest'
import { anyDelay, systemClock, wait } from '../../src/kernel/clock.ts'
import { simulatedClock } from '../../src/testing/simulated-clock.ts'

describe('the system clock', () => {
  it('tells the time of day', () => {
    const before = Date.now()
    expect(systemClock.now()).toBeGreaterThanOrEqual(before)
    expect(systemClock.now()).toBeLessThanOrEqual(Date.now())
  })

  it('rings once, and not after it was told not to', async () => {
    const rung: string[] = []
    const cancelled = systemClock.setTimeout(() => rung.push('cancelled'), 1)
    systemClock.clearTimeout(cancelled)
    await new Promise<void>(resolve => {
      systemClock.setTimeout(() => {
        rung.push('rung')
        resolve()
      }, 2)
    })
    expect(rung).toEqual(['rung'])
  })

  it('does not ring at once for a delay that a timer can not hold, and rings for one below zero', async () => {
    const rung: string[] = []
    const far = systemClock.setTimeout(() => rung.push('far'), 2 ** 40)
    await new Promise<void>(resolve => systemClock.setTimeout(resolve, -5))
    await wait(systemClock, 5)
    systemClock.clearTimeout(far)
    expect(rung).toEqual([])
  })
})

describe('a clock whose timers hold 2^31 - 1 milliseconds', () => {
  it('waits for a longer delay to the millisecond', () => {
    const clock = simulatedClock()
    const delay = 5 * (2 ** 31 - 1) + 3
    let rung = 0
    anyDelay(clock).setTimeout(() => rung++, delay)
    clock.tick(delay - 1)
    expect(rung).toBe(0)
    clock.tick(1)
    expect(rung).toBe(1)
    expect(clock.pending).toBe(0)
  })

  it('forgets a longer delay in whichever part it is told to', () => {
    const clock = simulatedClock()
    const patient = anyDelay(clock)
    const timers = [2 ** 40, Number.POSITIVE_INFINITY, 10].map(delay => patient.setTimeout(() => undefined, delay))
    clock.tick(0)
    patient.clearTimeout(timers[2])
    clock.tick(2 ** 34)
    expect(clock.pending).toBe(2)
    patient.clearTimeout(timers[0])
    patient.clearTimeout(timers[1])
    expect(clock.pending).toBe(0)
  })
})

describe('waiting', () => {
  it('ends with its time or with its signal, and leaves no timer behind', async () => {
    const clock = simulatedClock()
    const over = new AbortController()
    const waited = [wait(clock, 100), wait(clock, 1_000, over.signal)]
    clock.tick(100)
    await waited[0]
    over.abort()
    await waited[1]
    await wait(clock, 1_000, over.signal)
    expect(clock.pending).toBe(0)
  })
})
