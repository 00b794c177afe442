import type { Json, StreamHead } from '../../kernel/port.ts'
import type { Head } from './head.ts'

/** A copy for the caller, who may do with it what it likes. */
export function presentHead({ stream, kind, version, floor, session, index }: Head, state: Json | undefined): StreamHead {
  return { stream, kind, version, floor, session, index: { ...index }, state }
}
