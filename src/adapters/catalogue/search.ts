import { setImmediate } from 'node:timers/promises'
import type { Id, Query } from '../../kernel/port.ts'
import type { Catalogue } from './catalogue.ts'
import type { Entry } from './entry.ts'
import type { Head } from './head.ts'
import { comparePositions, type Position } from './order.ts'
import { parseQuery, type Search, writeCursor } from './query.ts'

/** How many streams are sorted or looked at before the event loop gets its turn. */
const slice = 1_000
/** Up to so many candidates are sorted on the spot; beyond, the sorted order is walked. */
const few = 2_000

export interface Found<Body> {
  entries: Entry<Body>[]
  next: string | undefined
  /** Whether a stream is wanted still, for whoever shows it later. */
  matches(head: Head): boolean
}

/** A stream, and where it was in the order when it was found: it may move while others are looked at. */
interface Hit<Body> {
  entry: Entry<Body>
  at: Position
}

/** One page of streams that match now. Throws `INVALID_QUERY`. */
export async function search<Body>(catalogue: Catalogue<Body>, query: Query, alive: (session: Id) => boolean): Promise<Found<Body>> {
  const wanted = parseQuery(query, session => !alive(session))
  const { matches, limit } = wanted
  const found = (await candidates(catalogue, wanted, alive)) ?? (await walk(catalogue, wanted))
  const hits = found.slice(0, limit)
  // Who moved may have been met twice.
  const entries = [...new Set(hits.map(({ entry }) => entry))].filter(
    entry => catalogue.entry(entry.head.stream) === entry && matches(entry.head),
  )
  return { entries, next: found.length > limit ? writeCursor(wanted, hits.at(-1)!.at) : undefined, matches }
}

const place = ({ head }: Entry<unknown>, { order }: Search): Position => ({ at: head.index[order] ?? 0, id: head.stream })

/** The few that are due or orphaned, sorted; undefined when they are not few, or when the query is about neither. */
async function candidates<Body>(
  catalogue: Catalogue<Body>,
  wanted: Search,
  alive: (session: Id) => boolean,
): Promise<Hit<Body>[] | undefined> {
  const some: Entry<Body>[] = []
  if (wanted.orphaned) {
    for (const [session, owned] of catalogue.owned) {
      if (alive(session)) continue
      if (some.length + owned.size > few) return undefined
      some.push(...owned)
    }
  } else if (wanted.dueUntil !== undefined && wanted.order !== 'due') {
    while (!catalogue.orders.due.settle(slice)) await setImmediate()
    for (const { at, id } of catalogue.orders.due.walk(undefined, false)) {
      if (at > wanted.dueUntil) break
      if (some.length === few) return undefined
      some.push(catalogue.entry(id)!)
    }
  } else return undefined

  const way = wanted.descending ? -1 : 1
  const { behind } = wanted
  return some
    .filter(entry => wanted.matches(entry.head))
    .map(entry => ({ entry, at: place(entry, wanted) }))
    .filter(({ at }) => behind === undefined || way * comparePositions(at, behind) > 0)
    .sort((a, b) => way * comparePositions(a.at, b.at))
}

/** Walks the order until the page is full and one more is known to follow. */
async function walk<Body>(catalogue: Catalogue<Body>, wanted: Search): Promise<Hit<Body>[]> {
  const order = catalogue.orders[wanted.order]
  const found: Hit<Body>[] = []
  let behind = wanted.behind
  for (;;) {
    while (!order.settle(slice)) await setImmediate()
    let looked = 0
    let more = false
    for (const slot of order.walk(behind, wanted.descending)) {
      if (wanted.order === 'due' && wanted.dueUntil !== undefined && !wanted.descending && slot.at > wanted.dueUntil) return found
      const entry = catalogue.entry(slot.id)!
      if (wanted.matches(entry.head)) found.push({ entry, at: slot })
      if (found.length > wanted.limit) return found
      behind = slot
      if ((more = ++looked === slice)) break
    }
    if (!more) return found
    await setImmediate()
  }
}
