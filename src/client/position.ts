import { ConnectionLost, FollowError } from './error.ts'

/** Behind which event of which run. */
export interface Position {
  /** Unknown until the first event, when the caller did not know either. */
  runId: string | undefined
  seq: number
}

/** Where a caller wants to begin. Throws `CURSOR_INVALID`. */
export function positionAfter(after: unknown): Position {
  if (after === undefined) return { runId: undefined, seq: 0 }
  if (typeof after === 'number' && Number.isSafeInteger(after) && after >= 0) return { runId: undefined, seq: after }
  const position = typeof after === 'string' ? parse(after) : undefined
  if (!position) throw new FollowError('`after` has to be a number or a cursor "<runId>:<seq>".', { code: 'CURSOR_INVALID' })
  return position
}

/** Where an event is. */
export function positionOf(id: string | undefined, runId: string | undefined): Position {
  const position = parse(id ?? '')
  if (!position || position.runId !== (runId ?? position.runId))
    throw new ConnectionLost('The server sent an event that is not of the run.')
  return position
}

function parse(cursor: string): Position | undefined {
  const colon = cursor.lastIndexOf(':')
  const digits = cursor.slice(colon + 1)
  const seq = Number(digits)
  return colon > 0 && String(seq) === digits && Number.isSafeInteger(seq) && seq >= 0 ? { runId: cursor.slice(0, colon), seq } : undefined
}
