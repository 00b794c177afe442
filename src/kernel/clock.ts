import type { Clock } from './environment.ts'

/** Longer delays than this overflow a Node timer and would fire at once. */
const longestTimer = 2_147_483_647

/** The machine's own time. Timers hold the process open only while they are short of firing something. */
export const systemClock: Clock = {
  now: () => Date.now(),
  setTimeout: (callback, delay) => setTimeout(callback, Math.min(Math.max(delay, 0), longestTimer)),
  clearTimeout: timer => clearTimeout(timer as NodeJS.Timeout),
}

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
