import { Bytes, type Entry } from './record.ts'

/** Turns a record into what the product shows; `seq` is its number. */
export type Project<E> = (entry: Entry, seq: number) => E

/** A contiguous range of records, shared by everybody who reads it at the same position. */
export class Batch<E> {
  /** The number of the first record. */
  readonly from: number
  /** The number of the last record. */
  readonly to: number
  readonly #entries: readonly Entry[]
  readonly #project: Project<E>
  #events: readonly E[] | undefined
  #result: IteratorResult<Batch<E>, undefined> | undefined

  constructor(entries: readonly Entry[], from: number, project: Project<E>) {
    this.#entries = entries
    this.from = from
    this.to = from + entries.length - 1
    this.#project = project
  }

  /** Stands for the records `from` … `to` (both inclusive) that no longer exist anywhere; its one event says so. */
  static gap<E>(from: number, to: number, event: E): Batch<E> {
    return new Gap(from, to, event)
  }

  get length(): number {
    return this.#entries.length
  }

  /** What an iterator answers with; one for all readers at this position. */
  get result(): IteratorResult<Batch<E>, undefined> {
    this.#result ??= { value: this, done: false }
    return this.#result
  }

  /** The events: frozen, made once and shared, unless they hold bytes, of which every reader gets a copy. */
  get events(): readonly E[] {
    if (this.#events) return this.#events
    const { from } = this
    const project = this.#project
    const entries = this.#entries
    const events = new Array<E>(entries.length)
    let shareable = true
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i]
      if (entry instanceof Bytes) shareable = false
      events[i] = project(entry, from + i)
    }
    if (shareable) this.#events = events
    return events
  }

  /** The record itself at a position, 0 … length - 1. */
  entry(index: number): Entry {
    return this.#entries[index]
  }

  /** The event at a position, 0 … length - 1. */
  event(index: number): E {
    return this.#events ? (this.#events[index] as E) : this.#project(this.#entries[index], this.from + index)
  }

  [Symbol.iterator](): Iterator<E> {
    return this.events[Symbol.iterator]()
  }
}

class Gap<E> extends Batch<E> {
  constructor(from: number, to: number, event: E) {
    super([undefined], from, () => event)
    Object.defineProperty(this, 'to', { value: to })
  }
}
