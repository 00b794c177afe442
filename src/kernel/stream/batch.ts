import type { Json } from '../port.ts'
import { Bytes, decode, type Entry, isChunkText, Step } from './record.ts'

/** Turns a record into what the product shows; `seq` is its number. */
export type Project<E> = (entry: Entry, seq: number) => E

/** Records in a row. At least one of the two is there: the records, or the texts they are stored as. */
export interface Records {
  entries?: readonly Entry[]
  texts?: readonly Json[]
}

/** A contiguous range of records, shared by everybody who reads it at the same position. */
export class Batch<E> {
  /** The number of the first record. */
  readonly from: number
  /** The number of the last record. */
  readonly to: number
  readonly length: number
  #entries: readonly Entry[] | undefined
  readonly #texts: readonly Json[] | undefined
  readonly #project: Project<E>
  #events: readonly E[] | undefined
  #result: IteratorResult<Batch<E>, undefined> | undefined

  constructor({ entries, texts }: Records, from: number, project: Project<E>) {
    this.#entries = entries
    this.#texts = texts
    this.from = from
    this.length = (entries ?? texts ?? []).length
    this.to = from + this.length - 1
    this.#project = project
  }

  /** Stands for the records `from` … `to` (both inclusive) that no longer exist anywhere; its one event says so. */
  static gap<E>(from: number, to: number, event: E): Batch<E> {
    return new Gap(from, to, event)
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
    const entries = this.#decoded()
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

  /** The records are there, and not only the texts that somebody stored. */
  get decoded(): boolean {
    return this.#entries !== undefined
  }

  /** The record itself at a position, 0 … length - 1. */
  entry(index: number): Entry {
    return this.#decoded()[index]
  }

  /** The event at a position, 0 … length - 1. */
  event(index: number): E {
    return this.#events ? (this.#events[index] as E) : this.#project(this.entry(index), this.from + index)
  }

  /** The JSON of the chunk at a position, as it is stored, without decoding anything; undefined where there is no such chunk. */
  chunkText(index: number): Json | undefined {
    const text = this.#texts?.[index]
    // Its own text, of which nothing has been read yet: to look at it costs more than all the rest.
    if (text !== undefined && typeof this.#entries?.[index] === 'string') return text
    if (text !== undefined) return isChunkText(text) ? text : undefined
    const entry = this.entry(index)
    return entry instanceof Step || entry instanceof Bytes ? undefined : JSON.stringify(entry)
  }

  /** The chunk at a position, if it is a text, without decoding one in which nothing is escaped; undefined for anything else. */
  chunkString(index: number): string | undefined {
    const text = this.#entries ? undefined : this.#texts?.[index]
    if (text?.startsWith('"') && !text.includes('\\')) return text.slice(1, -1)
    const entry = this.entry(index)
    return typeof entry === 'string' ? entry : undefined
  }

  #decoded(): readonly Entry[] {
    this.#entries ??= (this.#texts ?? []).map(decode)
    return this.#entries
  }

  [Symbol.iterator](): Iterator<E> {
    return this.events[Symbol.iterator]()
  }
}

class Gap<E> extends Batch<E> {
  constructor(from: number, to: number, event: E) {
    super({ entries: [undefined] }, from, () => event)
    Object.defineProperty(this, 'to', { value: to })
  }

  override chunkText(): undefined {
    return undefined
  }
}
