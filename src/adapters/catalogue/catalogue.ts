import type { Id } from '../../kernel/port.ts'
import type { Entry, OrderField } from './entry.ts'
import type { Head, Plan, World } from './head.ts'
import { checkId } from './ids.ts'
import { createOrder, type Order } from './order.ts'

/** The truth about streams and keys, as far as it is durable. */
export interface Catalogue<Body> extends World {
  readonly size: number
  readonly orders: Readonly<Record<OrderField, Order>>
  /** The streams of each session, alive or dead. */
  readonly owned: ReadonlyMap<Id, ReadonlySet<Entry<Body>>>
  entries(): Iterable<Entry<Body>>
  entry(stream: Id): Entry<Body> | undefined
  /** By id, or by a key that names it. Throws `INVALID_ID`. */
  find(at: Id | { key: Id }): Entry<Body> | undefined
  /** Makes a plan true. */
  apply(plan: Plan): void
  /** Sets a head as it was read from a store; its keys are its own from here on. */
  restore(head: Head): Entry<Body>
  remove(stream: Id): void
}

export function createCatalogue<Body>(emptyBody: () => Body): Catalogue<Body> {
  const streams = new Map<Id, Entry<Body>>()
  const keys = new Map<Id, Id>()
  const owned = new Map<Id, Set<Entry<Body>>>()
  const all = () => streams.values()
  const orders = { created: createOrder('created', all), changed: createOrder('changed', all), due: createOrder('due', all) }

  const leave = (session: Id | undefined, entry: Entry<Body>) => {
    if (session === undefined) return
    const those = owned.get(session)!
    those.delete(entry)
    if (those.size === 0) owned.delete(session)
  }
  const join = (session: Id | undefined, entry: Entry<Body>) => {
    if (session === undefined) return
    const those = owned.get(session)
    if (those === undefined) owned.set(session, new Set([entry]))
    else those.add(entry)
  }
  const set = (head: Head, known = streams.get(head.stream)): Entry<Body> => {
    let entry = known
    if (entry === undefined) {
      entry = { head, body: emptyBody(), sorted: { created: undefined, changed: undefined, due: undefined } }
      streams.set(head.stream, entry)
      join(head.session, entry)
    } else {
      const { session } = entry.head
      entry.head = head
      if (session !== head.session) {
        leave(session, entry)
        join(head.session, entry)
      }
    }
    orders.created.touch(entry)
    orders.changed.touch(entry)
    orders.due.touch(entry)
    return entry
  }
  const remove = (stream: Id) => {
    const entry = streams.get(stream)
    if (entry === undefined) return
    streams.delete(stream)
    for (const key of entry.head.keys) if (keys.get(key) === stream) keys.delete(key)
    leave(entry.head.session, entry)
    for (const order of Object.values(orders)) order.drop(entry)
  }

  return {
    get size() {
      return streams.size
    },
    orders,
    owned,
    head: stream => streams.get(stream)?.head,
    holder: key => keys.get(key),
    entries: all,
    entry: stream => streams.get(stream),
    find(at) {
      const id = typeof at === 'object' ? keys.get(at.key) : at
      const entry = id === undefined ? undefined : streams.get(id)
      if (entry === undefined) checkId(typeof at === 'object' ? at.key : at, 'id')
      return entry
    },
    apply(plan) {
      for (const head of plan.heads) set(head)
      if (plan.removed !== undefined) remove(plan.removed)
      for (const [key, holder] of plan.keys) {
        if (holder === undefined) keys.delete(key)
        else keys.set(key, holder)
      }
    },
    restore(head) {
      const known = streams.get(head.stream)
      for (const key of known?.head.keys ?? []) if (keys.get(key) === head.stream) keys.delete(key)
      for (const key of head.keys) keys.set(key, head.stream)
      return set(head, known)
    },
    remove,
  }
}
