import { LifechartError } from '../errors.ts'

/** The bounds of a handler. docs/limits.md says what happens at each. */
export interface HttpLimits {
  /** Bytes of the body of a request. */
  bodyBytes: number
  /** Characters of one write to a client; a longer event makes a longer one. */
  pieceCharacters: number
  /** Bytes of old events that are kept for clients that read the same ones. */
  sharedBytes: number
  /** Streams that are open, in total. */
  streams: number
  /** Streams that are open per caller, where `authorize` names callers. */
  streamsPerCaller: number
  /** Milliseconds that a client may leave a stream unread. */
  unread: number
  /** Milliseconds that `authorize` has for its answer. */
  authorizeWait: number
}

export const defaultHttpLimits: HttpLimits = {
  bodyBytes: 1024 * 1024,
  pieceCharacters: 64 * 1024,
  sharedBytes: 8 * 1024 * 1024,
  streams: 10_000,
  streamsPerCaller: 100,
  unread: 15 * 60_000,
  authorizeWait: 10_000,
}

/** Fills in the defaults; `INVALID_OPTION` for what is not a positive number. */
export function resolveHttpLimits(given: Partial<HttpLimits> = {}): HttpLimits {
  const limits = { ...defaultHttpLimits, ...given }
  for (const [name, value] of Object.entries(limits)) {
    if (!Object.hasOwn(defaultHttpLimits, name))
      throw new LifechartError('INVALID_OPTION', `limits.${name} is not a limit of a handler. See docs/limits.md.`)
    if (typeof value !== 'number' || !(value > 0))
      throw new LifechartError('INVALID_OPTION', `limits.${name} is ${String(value)}; give a positive number.`)
  }
  return limits
}
