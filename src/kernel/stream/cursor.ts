import { LifechartError } from '../../errors.ts'
import type { Batch } from './batch.ts'
import type { Stream } from './stream.ts'

export interface FollowOptions {
  /** The number of the last event one has; the next one follows. Default 0: from the start. */
  after?: number
  /** Ends the subscription quietly. */
  signal?: AbortSignal
}

const finished: IteratorResult<never, undefined> = Object.freeze({ value: undefined, done: true })

/** A position that is pulled: the reader asks for the next batch when it has dealt with the one before. */
export class PullCursor<E> implements AsyncIterableIterator<Batch<E>, undefined> {
  readonly #stream: Stream<E>
  #at: number
  #closed = false
  #error: LifechartError | undefined
  #unheard: (() => void) | undefined
  #resolve: ((result: IteratorResult<Batch<E>, undefined>) => void) | undefined
  #reject: ((error: unknown) => void) | undefined
  #turn: Promise<unknown> | undefined
  /** When the reader last asked for something (milliseconds). */
  askedAt: number

  constructor(stream: Stream<E>, { after = 0, signal }: FollowOptions) {
    this.#stream = stream
    this.#at = after
    this.askedAt = stream.house.now()
    if (signal?.aborted) {
      this.#closed = true
      return
    }
    stream.admit(this, 'reader')
    if (signal) {
      const abort = () => this.close()
      signal.addEventListener('abort', abort, { once: true })
      this.#unheard = () => signal.removeEventListener('abort', abort)
    }
    if (after !== 0) this.#check(after)
  }

  /** True while it waits for a record that is not there yet. */
  get parked(): boolean {
    return this.#resolve !== undefined
  }

  #check(after: number): void {
    const { refresh } = this.#stream
    const wrong = this.#stream.checkCursor(after)
    if (!wrong) return
    // Another process may have written what this one has not read yet: look before refusing.
    if (wrong.code === 'CURSOR_AHEAD' && refresh) {
      this.#turn = refresh().then(() => {
        const still = this.#stream.checkCursor(after)
        if (still) this.close(still)
      })
    } else this.close(wrong)
  }

  next(): Promise<IteratorResult<Batch<E>, undefined>> {
    this.askedAt = this.#stream.house.now()
    if (this.#turn) {
      // Requests of one reader are answered in order, also when it does not wait for the answers.
      const turn = this.#turn.then(
        () => this.#advance(),
        () => this.#advance(),
      )
      this.#turn = turn
      const done = () => {
        if (this.#turn === turn) this.#turn = undefined
      }
      turn.then(done, done)
      return turn
    }
    return this.#advance()
  }

  #advance(): Promise<IteratorResult<Batch<E>, undefined>> {
    const stream = this.#stream
    if (this.#closed) return this.#last()
    if (this.#at < stream.head) {
      const batch = stream.batchAfter(this.#at)
      if (!(batch instanceof Promise)) {
        this.#at = batch.to
        return Promise.resolve(batch.result)
      }
      return this.#hold(
        batch.then(
          read => this.#arrived(read),
          error => this.#broken(error),
        ),
      )
    }
    if (stream.failure) return this.#broken(stream.failure)
    if (stream.ended) {
      this.close()
      return this.#last()
    }
    return this.#hold(new Promise(this.#park))
  }

  #hold<T>(turn: Promise<T>): Promise<T> {
    this.#turn = turn
    const done = () => {
      if (this.#turn === turn) this.#turn = undefined
    }
    turn.then(done, done)
    return turn
  }

  readonly #park = (resolve: (result: IteratorResult<Batch<E>, undefined>) => void, reject: (error: unknown) => void): void => {
    this.#resolve = resolve
    this.#reject = reject
    this.#stream.park(this)
  }

  #arrived(batch: Batch<E>): IteratorResult<Batch<E>, undefined> | Promise<IteratorResult<Batch<E>, undefined>> {
    if (this.#closed) return this.#last()
    this.#at = batch.to
    return { value: batch, done: false }
  }

  #broken(error: unknown): Promise<never> {
    this.close()
    return Promise.reject(error)
  }

  /** Something was published, or the stream ended. */
  wake(): void {
    const resolve = this.#resolve
    const reject = this.#reject
    if (!resolve || !reject) return
    this.#resolve = undefined
    this.#reject = undefined
    const stream = this.#stream
    if (this.#at < stream.head) {
      const batch = stream.batchAfter(this.#at)
      if (!(batch instanceof Promise)) {
        this.#at = batch.to
        this.#turn = undefined
        resolve(batch.result)
        return
      }
    }
    this.#advanceAnew().then(resolve, reject)
  }

  #advanceAnew(): Promise<IteratorResult<Batch<E>, undefined>> {
    this.#turn = undefined
    return this.#advance()
  }

  #last(): Promise<IteratorResult<Batch<E>, undefined>> {
    const error = this.#error
    this.#error = undefined
    return error ? Promise.reject(error) : Promise.resolve(finished)
  }

  /** Ends the subscription; with an error the reader's next question is answered with it. */
  close(error?: LifechartError): void {
    if (this.#closed) return
    this.#closed = true
    this.#error = error
    this.#unheard?.()
    this.#stream.release(this)
    const resolve = this.#resolve
    const reject = this.#reject
    this.#resolve = undefined
    this.#reject = undefined
    if (resolve && reject) this.#last().then(resolve, reject)
  }

  return(): Promise<IteratorResult<Batch<E>, undefined>> {
    this.close()
    this.#error = undefined
    return Promise.resolve(finished)
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close()
    return Promise.resolve()
  }
}

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
    if (!this.#turn && batch && this.#index < batch.length) return Promise.resolve({ value: batch.event(this.#index++), done: false })
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
    if (this.#closed) return finished
    const batch = this.#batch
    if (batch && this.#index < batch.length) return { value: batch.event(this.#index++), done: false }
    const { value, done } = await (this.#cursor ?? (await this.#found())).next()
    if (done || !value) {
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

  async *#later(): AsyncGenerator<Batch<E>, undefined> {
    try {
      yield* await this.#found()
    } finally {
      this.#close()
    }
    return undefined
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
