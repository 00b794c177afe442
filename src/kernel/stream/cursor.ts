import type { Page } from './backlog.ts'
import type { Batch } from './batch.ts'
import type { PulledFollower, Stream } from './stream.ts'

export interface FollowOptions {
  /** The number of the last event one has; the next one follows. Default 0: from the start. */
  after?: number
  /** Ends the subscription quietly. */
  signal?: AbortSignal
}

/** What a reader may ask for beyond that. */
export interface CursorOptions extends FollowOptions {
  /** How much it reads at a time of what is older than the window. */
  page?: Page
}

export const finished: IteratorResult<never, undefined> = Object.freeze({ value: undefined, done: true })

type Answer<E> = IteratorResult<Batch<E>, undefined>

/** A question that is not answered yet. */
interface Question<E> {
  resolve(answer: Answer<E> | PromiseLike<Answer<E>>): void
  reject(error: unknown): void
}

/** A position that is pulled: the reader asks for the next batch when it has dealt with the one before. */
export class PullCursor<E> implements AsyncIterableIterator<Batch<E>, undefined>, PulledFollower {
  readonly #stream: Stream<E>
  readonly #page: Page | undefined
  #at: number
  #closed = false
  #checking: Promise<void> | undefined
  #error: unknown
  #unheard: (() => void) | undefined
  /** In the order in which they were asked; a reader need not wait for one answer before the next question. */
  readonly #questions: Question<E>[] = []
  /** Waiting for the store, or for something to be published. */
  #busy = false
  #aborted = false
  #asked = true
  #seen = 0

  constructor(stream: Stream<E>, { after = 0, signal, page }: CursorOptions) {
    this.#stream = stream
    this.#page = page
    this.#at = after
    if (signal?.aborted) {
      this.#closed = true
      this.#aborted = true
      return
    }
    const wrong = after === 0 ? undefined : stream.checkCursor(after)
    // Another process may have written what this one has not read yet: look before refusing.
    const unread = wrong?.code === 'CURSOR_AHEAD' ? stream.refresh : undefined
    if (wrong && !unread) {
      // It never joins: an attached run is not left by somebody who was not there.
      this.#closed = true
      this.#error = wrong
      return
    }
    stream.admitReader(this)
    if (signal) {
      const abort = () => {
        this.#aborted = true
        this.close()
      }
      signal.addEventListener('abort', abort, { once: true })
      this.#unheard = () => signal.removeEventListener('abort', abort)
    }
    if (unread) this.#checking = this.#checkAgain(after, unread)
  }

  /** Its signal was aborted: what it has in hand is not wanted either. */
  get aborted(): boolean {
    return this.#aborted
  }

  /** Resolves when it is known that the position is one of the stream; else rejects as the first question would. */
  async checked(): Promise<void> {
    await this.#checking
    if (this.#error === undefined) return
    const error = this.#error
    this.#error = undefined
    throw error
  }

  /** Something is published that the reader has not been given. */
  get behind(): boolean {
    return this.#at < this.#stream.head
  }

  /** The number of the last record that the reader was given. */
  get position(): number {
    return this.#at
  }

  /** The reader goes on behind this record: it took its batch up to there only, or has what follows from somebody else. */
  moveTo(position: number): void {
    this.#asked = true
    this.#at = position
  }

  /** The reader took something of a batch that it was given before. */
  taken(): void {
    this.#asked = true
  }

  /** True if the reader has not asked for anything since `since`; one that waits for us is not idle. Looked at now and then. */
  idle(now: number, since: number): boolean {
    if (this.#asked || this.#questions.length > 0) {
      this.#asked = false
      this.#seen = now
    }
    return this.#seen < since
  }

  #checkAgain(after: number, refresh: () => Promise<void>): Promise<void> {
    this.#busy = true
    return refresh().then(
      () => {
        const still = this.#stream.checkCursor(after)
        if (still) this.close(still)
        this.#goOn()
      },
      error => this.close(error),
    )
  }

  next(): Promise<Answer<E>> {
    this.#asked = true
    const stream = this.#stream
    // What is there already is answered at once.
    if (this.#questions.length === 0 && !this.#busy && !this.#closed && this.#at < stream.head) {
      const batch = stream.batchAfter(this.#at, this.#page)
      if (!(batch instanceof Promise)) {
        this.#at = batch.to
        return Promise.resolve(batch.result)
      }
      return this.#ask(() => this.#load(batch))
    }
    return this.#ask(() => this.#answer())
  }

  #ask(begin: () => void): Promise<Answer<E>> {
    return new Promise((resolve, reject) => {
      this.#questions.push({ resolve, reject })
      // Closed while it waited: nothing comes that would answer.
      if (!this.#busy || this.#closed) begin()
    })
  }

  /** Answers what can be answered now, in order. */
  #answer(): void {
    const stream = this.#stream
    while (this.#questions.length > 0) {
      if (this.#closed) this.#settleLast()
      else if (this.#at < stream.head) {
        const batch = stream.batchAfter(this.#at, this.#page)
        if (batch instanceof Promise) {
          this.#load(batch)
          return
        }
        this.#at = batch.to
        this.#questions.shift()?.resolve(batch.result)
      } else if (stream.failure) this.close(stream.failure)
      else if (stream.ended) this.close()
      else {
        this.#busy = true
        stream.park(this)
        return
      }
    }
  }

  /** From the store. */
  #load(batch: Promise<Batch<E>>): void {
    this.#busy = true
    batch.then(
      read => {
        if (!this.#closed) {
          this.#at = read.to
          this.#questions.shift()?.resolve(read.result)
        }
        this.#goOn()
      },
      error => {
        this.close(error)
        this.#goOn()
      },
    )
  }

  #goOn(): void {
    this.#busy = false
    this.#answer()
  }

  /** Something was published, or the stream ended or failed. */
  wake(): void {
    if (!this.#closed) this.#goOn()
  }

  /** Behind the end: the error once, if there is one, then done. */
  #settleLast(): void {
    const question = this.#questions.shift()
    const error = this.#error
    this.#error = undefined
    if (error === undefined) question?.resolve(finished)
    else question?.reject(error)
  }

  /** Ends the subscription; with an error the reader's next question is answered with it. */
  close(error?: unknown): void {
    if (this.#closed) return
    this.#closed = true
    // Who has all of it misses nothing.
    if (!this.#stream.ended || this.#at !== this.#stream.head) this.#error = error
    this.#unheard?.()
    this.#stream.releaseReader(this)
    while (this.#questions.length > 0) this.#settleLast()
  }

  return(): Promise<Answer<E>> {
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
