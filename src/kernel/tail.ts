import { isLifechartError, LifechartError } from '../errors.ts'
import type { Json, StreamChanged } from './port.ts'
import type { Presentation, StreamHouse } from './stream/house.ts'
import { decode, Step } from './stream/record.ts'
import { Stream } from './stream/stream.ts'

const pageRecords = 1024
const pageBytes = 1024 * 1024

/** What following needs of the runtime. */
export interface TailHouse {
  readonly streams: StreamHouse
  /** Asks again while the store fails; `STORE_UNAVAILABLE` when that lasts. */
  insist<T>(ask: () => Promise<T>): Promise<T>
}

/** Follows one stream that is stored, and perhaps still written by another runtime. */
class Tail<E> {
  readonly stream: Stream<E>
  readonly #house: TailHouse
  /** The stream is ours now, or nobody follows it any more. */
  dropped = false
  #reading: Promise<void> | undefined
  #again = false

  constructor(stream: Stream<E>, house: TailHouse) {
    this.stream = stream
    this.#house = house
    stream.refresh = () => this.refresh()
  }

  /** Publishes what the store has beyond our head. One reading at a time; a change meanwhile starts another. */
  refresh(): Promise<void> {
    if (this.#reading) {
      this.#again = true
      return this.#reading
    }
    this.#reading = this.#read()
    return this.#reading
  }

  async #read(): Promise<void> {
    const { stream } = this
    await undefined
    do {
      this.#again = false
      try {
        while (!this.dropped && !stream.ended && (await this.#readPage()));
      } catch (error) {
        if (this.dropped) break
        if (isLifechartError(error, 'STORE_UNAVAILABLE')) {
          // Whoever waits is told; who stays away until then finds it going on.
          stream.fail(error)
          this.#again = stream.needed
        } else stream.dispose(this.#gone(error))
      }
    } while (this.#again && !this.dropped)
    // Here and not when the promise is looked at: a change in between would be nobody's.
    this.#reading = undefined
  }

  /** True if there may be more. */
  async #readPage(): Promise<boolean> {
    const { stream } = this
    const page = await this.#nextPage()
    if (typeof page === 'number') return this.#skip(page)
    const { events, head } = page
    if (this.dropped || events.length === 0) return false
    const entries = events.map(decode)
    const last = entries.at(-1)
    stream.publish(entries, events)
    if (last instanceof Step && last.record.status !== 'active') stream.end()
    return stream.head < head
  }

  /** What the store has beyond our head; the floor, when that begins higher up. */
  async #nextPage(): Promise<{ events: readonly Json[]; head: number } | number> {
    const { id, head } = this.stream
    const { adapter } = this.#house.streams
    try {
      return await this.#house.insist(() => adapter.read(id, { after: head, limit: pageRecords, maxBytes: pageBytes }))
    } catch (error) {
      if (isLifechartError(error, 'GAP')) return Number(error.details.floor)
      throw error
    }
  }

  async #skip(floor: number): Promise<boolean> {
    const { stream } = this
    const stored = await this.#house.insist(() => this.#house.streams.adapter.load(stream.id))
    if (this.dropped) return false
    stream.skip(floor)
    // The last record says that it is the last one; nothing does when that is gone too.
    if (stored?.version === floor && !stored.index.live) stream.end()
    return true
  }

  #gone(error: unknown): LifechartError {
    if (!isLifechartError(error, 'STREAM_NOT_FOUND')) {
      return new LifechartError('STREAM_NOT_FOUND', `${this.stream.id} can no longer be read.`, { cause: error })
    }
    return this.stream.presentation.gone?.(error) ?? error
  }
}

/** The streams that are followed here and not owned here. */
export class Tails {
  readonly #house: TailHouse
  /** By the id of the stream. More than one when a stream that was ours is followed beside one that was followed before. */
  readonly #tails = new Map<string, Tail<unknown>[]>()
  #closed: LifechartError | undefined

  constructor(house: TailHouse) {
    this.#house = house
  }

  get size(): number {
    let size = 0
    for (const tails of this.#tails.values()) size += tails.length
    return size
  }

  get<E>(id: string): Stream<E> | undefined {
    return this.#tails.get(id)?.[0]?.stream as Stream<E> | undefined
  }

  /** Like {@link follow}, for as long as somebody reads it or waits for it: who asks for it joins before anything is awaited. */
  borrow<E>(id: string, version: number, live: boolean, presentation: Presentation<E>): Stream<E> {
    const stream = this.follow<E>(id, version, live, presentation)
    if (!this.#closed) stream.onIdle = () => this.#leave(stream as unknown as Stream<unknown>)
    return stream
  }

  /** Starts to follow a stored stream whose newest record is `version`. */
  follow<E>(id: string, version: number, live: boolean, presentation: Presentation<E>): Stream<E> {
    const known = this.get<E>(id)
    if (known) return known
    const stream = new Stream<E>(id, version, this.#house.streams, presentation)
    if (this.#closed) {
      stream.dispose(this.#closed)
      return stream
    }
    const tail = this.#add(stream)
    if (!live) stream.end()
    // Something may have been written between the look at the store and now.
    else void tail.refresh()
    return stream
  }

  /** Goes on feeding a stream that was written here until now, to its end. */
  adopt<E>(stream: Stream<E>): void {
    if (stream.refresh) return
    const tail = this.#add(stream)
    stream.onAudience = undefined
    stream.onIdle = () => this.#leave(stream as unknown as Stream<unknown>)
    const letGo = stream.hold()
    void stream.whenClosed().then(letGo)
    void tail.refresh()
  }

  #add<E>(stream: Stream<E>): Tail<unknown> {
    const tail = new Tail(stream, this.#house) as unknown as Tail<unknown>
    const beside = this.#tails.get(stream.id)
    if (beside) beside.push(tail)
    else this.#tails.set(stream.id, [tail])
    return tail
  }

  #leave(stream: Stream<unknown>): void {
    this.drop(stream)
    stream.dispose()
  }

  /** Stops following; the stream itself lives on, or is disposed by its owner. */
  drop<E>(stream: Stream<E>): void {
    const left = []
    for (const tail of this.#tails.get(stream.id) ?? []) {
      if (tail.stream !== (stream as unknown)) left.push(tail)
      else tail.dropped = true
    }
    if (left.length > 0) this.#tails.set(stream.id, left)
    else this.#tails.delete(stream.id)
    stream.refresh = undefined
    stream.onIdle = undefined
  }

  changed(changed: StreamChanged): void {
    if (changed === 'all') {
      for (const tails of this.#tails.values()) for (const tail of tails) void tail.refresh()
      return
    }
    for (const tail of this.#tails.get(changed.stream) ?? []) if (tail.stream.head < changed.version) void tail.refresh()
  }

  close(error: LifechartError): void {
    this.#closed = error
    const all = [...this.#tails.values()].flat()
    for (const { stream } of all) {
      this.drop(stream)
      stream.dispose(error)
    }
  }
}
