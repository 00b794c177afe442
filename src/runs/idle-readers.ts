import type { Clock } from '../kernel/port.ts'
import type { Stream } from '../kernel/stream/stream.ts'
import type { RunEvent } from './events.ts'

/** Readers of ended runs that have asked for nothing for between one and two limits are closed: nothing is kept for them. */
export class IdleReaders {
  readonly #clock: Clock
  readonly #limit: number
  readonly #streams = new Set<Stream<RunEvent>>()
  #timer: unknown
  #closed = false

  /** The limit is in milliseconds. */
  constructor(clock: Clock, limit: number) {
    this.#clock = clock
    this.#limit = limit
  }

  /** Looks at those who follow the stream, here or elsewhere executed, until nobody does. */
  watch(stream: Stream<RunEvent>): void {
    if (this.#closed) return
    this.#streams.add(stream)
    this.#timer ??= this.#clock.setTimeout(() => this.#look(), this.#limit / 2)
  }

  #look(): void {
    this.#timer = undefined
    const since = this.#clock.now() - this.#limit
    for (const stream of [...this.#streams]) {
      if (stream.ended) stream.closeIdleReaders(since)
      if (stream.audience === 0) this.#streams.delete(stream)
    }
    if (this.#streams.size > 0) this.#timer = this.#clock.setTimeout(() => this.#look(), this.#limit / 2)
  }

  close(): void {
    this.#closed = true
    this.#clock.clearTimeout(this.#timer)
    this.#streams.clear()
  }
}
