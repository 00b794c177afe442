import { LifechartError } from '../errors.ts'
import type { Batch } from '../kernel/stream/batch.ts'
import { PullCursor } from '../kernel/stream/cursor.ts'
import { Step } from '../kernel/stream/record.ts'
import type { Stream } from '../kernel/stream/stream.ts'
import { eventOf, taskEvent } from './events.ts'
import type { StreamResponse } from './model.ts'
import { endsStream, type Progress } from './progress.ts'
import type { Ids } from './records.ts'
import { stateOf } from './states.ts'
import type { TaskView } from './view.ts'

/** Which events a reader gets, and when it has seen enough. */
export interface FeedOptions {
  ids: Ids
  /** The number of the last record the reader knows. */
  after: number
  /** Comes before everything else. */
  first?: StreamResponse | undefined
  /** As of `after`, and the reader's own: the folded task takes the place of status updates. */
  folding?: TaskView | undefined
  /** Ends with the outcome of one request, else with the task. */
  progress?: Progress | undefined
  /** It goes on when the user is asked for input. Default false. */
  staysOpen?: boolean | undefined
  signal?: AbortSignal | undefined
  /** Called once, by whichever way it ends. */
  onClose?: (() => void) | undefined
}

/** What has to be found before the events can be read. */
export type FeedSource = { answer: StreamResponse } | { stream: Stream<unknown>; options: FeedOptions }

const finished: IteratorResult<StreamResponse, undefined> = { value: undefined, done: true }

/**
 * The events of a task for one reader, each an object of its own. Like a generator, but `return` does not wait for a `next` that is under
 * way.
 */
export class TaskFeed implements AsyncGenerator<StreamResponse, void, undefined> {
  #opening: Promise<FeedSource> | undefined
  #cursor: PullCursor<unknown> | undefined
  #options: FeedOptions | undefined
  #batch: Batch<unknown> | undefined
  #index = 0
  #turn: Promise<unknown> = Promise.resolve()
  #closed = false
  /** Ends the wait for what is to be read. */
  #leave: (() => void) | undefined
  /** The error behind the last event. */
  #refusal: LifechartError | undefined
  #ending = false
  #onEnd: (() => void) | undefined

  /** `open` is called at once: what it does is under way, whether the feed is read or not. `onEnd` is called once, whatever the end. */
  constructor(open: () => Promise<FeedSource>, onEnd?: () => void) {
    this.#onEnd = onEnd
    this.#opening = open()
    // A feed that is not read has nobody to tell of it.
    this.#opening.catch(() => this.#end())
  }

  next(): Promise<IteratorResult<StreamResponse, undefined>> {
    const turn = this.#turn.then(
      () => this.#next(),
      () => this.#next(),
    )
    this.#turn = turn
    return turn
  }

  async #next(): Promise<IteratorResult<StreamResponse, undefined>> {
    if (this.#closed) return finished
    if (this.#opening) {
      const first = await this.#begin(this.#opening)
      if (first) return { value: first, done: false }
    }
    while (!this.#closed) {
      const event = this.#ending ? undefined : this.#take()
      if (event) return { value: event, done: false }
      if (this.#ending) return this.#finish()
      const { value, done } = await this.#pull()
      if (done || !value) return this.#finish()
      this.#batch = value as Batch<unknown>
      this.#index = 0
    }
    return finished
  }

  /** What can not be read on is left. */
  async #pull(): Promise<IteratorResult<unknown, undefined>> {
    try {
      return (await this.#cursor?.next()) ?? finished
    } catch (error) {
      this.#close()
      throw error
    }
  }

  async #begin(opening: Promise<FeedSource>): Promise<StreamResponse | undefined> {
    const left = new Promise<undefined>(resolve => {
      this.#leave = () => resolve(undefined)
    })
    let source: FeedSource | undefined
    try {
      source = await Promise.race([opening, left])
    } catch (error) {
      this.#opening = undefined
      this.#close()
      throw error
    }
    this.#opening = undefined
    if (this.#closed || !source) return undefined
    if ('answer' in source) {
      this.#ending = true
      return source.answer
    }
    const { stream, options } = source
    this.#options = options
    try {
      this.#cursor = new PullCursor(stream, { after: options.after, ...(options.signal && { signal: options.signal }) })
    } catch (error) {
      this.#close()
      throw error
    }
    return options.first
  }

  /** The next event of the batch, if there is one for the reader. */
  #take(): StreamResponse | undefined {
    const batch = this.#batch
    if (!batch || !this.#options) return undefined
    while (this.#index < batch.length && !this.#ending) {
      const seq = batch.from + this.#index
      const entry = batch.entry(this.#index++)
      if (entry === undefined) {
        this.#refusal = new LifechartError('GAP', 'Events of this task no longer exist. Subscribe again from its newest state.')
        this.#ending = true
        return undefined
      }
      const event = this.#eventOf(entry, seq, this.#options)
      if (entry instanceof Step) this.#judge(entry, this.#options)
      if (event) return event
    }
    return undefined
  }

  #eventOf(entry: unknown, seq: number, { folding, ids }: FeedOptions): StreamResponse | undefined {
    const event = eventOf(entry, seq, ids)
    if (!folding) return event
    folding.apply(entry)
    return event?.payload?.$case === 'statusUpdate' ? taskEvent(folding.task(), seq, folding.attempt) : event
  }

  /** Whether the step ends it. */
  #judge({ record }: Step, { progress, staysOpen }: FeedOptions): void {
    const outcome = progress?.see(record)
    if (outcome === 'unexecuted') {
      this.#refusal = new LifechartError(
        'TASK_TERMINAL',
        'The task ended before this message was its turn. Send it without a task id to begin a new one.',
      )
    }
    this.#ending = outcome !== undefined && endsStream(outcome, stateOf(record.value), staysOpen)
  }

  #finish(): IteratorResult<StreamResponse, undefined> {
    const refusal = this.#refusal
    this.#refusal = undefined
    this.#close()
    if (refusal) throw refusal
    return finished
  }

  #close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#leave?.()
    this.#cursor?.close()
    this.#options?.onClose?.()
    this.#end()
    this.#opening?.then(
      source => 'options' in source && source.options.onClose?.(),
      () => undefined,
    )
  }

  #end(): void {
    const onEnd = this.#onEnd
    this.#onEnd = undefined
    onEnd?.()
  }

  return(): Promise<IteratorResult<StreamResponse, undefined>> {
    this.#close()
    return Promise.resolve(finished)
  }

  throw(error: unknown): Promise<IteratorResult<StreamResponse, undefined>> {
    this.#close()
    return Promise.reject(error)
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#close()
  }
}
