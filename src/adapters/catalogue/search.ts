import { setImmediate } from 'node:timers/promises'
import type { Id, Query } from '../../kernel/port.ts'
import type { Catalogue } from './catalogue.ts'
import type { Entry } from './entry.ts'
import { comparePositions, type Position } from './order.ts'
import { parseQuery, type Search, writeCursor } from './query.ts'

/** How many streams are sorted or looked at before the event loop gets its turn. */
const slice = 5_000
/** Up to so many candidates are sorted on the spot; beyond, the sorted order is walked. */
const few = 2_000

/** One page of streams. Throws `INVALID_QUERY`. */
export async function search<Body>(
  catalogue: Catalogue<Body>,
  query: Query,
  alive: (session: Id) => boolean,
): Promise<{ entries: Entry<Body>[]; next: string | undefined }> {
  const wanted = parseQuery(query, session => !alive(session))
  const found = (await candidates(catalogue, wanted, alive)) ?? (await walk(catalogue, wanted))
  const entries = found.slice(0, wanted.limit)
  const last = entries.at(-1)
  return { entries, next: last !== undefined && found.length > wanted.limit ? writeCursor(wanted, place(last, wanted)) : undefined }
}

const place = ({ head }: Entry<unknown>, { order }: Search): Position => ({ at: head.index[order] ?? 0, id: head.stream })

/** The few that are due or orphaned, sorted; undefined when they are not few, or when the query is about neither. */
async function candidates<Body>(
  catalogue: Catalogue<Body>,
  wanted: Search,
  alive: (session: Id) => boolean,
): Promise<Entry<Body>[] | undefined> {
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
  const compare = (a: Entry<Body>, b: Entry<Body>) => way * comparePositions(place(a, wanted), place(b, wanted))
  const { behind } = wanted
  return some
    .filter(entry => wanted.matches(entry.head) && (behind === undefined || way * comparePositions(place(entry, wanted), behind) > 0))
    .sort(compare)
}

/** Walks the order until the page is full and one more is known to follow. */
async function walk<Body>(catalogue: Catalogue<Body>, wanted: Search): Promise<Entry<Body>[]> {
  const order = catalogue.orders[wanted.order]
  const found: Entry<Body>[] = []
  let behind = wanted.behind
  for (;;) {
    while (!order.settle(slice)) await setImmediate()
    let looked = 0
    let more = false
    for (const slot of order.walk(behind, wanted.descending)) {
      if (wanted.order === 'due' && wanted.dueUntil !== undefined && !wanted.descending && slot.at > wanted.dueUntil) return found
      const entry = catalogue.entry(slot.id)!
      if (wanted.matches(entry.head)) found.push(entry)
      if (found.length > wanted.limit) return found
      behind = slot
      if ((more = ++looked === slice)) break
    }
    if (!more) return found
    await setImmediate()
  }
}
