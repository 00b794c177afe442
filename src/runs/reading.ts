import { isLifechartError, LifechartError } from '../errors.ts'
import type { StreamHead } from '../kernel/port.ts'
import { type FollowOptions, PullCursor } from '../kernel/stream/cursor.ts'
import { type Following, type Sink, SinkCursor, type SinkOptions } from '../kernel/stream/sink.ts'
import type { Stream } from '../kernel/stream/stream.ts'
import { Subscription } from '../kernel/stream/subscription.ts'
import { type RunEvent, runPresentation } from './events.ts'
import { type LiveRun, subscribeTo } from './live-run.ts'
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
    const here = this.#roster.here(id, runId)
    if (here && (runId !== undefined || !here.over)) return subscribeTo(here.stream, options)
    if (here) return new Subscription(this.#newest(id, here, options))
    return new Subscription(this.stream(id, runId).then(stream => new PullCursor(stream, options)))
  }

  /** The latest run here has ended; another process may have started one since. The place in the one here is kept meanwhile. */
  async #newest(id: string, here: LiveRun, options: FollowOptions): Promise<PullCursor<RunEvent>> {
    const held = new PullCursor(here.stream, options)
    const holder = here.kernel === this.#roster.ephemeral ? undefined : await this.holder(id)
    if (holder === undefined || holder.stream === here.stream.id) return held
    held.close()
    return new PullCursor(this.follow(holder), options)
  }

  followWith(id: string, sink: Sink<RunEvent>, { runId, onClose, ...options }: SinkOptions & Selection): Following {
    const here = this.#roster.here(id, runId)
    if (here && (runId !== undefined || !here.over)) return new SinkCursor(here.stream, sink, { ...options, onClose })
    let following: Following | undefined
    let closed = false
    const close = (error?: LifechartError) => {
      if (closed) return
      closed = true
      following?.close()
      onClose?.(error)
    }
    this.stream(id, runId).then(
      stream => {
        if (!closed) following = new SinkCursor(stream, sink, { ...options, onClose: close })
      },
      error =>
        close(isLifechartError(error) ? error : new LifechartError('STORE_UNAVAILABLE', 'The run could not be read.', { cause: error })),
    )
    return { close: () => close(), [Symbol.dispose]: () => close() }
  }

  /** What is stored of the latest run of the id. */
  holder(id: string): Promise<StreamHead | undefined> {
    return this.#roster.kernel.adapter.load({ key: latestKey(id) })
  }

  /** The stream of a run that may not be in memory. `RUN_NOT_FOUND`, `RUN_EVICTED`, `INVALID_ID`. */
  async stream(id: string, runId: string | undefined): Promise<Stream<RunEvent>> {
    checkRunId(id)
    const { kernel, retained } = this.#roster
    const head = runId === undefined ? await this.holder(id) : await kernel.adapter.load(runStream(runId))
    if (head && head.index.context === id) return this.follow(head)
    const name = runId ?? `of "${id}"`
    if (retained.wasEvicted(runId ?? latestKey(id))) {
      throw new LifechartError('RUN_EVICTED', `The run ${name} has ended and is no longer kept.`)
    }
    throw new LifechartError('RUN_NOT_FOUND', `There is no run ${name}.`)
  }

  /** Follows a stored run: the one that is executed here, else as another process writes it, for as long as somebody listens. */
  follow(head: StreamHead): Stream<RunEvent> {
    const { kernel, lanes } = this.#roster
    const here = lanes.run(runIdOf(head.stream))
    if (here && !here.host.released) return here.stream
    const known = kernel.tails.get<RunEvent>(head.stream)
    if (known) return known
    const stream = kernel.tails.follow(head.stream, head.version, head.index.live, runPresentation)
    stream.onAudience = followers => {
      if (followers > 0) return
      kernel.tails.drop(head.stream)
      stream.dispose()
    }
    return stream
  }
}
