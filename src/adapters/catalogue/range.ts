import { LifechartError } from '../../errors.ts'
import { type Id, portLimits, type ReadPage } from '../../kernel/port.ts'
import type { Head } from './head.ts'
import { checkId } from './ids.ts'

/** The last number a page may hold. Throws `INVALID_ID`, `STREAM_NOT_FOUND`, `GAP`, `CURSOR_AHEAD` or `INVALID_QUERY`. */
export function checkRange(stream: Id, head: Head | undefined, { after, limit, maxBytes }: ReadPage): { head: Head; end: number } {
  if (head === undefined) checkId(stream, 'stream id')
  const { pageItems } = portLimits
  if (!(Number.isSafeInteger(after) && after >= 0 && Number.isSafeInteger(limit) && limit >= 1 && limit <= pageItems)) {
    throw new LifechartError('INVALID_QUERY', `\`after\` is a number of an event, \`limit\` 1 to ${pageItems}.`)
  }
  if (maxBytes !== undefined && !(maxBytes >= 0)) throw new LifechartError('INVALID_QUERY', '`maxBytes` is a number of bytes.')
  if (head === undefined)
    throw new LifechartError('STREAM_NOT_FOUND', 'There is no such stream; it may have been forgotten.', { details: { stream } })
  const { floor, version } = head
  if (after < floor) {
    throw new LifechartError('GAP', 'These events were forgotten; go on after the floor.', { details: { stream, floor } })
  }
  if (after > version) {
    throw new LifechartError('CURSOR_AHEAD', 'The stream does not reach that far.', { details: { stream, head: version } })
  }
  return { head, end: Math.min(version, after + limit) }
}
