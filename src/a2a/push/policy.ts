import { LifechartError } from '../../errors.ts'
import { type Resolve, systemResolve } from './addresses.ts'

/** How notifications are delivered. Times in milliseconds. */
export interface PushPolicy {
  /** Tries of one notification; behind the last one it is a dead letter, and the next one is delivered. Default 8. */
  attempts?: number
  /** The pause behind the first try that fails; each time twice as long, up to 300,000. Default 1,000. */
  backoff?: number
  /** For one try, from the look-up of the name to the end of the answer. Default 10,000. */
  timeout?: number
  /** Tasks and their status alone; no artifacts. Default false. */
  lifecycleOnly?: boolean
  /** Delivers also to addresses that are not public; for tests. Default false. */
  allowPrivateHosts?: boolean
  /** Finds the addresses of a host name. Default: as the system does. */
  resolve?: Resolve
}

const longestBackoff = 300_000

/** With the defaults. `INVALID_OPTION`. */
export function resolvePolicy(given: PushPolicy = {}): Required<PushPolicy> {
  const { attempts = 8, backoff = 1_000, timeout = 10_000, lifecycleOnly = false, allowPrivateHosts = false } = given
  const { resolve = systemResolve } = given
  if (!(Number.isInteger(attempts) && attempts >= 1)) throw invalid('attempts', 'a whole number, 1 or more')
  if (!(Number.isFinite(backoff) && backoff >= 0)) throw invalid('backoff', 'milliseconds, 0 or more')
  if (!(Number.isFinite(timeout) && timeout > 0)) throw invalid('timeout', 'milliseconds, more than 0')
  if (typeof lifecycleOnly !== 'boolean') throw invalid('lifecycleOnly', 'true or false')
  if (typeof allowPrivateHosts !== 'boolean') throw invalid('allowPrivateHosts', 'true or false')
  return { attempts, backoff, timeout, lifecycleOnly, allowPrivateHosts, resolve }
}

/** Milliseconds to wait behind so many tries. */
export function pauseAfter(attempts: number, { backoff }: Required<PushPolicy>): number {
  return Math.min(backoff * 2 ** (attempts - 1), longestBackoff)
}

function invalid(name: string, allowed: string): LifechartError {
  return new LifechartError('INVALID_OPTION', `push.${name} is ${allowed}.`)
}
