import { wait } from './clock.ts'
import type { Clock } from './environment.ts'
import { refused, unavailable } from './stream/persist.ts'

export interface Insistence {
  readonly clock: Clock
  /** Gives up when aborted, with the last error. */
  readonly signal: AbortSignal
  /** Milliseconds of failing after which it is `STORE_UNAVAILABLE`; for ever if infinite. */
  readonly grace: number
}

const firstDelay = 10
const longestDelay = 1_000

/** Asks the store again, with a growing delay (10 ms to 1 s), while it fails without refusing. */
export async function insist<T>(ask: () => Promise<T>, { clock, signal, grace }: Insistence): Promise<T> {
  let until = Number.POSITIVE_INFINITY
  for (let delay = firstDelay; ; delay = Math.min(delay * 2, longestDelay)) {
    // Each time: a clock that is set back must not lengthen the grace.
    until = Math.min(until, clock.now() + grace)
    try {
      return await ask()
    } catch (error) {
      if (signal.aborted || refused(error)) throw error
      if (clock.now() >= until) throw unavailable(error)
    }
    await wait(clock, delay, signal)
  }
}
