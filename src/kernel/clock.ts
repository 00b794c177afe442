import type { Clock } from './environment.ts'

/** Longer delays than this overflow a Node timer and would fire at once. */
const longestTimer = 2_147_483_647

/** Stands for the timers that make up one long delay. */
class LongTimer {
  part: unknown
}

/** The same clock, for delays of any length: one beyond 2^31 - 1 ms is waited for in parts, an infinite one never ends. */
export function anyDelay(clock: Clock): Clock {
  const arm = (long: LongTimer, callback: () => void, delay: number) => {
    const rest = delay - longestTimer
    long.part = rest > 0 ? clock.setTimeout(() => arm(long, callback, rest), longestTimer) : clock.setTimeout(callback, delay)
  }
  return {
    now: () => clock.now(),
    setTimeout(callback, delay) {
      if (delay <= longestTimer) return clock.setTimeout(callback, delay)
      const long = new LongTimer()
      arm(long, callback, delay)
      return long
    },
    clearTimeout: timer => clock.clearTimeout(timer instanceof LongTimer ? timer.part : timer),
  }
}

/** The machine's own time. Timers hold the process open only while they are short of firing something. */
export const systemClock: Clock = anyDelay({
  now: () => Date.now(),
  setTimeout: (callback, delay) => setTimeout(callback, Math.max(delay, 0)),
  clearTimeout: timer => clearTimeout(timer as NodeJS.Timeout),
})

/** Resolves after `delay` milliseconds of the given clock, or at once when the signal is aborted. */
export function wait(clock: Clock, delay: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve()
  return new Promise(resolve => {
    const timer = clock.setTimeout(done, delay)
    function done() {
      clock.clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    signal?.addEventListener('abort', done)
  })
}
