import { isLifechartError, LifechartError } from '../errors.ts'
import { errorText } from '../kernel/error-text.ts'
import type { StreamHead } from '../kernel/port.ts'
import { type FollowOptions, PullCursor } from '../kernel/stream/cursor.ts'
import { type Following, type Sink, SinkCursor, type SinkOptions } from '../kernel/stream/sink.ts'
import type { Stream } from '../kernel/stream/stream.ts'
import { Subscription } from '../kernel/stream/subscription.ts'
import { type RunEvent, runPresentation } from './events.ts'
import { type Feed, type FeedOptions, openFeed } from './feed.ts'
import type { LiveRun } from './live-run.ts'
import { latestKey, runIdOf, runStream } from './names.ts'
import { checkRunId } from './options.ts'
import type { Roster } from './roster.ts'

export interface Selection {
  /** An exact run, in place of the latest one of the id. */
  runId?: string
}

/** Finds the stream that an id means, here or in the store, and follows it. */
export class Reading {
  readonly #roster: Roster

  constructor(roster: Roster) {
    this.#roster = roster
  }

  subscribe(id: string, { runId, ...options }: FollowOptions & Selection): Subscription<RunEvent> {
    try {
      return new Subscription(this.#locate(id, runId, stream => new PullCursor(stream, options)))
    } catch (error) {
      return new Subscription<RunEvent>(Promise.reject(error))
    }
  }

  /** For those who pass the events on. `RUN_NOT_FOUND`, `RUN_EVICTED`, `CURSOR_OTHER_RUN`, `CURSOR_AHEAD`, `CURSOR_INVALID`, `SUBSCRIBER_LIMIT`. */
  async open(id: string, { runId, after, ...options }: FeedOptions): Promise<Feed> {
    const feed = await this.#locate(id, runId, stream => openFeed(stream, { after, ...options }))
    await feed.cursor.checked()
    return feed
  }

  /** Which run an id means, and whether it has ended. `RUN_NOT_FOUND`, `RUN_EVICTED`, `INVALID_ID`. */
  async find(id: string, runId: string | undefined): Promise<{ runId: string; ended: boolean }> {
    return this.#locate(id, runId, ({ id: stream, ended }) => ({ runId: runIdOf(stream), ended }))
  }

  /** Joins the stream that is meant: at once when it is here, else when it is found. Who joins keeps it followed. */
  #locate<T>(id: string, runId: string | undefined, join: (stream: Stream<RunEvent>) => T): T | Promise<T> {
    const here = this.#roster.here(id, runId)
    if (!here) return this.#head(id, runId).then(head => this.#join(head, join))
    return runId !== undefined || !here.over ? join(here.stream) : this.#atNewest(id, here, join)
  }

  /** The latest run here has ended; another process may have started one since. The one here is kept meanwhile. */
  async #atNewest<T>(id: string, here: LiveRun, join: (stream: Stream<RunEvent>) => T): Promise<T> {
    const { ephemeral, kernel } = this.#roster
    const keeper = new PullCursor(here.stream, {})
    let holder: StreamHead | undefined
    try {
      holder = here.kernel === ephemeral ? undefined : await kernel.insist(() => this.holder(id))
    } finally {
      keeper.close()
    }
    return holder === undefined || holder.stream === here.stream.id ? join(here.stream) : this.#join(holder, join)
  }

  followWith(id: string, sink: Sink<RunEvent>, { runId, onClose, ...options }: SinkOptions & Selection): Following {
    let following: Following | undefined
    let closed = false
    const close = (error?: LifechartError) => {
      if (closed) return
      closed = true
      following?.close()
      try {
        onClose?.(error)
      } catch (thrown) {
        this.#roster.kernel.environment.logger.warn('The onClose of a sink threw.', { id, error: errorText(thrown) })
      }
    }
    const fail = (error: unknown) => close(isLifechartError(error) ? error : unreadable(error))
    const join = (stream: Stream<RunEvent>) => {
      try {
        following = new SinkCursor(stream, sink, { ...options, onClose: close })
      } catch (error) {
        fail(error)
      }
    }
    const found = this.#locate(id, runId, stream => closed || join(stream))
    if (found instanceof Promise) found.catch(fail)
    return { close: () => close(), [Symbol.dispose]: () => close() }
  }

  /** What is stored of the latest run of the id. */
  holder(id: string): Promise<StreamHead | undefined> {
    return this.#roster.kernel.adapter.load({ key: latestKey(id) })
  }

  /** A run that may not be in memory. `RUN_NOT_FOUND`, `RUN_EVICTED`, `INVALID_ID`. */
  async #head(id: string, runId: string | undefined): Promise<StreamHead> {
    checkRunId(id)
    const { kernel, retained } = this.#roster
    const head = runId === undefined ? await this.holder(id) : await kernel.adapter.load(runStream(runId))
    if (head && head.index.context === id) return head
    const name = runId ?? `of "${id}"`
    if (retained.wasEvicted(runId ?? latestKey(id))) {
      throw new LifechartError('RUN_EVICTED', `The run ${name} has ended and is no longer kept.`)
    }
    throw new LifechartError('RUN_NOT_FOUND', `There is no run ${name}.`)
  }

  /** Whoever joins keeps it followed; if nobody does after all, it is let go of. */
  #join<T>(head: StreamHead, join: (stream: Stream<RunEvent>) => T): T {
    const stream = this.follow(head)
    const letGo = stream.hold()
    try {
      return join(stream)
    } finally {
      letGo()
    }
  }

  /**
   * Follows a stored run: the one that is executed here, else as another process writes it, for as long as somebody listens. Join
   * before anything is awaited.
   */
  follow(head: StreamHead): Stream<RunEvent> {
    const { lanes, kernel, idleReaders } = this.#roster
    const here = lanes.run(runIdOf(head.stream))
    if (here && !here.host.released) return here.stream
    const stream = kernel.tails.borrow(head.stream, head.version, head.index.live, runPresentation)
    idleReaders.watch(stream)
    return stream
  }
}

function unreadable(cause: unknown): LifechartError {
  return new LifechartError('STORE_UNAVAILABLE', 'The run could not be read.', { cause, retryable: true })
}
