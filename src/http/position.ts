import { LifechartError } from '../errors.ts'
import type { Position } from '../runs/feed.ts'

/** Digits alone: no sign, fraction or exponent. */
const whole = /^\d{1,16}$/

/**
 * What the client has: `Last-Event-ID: <runId>:<seq>`, as a browser sends it when it connects again, else `?after=`, with or
 * without the run. `CURSOR_INVALID` for anything else.
 */
export function readPosition(headers: Headers, query: URLSearchParams): number | Position | undefined {
  const header = headers.get('last-event-id')
  if (header !== null && header !== '') return parse(header, true)
  const after = query.get('after')
  return after === null ? undefined : parse(after, false)
}

function parse(text: string, runNeeded: boolean): number | Position {
  const colon = text.lastIndexOf(':')
  const digits = text.slice(colon + 1)
  const seq = Number(digits)
  if (!whole.test(digits) || !Number.isSafeInteger(seq) || colon === 0 || (colon < 0 && runNeeded)) {
    throw new LifechartError('CURSOR_INVALID', 'A position is <runId>:<number of the last event>. Use the id of that event as it came.')
  }
  return colon < 0 ? seq : { runId: text.slice(0, colon), seq }
}
