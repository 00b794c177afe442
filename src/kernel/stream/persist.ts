import { type ErrorCode, isLifechartError, LifechartError } from '../../errors.ts'
import { wait } from '../clock.ts'
import type { Clock, Commit, PersistenceAdapter } from '../port.ts'

export interface Persistence {
  readonly adapter: PersistenceAdapter
  readonly clock: Clock
  /** Gives up when aborted: the error is `RUNTIME_CLOSED`. */
  readonly signal: AbortSignal
}

const firstDelay = 10
const longestDelay = 5_000

/** A store that can not go on for now, or until somebody repairs it: nobody was refused. */
const unable: readonly ErrorCode[] = ['OUTCOME_UNKNOWN', 'STORE_FAILED', 'STORE_CLOSED', 'STORE_CORRUPT', 'STORE_READ_ONLY', 'STORE_LOCKED']

/** True for a refusal: nothing was written, and the same commit will never be accepted. */
export function refused(error: unknown): boolean {
  return isLifechartError(error) && !error.retryable && !unable.includes(error.code)
}

/** Commits, and goes on as {@link repeat} when the store has no answer. */
export function persist(commit: Commit, persistence: Persistence): Promise<readonly number[]> {
  return persistence.adapter.commit(commit).catch(error => repeat(commit, error, persistence))
}

/**
 * Repeats the very same commit until it is answered: a store that was full, busy, or whose answer got lost is asked again with a
 * growing delay (10 ms to 5 s), for as long as it takes. Refusals are thrown. `onFailure` is told of each failure.
 */
export async function repeat(
  commit: Commit,
  failure: unknown,
  { adapter, clock, signal }: Persistence,
  onFailure?: (error: unknown) => void,
): Promise<readonly number[]> {
  let last = failure
  for (let delay = firstDelay; ; delay = Math.min(delay * 2, longestDelay)) {
    if (signal.aborted || refused(last)) throw last
    onFailure?.(last)
    await wait(clock, delay, signal)
    if (signal.aborted) throw new LifechartError('RUNTIME_CLOSED', 'The runtime was closed before the store answered.', { cause: last })
    try {
      return await adapter.commit(commit)
    } catch (error) {
      last = error
    }
  }
}

export function unavailable(cause: unknown): LifechartError {
  return new LifechartError('STORE_UNAVAILABLE', 'The store does not answer. What was acknowledged is safe; try again later.', {
    retryable: true,
    cause,
  })
}
