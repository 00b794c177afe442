import type { LifechartError } from '../../errors.ts'
import type { Batch } from './batch.ts'
import type { Stream } from './stream.ts'

export interface FollowOptions {
  /** The number of the last event one has; the next one follows. Default 0: from the start. */
  after?: number
  /** Ends the subscription quietly. */
  signal?: AbortSignal
}

export const finished: IteratorResult<never, undefined> = Object.freeze({ value: undefined, done: true })

/** A position that is pulled: the reader asks for the next batch when it has dealt with the one before. */
export class PullCursor<E> implements AsyncIterableIterator<Batch<E>, undefined> {
  readonly #stream: Stream<E>
  #at: number
  #closed = false
  /** The reader's signal ended it: what it has in hand is not wanted any more. */
  aborted = false
  #error: LifechartError | undefined
  #unheard: (() => void) | undefined
  /** Set while the reader waits for a record that is not there yet. */
  #resolve: ((result: IteratorResult<Batch<E>, undefined>) => void) | undefined
  #reject: ((error: unknown) => void) | undefined
  /** Set while an answer is under way that a further question has to wait for. */
  #turn: Promise<unknown> | undefined
  #asked = true
  #seen = 0

  constructor(stream: Stream<E>, { after = 0, signal }: FollowOptions) {
    this.#stream = stream
    this.#at = after
    if (signal?.aborted) {
      this.#closed = true
      return
    }
    stream.admit(this, 'reader')
    if (signal) {
      const abort = () => {
        this.aborted = true
        this.close()
      }
      signal.addEventListener('abort', abort, { once: true })
      this.#unheard = () => signal.removeEventListener('abort', abort)
    }
    if (after !== 0) this.#check(after)
  }

  /** True if the reader has not asked for anything since `since`; one that waits for us is not idle. Looked at now and then. */
  idle(now: number, since: number): boolean {
    if (this.#asked || this.#resolve) {
      this.#asked = false
      this.#seen = now
    }
    return this.#seen < since
  }

  #check(after: number): void {
    const { refresh } = this.#stream
    const wrong = this.#stream.checkCursor(after)
    if (!wrong) return
    // Another process may have written what this one has not read yet: look before refusing.
    if (wrong.code !== 'CURSOR_AHEAD' || !refresh) {
      this.close(wrong)
      return
    }
    this.#turn = refresh().then(() => {
      this.#turn = undefined
      const still = this.#stream.checkCursor(after)
      if (still) this.close(still)
    })
  }

  next(): Promise<IteratorResult<Batch<E>, undefined>> {
    this.#asked = true
    if (this.#turn) return this.#behind(this.#turn)
    if (this.#resolve) return this.#behind(new Promise<void>(resolve => this.#overtake(resolve)))
    return this.#advance()
  }

  /** Questions of one reader are answered in order, also when it does not wait for the answers. */
  #behind(turn: Promise<unknown>): Promise<IteratorResult<Batch<E>, undefined>> {
    const answer: Promise<IteratorResult<Batch<E>, undefined>> = turn.then(
      () => this.#ask(answer),
      () => this.#ask(answer),
    )
    this.#turn = answer
    return answer
  }

  #ask(turn: Promise<unknown>): Promise<IteratorResult<Batch<E>, undefined>> {
    if (this.#turn === turn) this.#turn = undefined
    return this.#advance()
  }

  /** Calls back when the question that waits has been answered. */
  #overtake(answered: () => void): void {
    const resolve = this.#resolve
    const reject = this.#reject
    this.#resolve = result => {
      resolve?.(result)
      answered()
    }
    this.#reject = error => {
      reject?.(error)
      answered()
    }
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
      return this.#load(batch)
    }
    if (stream.failure) return this.#broken(stream.failure)
    if (stream.ended) {
      this.close()
      return this.#last()
    }
    return new Promise(this.#park)
  }

  readonly #park = (resolve: (result: IteratorResult<Batch<E>, undefined>) => void, reject: (error: unknown) => void): void => {
    this.#resolve = resolve
    this.#reject = reject
    this.#stream.park(this)
  }

  /** From the store. */
  #load(batch: Promise<Batch<E>>): Promise<IteratorResult<Batch<E>, undefined>> {
    const turn = batch.then(
      read => {
        if (this.#turn === turn) this.#turn = undefined
        if (this.#closed) return this.#last()
        this.#at = read.to
        return read.result
      },
      error => {
        if (this.#turn === turn) this.#turn = undefined
        return this.#broken(error)
      },
    )
    this.#turn = turn
    return turn
  }

  #broken(error: unknown): Promise<never> {
    this.close()
    return Promise.reject(error)
  }

  /** Something was published, or the stream ended or failed. */
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
        resolve(batch.result)
        return
      }
    }
    this.#advance().then(resolve, reject)
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
