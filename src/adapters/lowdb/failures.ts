import { LifechartError } from '../../errors.ts'

/** The code of a system error, such as `ENOSPC`. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

/** A write that is known not to have happened: `STORE_FULL` or `STORE_BUSY`. */
export function notWritten(cause: unknown): LifechartError {
  if (cause instanceof LifechartError) return cause
  const code = systemCode(cause)
  return code === 'ENOSPC' || code === 'EDQUOT'
    ? new LifechartError('STORE_FULL', 'The disk is full; nothing was written. Make room and try again.', { retryable: true, cause })
    : new LifechartError('STORE_BUSY', 'The disk refused a write; nothing was written. Try again.', { retryable: true, cause })
}

/** The store could not be opened or read. */
export function unavailable(cause: unknown): LifechartError {
  if (cause instanceof LifechartError) return cause
  const code = systemCode(cause)
  if (code === 'ENOSPC' || code === 'EDQUOT') return notWritten(cause)
  return new LifechartError('STORE_UNAVAILABLE', 'The store can not be read or written; look at the cause.', { retryable: true, cause })
}

export function corrupt(path: string, offset: number): LifechartError {
  const message = 'Acknowledged data is damaged. Open the store with `readOnly: true` to read the rest, or restore a copy.'
  return new LifechartError('STORE_CORRUPT', message, { details: { path, offset } })
}

export function newerFormat(found: number, supported: number): LifechartError {
  const message = 'The store was written by a newer version of Lifechart; open it with that one.'
  return new LifechartError('STORE_VERSION', message, { details: { format: found, supported } })
}
