import { LifechartError } from '../../errors.ts'
import { type Id, portLimits, type Query } from '../../kernel/port.ts'
import type { OrderField } from './entry.ts'
import type { Head } from './head.ts'
import type { Position } from './order.ts'

/** A query that was found good, with its defaults. */
export interface Search {
  order: OrderField
  descending: boolean
  limit: number
  /** The last stream of the page before. */
  behind: Position | undefined
  dueUntil: number | undefined
  orphaned: boolean
  matches(head: Head): boolean
}

const fields = ['scope', 'owner', 'context', 'parent', 'state', 'live'] as const
const orders: readonly string[] = ['created', 'changed', 'due'] satisfies OrderField[]

/** Throws `INVALID_QUERY`. */
export function parseQuery(query: Query, dead: (session: Id) => boolean): Search {
  const { kinds, where = {}, dueUntil, orphaned = false, free = false, order = 'created', descending = false, limit } = query
  if (!(Number.isSafeInteger(limit) && limit >= 1 && limit <= portLimits.pageItems)) {
    throw invalidQuery(`\`limit\` is 1 to ${portLimits.pageItems}.`)
  }
  if (!orders.includes(order)) throw invalidQuery('`order` is created, changed or due.')
  if (dueUntil !== undefined && (typeof dueUntil !== 'number' || Number.isNaN(dueUntil)))
    throw invalidQuery('`dueUntil` is a time in milliseconds.')
  const wanted = fields.filter(field => where[field] !== undefined)
  return {
    order,
    descending,
    limit,
    behind: query.cursor === undefined ? undefined : parseCursor(query.cursor, order, descending),
    dueUntil,
    orphaned,
    matches({ kind, session, index }) {
      if (kinds !== undefined && !kinds.includes(kind)) return false
      for (const field of wanted) if (index[field] !== where[field]) return false
      if ((dueUntil !== undefined || order === 'due') && index.due === null) return false
      if (dueUntil !== undefined && index.due! > dueUntil) return false
      if (orphaned && (session === undefined || !dead(session))) return false
      return !free || session === undefined || dead(session)
    },
  }
}

/** Opaque to callers; it names the order, so that it is not taken for a position in another one. */
export function writeCursor({ order, descending }: Search, { at, id }: Position): string {
  return Buffer.from(JSON.stringify([order, descending, at, id])).toString('base64url')
}

function parseCursor(cursor: string, order: OrderField, descending: boolean): Position {
  const text = Buffer.from(cursor, 'base64url')
  let parts: unknown
  try {
    parts = JSON.parse(text.toString())
  } catch (cause) {
    throw invalidQuery(notOurs, cause)
  }
  if (Array.isArray(parts) && parts.length === 4 && text.toString('base64url') === cursor) {
    const [its, way, at, id]: unknown[] = parts
    if (its === order && way === descending && typeof at === 'number' && typeof id === 'string') return { at, id }
  }
  throw invalidQuery(notOurs)
}

const notOurs = '`cursor` is not the `next` of a page of this query.'
const invalidQuery = (message: string, cause?: unknown) => new LifechartError('INVALID_QUERY', message, { cause })
