import { isLifechartError, LifechartError } from '../errors.ts'
import type { StreamChanged } from './port.ts'
import { decode, Step } from './stream/record.ts'
import { type Presentation, Stream, type StreamHouse } from './stream/stream.ts'

const pageRecords = 1024

/** Follows one stream that is stored, and perhaps still written by another runtime. */
class Tail<E> {
  readonly stream: Stream<E>
  readonly #house: StreamHouse
  /** The stream is ours now, or nobody follows it any more. */
  dropped = false
  #reading: Promise<void> | undefined
  #again = false

  constructor(stream: Stream<E>, house: StreamHouse) {
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
    this.#reading = this.#read().finally(() => {
      this.#reading = undefined
    })
    return this.#reading
  }

  async #read(): Promise<void> {
    const { stream } = this
    try {
      do {
        this.#again = false
        for (;;) {
          if (stream.ended) return
          const after = stream.head
          const { events, head } = await this.#house.adapter.read(stream.id, {
            after,
            limit: pageRecords,
            maxBytes: 1024 * 1024,
          })
          if (this.dropped) return
          if (events.length === 0) break
          const entries = events.map(decode)
          stream.publish(entries, events)
          const last = entries.at(-1)
          if (last instanceof Step && last.record.status !== 'active') stream.end()
          if (stream.head >= head) break
        }
      } while (this.#again)
    } catch (error) {
      if (isLifechartError(error, 'STREAM_NOT_FOUND', 'GAP')) {
        stream.dispose(new LifechartError('STREAM_NOT_FOUND', `${stream.id} was forgotten.`, { cause: error }))
        return
      }
      // The next change is another chance; until then the followers wait.
      this.#house.logger.warn('A stream could not be read; trying again with its next change.', { stream: stream.id, error: String(error) })
    }
  }
}

/** The streams that are followed here and not owned here. */
export class Tails {
  readonly #house: StreamHouse
  readonly #tails = new Map<string, Tail<unknown>>()

  constructor(house: StreamHouse) {
    this.#house = house
  }

  get size(): number {
    return this.#tails.size
  }

  get<E>(id: string): Stream<E> | undefined {
    return this.#tails.get(id)?.stream as Stream<E> | undefined
  }

  /** Starts to follow a stored stream whose newest record is `version`. */
  follow<E>(id: string, version: number, live: boolean, presentation: Presentation<E>): Stream<E> {
    const known = this.get<E>(id)
    if (known) return known
    const stream = new Stream<E>(id, version, this.#house, presentation)
    this.adopt(stream)
    if (!live) stream.end()
    return stream
  }

  /** Goes on feeding a stream that was written here until now. */
  adopt<E>(stream: Stream<E>): void {
    const tail = new Tail(stream, this.#house)
    this.#tails.set(stream.id, tail as unknown as Tail<unknown>)
  }

  /** Stops following; the stream itself lives on, or is disposed by its owner. */
  drop(id: string): void {
    const tail = this.#tails.get(id)
    if (tail) {
      tail.stream.refresh = undefined
      tail.dropped = true
    }
    this.#tails.delete(id)
  }

  changed(changed: StreamChanged): void {
    if (changed === 'all') for (const tail of this.#tails.values()) void tail.refresh()
    else {
      const tail = this.#tails.get(changed.stream)
      if (tail && tail.stream.head < changed.version) void tail.refresh()
    }
  }

  close(error: LifechartError): void {
    for (const tail of this.#tails.values()) tail.stream.dispose(error)
    this.#tails.clear()
  }
}
