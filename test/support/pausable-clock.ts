import type { SimulatedClock } from '../../src/testing/simulated-clock.ts'

/** The clock of a process that can be made to stand still, as one does whose machine sleeps. */
export interface PausableClock extends SimulatedClock {
  pause(): void
  /** What should have rung meanwhile rings now. */
  resume(): void
}

export function pausableClock(clock: SimulatedClock): PausableClock {
  let paused = false
  let missed: (() => void)[] = []
  return Object.assign(Object.create(clock) as SimulatedClock, {
    setTimeout: (callback: () => void, delay: number) =>
      clock.setTimeout(() => {
        if (paused) missed.push(callback)
        else callback()
      }, delay),
    pause() {
      paused = true
    },
    resume() {
      paused = false
      const ringing = missed
      missed = []
      for (const callback of ringing) callback()
    },
  })
}
