import { isLifechartError, LifechartError } from '../../errors.ts'
import { wait } from '../clock.ts'
import type { Clock, Commit, PersistenceAdapter } from '../port.ts'

export interface PersistOptions {
  adapter: PersistenceAdapter
  clock: Clock
  /** Milliseconds after which a commit without an answer counts as a failure of the store. */
  grace: number
  /** Called once per commit when the grace has passed; the commit goes on being tried. */
  onOverdue(error: LifechartError): void
  /** Gives up when aborted: the error is `RUNTIME_CLOSED`. */
  signal: AbortSignal
}

const firstDelay = 10
const longestDelay = 5_000

/** True for a refusal: nothing was written, and the same commit will never be accepted. */
function final(error: unknown): boolean {
  return isLifechartError(error) && !error.retryable && error.code !== 'STORE_FAILED' && error.code !== 'OUTCOME_UNKNOWN'
}

/**
 * Commits, and repeats the very same commit until it is answered: a store that was full, busy, or whose answer got lost is
 * asked again with a growing delay (10 ms to 5 s), for as long as it takes. Refusals are thrown.
 */
export async function persist(commit: Commit, { adapter, clock, grace, onOverdue, signal }: PersistOptions): Promise<readonly number[]> {
  let last: unknown
  let timer: unknown
  try {
    for (let delay = firstDelay; ; delay = Math.min(delay * 2, longestDelay)) {
      try {
        const attempt = adapter.commit(commit)
        // Armed at the first attempt only, and while it is under way: a store may hang as well as refuse.
        timer ??= clock.setTimeout(() => onOverdue(unavailable(last)), grace)
        return await attempt
      } catch (error) {
        if (signal.aborted || final(error)) throw error
        last = error
      }
      await wait(clock, delay, signal)
      if (signal.aborted) throw new LifechartError('RUNTIME_CLOSED', 'The runtime was closed before the store answered.', { cause: last })
    }
  } finally {
    clock.clearTimeout(timer)
  }
}

export function unavailable(cause: unknown): LifechartError {
  return new LifechartError('STORE_UNAVAILABLE', 'The store does not answer. What was acknowledged is safe; try again later.', {
    retryable: true,
    cause,
  })
}
