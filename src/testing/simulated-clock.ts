import type { Clock } from '../kernel/port.ts'

/** A clock that stands still until it is told to move. Timers behave like Node's: a delay below 1 or beyond 2^31 - 1 is taken as 1. */
export interface SimulatedClock extends Clock {
  /** How many timers are armed. */
  readonly pending: number
  /** Lets `milliseconds` pass; after each timer, in order of time, promises and I/O get a few turns of the event loop. */
  advance(milliseconds: number): Promise<void>
  /** Lets `milliseconds` pass within this call: timers fire, what they await does not come back. */
  tick(milliseconds: number): void
  /** Sets the time of day, forwards or backwards, as an administrator would; no timer fires for it. */
  jump(milliseconds: number): void
}

interface Timer {
  at: number
  callback: () => void
}

const longestDelay = 2 ** 31 - 1

/** `start` is the first time of day, in milliseconds since the epoch; default 2026-01-01T00:00:00Z. */
export function simulatedClock({ start = Date.UTC(2026, 0, 1) }: { start?: number } = {}): SimulatedClock {
  let origin = start
  let elapsed = 0
  // In order of time; those of one time in the order in which they were armed.
  const timers: Timer[] = []

  function fireNext(until: number): boolean {
    const timer = timers[0]
    if (!timer || timer.at > until) return false
    timers.shift()
    elapsed = timer.at
    timer.callback()
    return true
  }

  return {
    get pending() {
      return timers.length
    },
    now: () => origin + elapsed,
    setTimeout(callback, delay) {
      const timer = { at: elapsed + (delay >= 1 && delay <= longestDelay ? delay : 1), callback }
      timers.splice(timers.findLastIndex(other => other.at <= timer.at) + 1, 0, timer)
      return timer
    },
    clearTimeout(timer) {
      const index = timers.indexOf(timer as Timer)
      if (index >= 0) timers.splice(index, 1)
    },
    async advance(milliseconds) {
      const until = elapsed + milliseconds
      await settled()
      while (fireNext(until)) await settled()
      elapsed = until
    },
    tick(milliseconds) {
      const until = elapsed + milliseconds
      while (fireNext(until));
      elapsed = until
    },
    jump(milliseconds) {
      origin += milliseconds
    },
  }
}

/** Resolves after a few turns of the event loop: what only waits for promises and immediates has happened by then. */
export async function settled(turns = 8): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise<void>(resolve => setImmediate(resolve))
}
