import { LifechartError } from '../../errors.ts'
import type { Batch } from './batch.ts'
import { finished, PullCursor } from './cursor.ts'

/** A subscription, to be read once: event by event, or in batches. Registered from the start, also before the first pull. */
export class Subscription<E> implements AsyncIterableIterator<E, undefined> {
  #cursor: PullCursor<E> | undefined
  #opening: Promise<PullCursor<E>> | undefined
  #batch: Batch<E> | undefined
  #index = 0
  #turn: Promise<unknown> | undefined
  #taken = false
  #closed = false

  /** A cursor that is still to be found may be promised; its error is what the first `next` answers with. */
  constructor(cursor: PullCursor<E> | Promise<PullCursor<E>>) {
    if (cursor instanceof PullCursor) this.#cursor = cursor
    else {
      this.#opening = cursor
      cursor.then(
        found => {
          this.#cursor = found
          if (this.#closed) found.close()
        },
        () => undefined,
      )
    }
  }

  next(): Promise<IteratorResult<E, undefined>> {
    const batch = this.#batch
    if (!this.#turn && batch && this.#index < batch.length && !this.#cursor?.aborted) {
      this.#cursor?.taken()
      return Promise.resolve({ value: batch.event(this.#index++), done: false })
    }
    const turn = this.#turn
      ? this.#turn.then(
          () => this.#take(),
          () => this.#take(),
        )
      : this.#take()
    this.#turn = turn
    const done = () => {
      if (this.#turn === turn) this.#turn = undefined
    }
    turn.then(done, done)
    return turn
  }

  async #take(): Promise<IteratorResult<E, undefined>> {
    if (this.#closed || this.#cursor?.aborted) return finished
    const batch = this.#batch
    if (batch && this.#index < batch.length) return { value: batch.event(this.#index++), done: false }
    const { value, done } = await (this.#cursor ?? (await this.#found())).next()
    if (done || !value || this.#closed) {
      this.#closed = true
      return finished
    }
    this.#batch = value
    this.#index = 1
    return { value: value.event(0), done: false }
  }

  async #found(): Promise<PullCursor<E>> {
    try {
      return await (this.#opening as Promise<PullCursor<E>>)
    } catch (error) {
      this.#closed = true
      throw error
    }
  }

  /** The same subscription, in batches: everything published since the last pull at once. */
  batches(): AsyncIterableIterator<Batch<E>, undefined> {
    this.#claim()
    return this.#cursor ?? this.#later()
  }

  /** Not a generator: one that was never pulled would not notice that it is left. */
  #later(): AsyncIterableIterator<Batch<E>, undefined> {
    const batches: AsyncIterableIterator<Batch<E>, undefined> = {
      next: async () => (this.#closed ? finished : (this.#cursor ?? (await this.#found())).next()),
      return: async () => {
        this.#close()
        return finished
      },
      [Symbol.asyncIterator]: () => batches,
    }
    return batches
  }

  return(): Promise<IteratorResult<E, undefined>> {
    this.#close()
    return Promise.resolve(finished)
  }

  #close(): void {
    this.#closed = true
    this.#batch = undefined
    this.#cursor?.close()
  }

  #claim(): void {
    if (this.#taken) throw new LifechartError('CURSOR_INVALID', 'A subscription is read once. Subscribe again to read again.')
    this.#taken = true
  }

  [Symbol.asyncIterator](): this {
    this.#claim()
    return this
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#close()
    return Promise.resolve()
  }
}
