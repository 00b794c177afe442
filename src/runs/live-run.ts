import { isLifechartError, LifechartError } from '../errors.ts'
import type { Host } from '../kernel/host/host.ts'
import { watchIdle } from '../kernel/host/idle.ts'
import type { Kernel } from '../kernel/kernel.ts'
import type { FollowOptions } from '../kernel/stream/cursor.ts'
import { Bytes, decode, Step, type StepRecord } from '../kernel/stream/record.ts'
import type { Stream } from '../kernel/stream/stream.ts'
import type { Subscription } from '../kernel/stream/subscription.ts'
import type { RunContext, RunMachineEvent, StopReason } from '../machines/run.ts'
import { endOf, type RunEnd, type RunEvent, type RunStatus, statusOf } from './events.ts'
import { Execution, type Producing } from './execution.ts'
import { checkStopReason } from './options.ts'
import type { RunSpec } from './spec.ts'
import { subscribeTo } from './subscribe.ts'

/** A run that was started here. */
export interface Run {
  /** The caller's. */
  readonly id: string
  /** This run's own; a new one with each start. */
  readonly runId: string
  readonly status: RunStatus
  /** Resolves when the start is committed; then the producer is opened. Rejects with what was in the way. */
  readonly started: Promise<void>
  /** The last event. Never rejects. */
  readonly ended: Promise<RunEnd>
  /** What the producer returned, once the run is done. */
  readonly result: unknown
  /** Resolves behind the end: true if this call ended it. Rejects with `STORE_UNAVAILABLE`. */
  stop(options?: { reason?: StopReason }): Promise<boolean>
  /** Every event from the first, or from `after`, each once and in order, and on to the end. */
  subscribe(options?: FollowOptions): Subscription<RunEvent>
}

/** Told to the service. */
export interface RunWatch {
  neverBegan(run: LiveRun): void
  lateWrite(run: LiveRun): void
  audience(run: LiveRun, followers: number): void
  failed(run: LiveRun, error: unknown): void
  notStopped(run: LiveRun, error: unknown): void
}

/** A run that is executed by this process, or was. */
export class LiveRun implements Run {
  readonly id: string
  readonly runId: string
  readonly spec: RunSpec
  readonly kernel: Kernel
  readonly stream: Stream<RunEvent>
  readonly host: Host
  readonly #watch: RunWatch
  readonly started: Promise<void>
  #ended: Promise<RunEnd> | undefined
  #end: RunEnd | undefined
  readonly #execution: Execution

  constructor(spec: RunSpec, kernel: Kernel, host: Host, watch: RunWatch, opening: (run: LiveRun) => Promise<void>) {
    this.id = spec.id
    this.runId = spec.runId
    this.spec = spec
    this.kernel = kernel
    this.host = host
    this.stream = host.stream as Stream<RunEvent>
    this.#watch = watch
    this.#execution = new Execution(this, {
      lateWrite: () => watch.lateWrite(this),
      failed: error => watch.failed(this, error),
    })
    this.stream.onAudience = followers => this.#watch.audience(this, followers)
    if (spec.idleTimeout !== undefined) {
      watchIdle(host, {
        clock: kernel.environment.clock,
        idleTimeout: spec.idleTimeout,
        waiting: () => this.status === 'waiting',
        stop: () => this.stop({ reason: 'idle_timeout' }).catch(error => this.#watch.notStopped(this, error)),
      })
    }
    this.started = opening(this)
    this.started.catch(error => {
      // Its commit goes on being tried: what comes of it decides.
      if (!isLifechartError(error, 'STORE_UNAVAILABLE')) this.neverBegan(error)
    })
  }

  /** True once it can not come to life any more. */
  get over(): boolean {
    return this.#end !== undefined || this.stream.ended
  }

  get status(): RunStatus {
    return this.#end?.status ?? statusOf(this.host.snapshot)
  }

  get result(): unknown {
    return this.#end?.result
  }

  get ended(): Promise<RunEnd> {
    this.#ended ??= this.#findEnd()
    return this.#ended
  }

  /** It is being taken over here. Somebody else may be faster: what is waited for then goes on elsewhere. */
  get #arriving(): boolean {
    return !this.host.begun && this.stream.head > 0
  }

  async #findEnd(): Promise<RunEnd> {
    // A stream that is held is followed wherever it goes.
    const letGo = this.#arriving ? this.stream.hold() : undefined
    await this.stream.whenClosed()
    letGo?.()
    if (this.stream.ended) this.#end ??= await this.#readEnd()
    // Handed over in mid-run: the end belongs to the next owner, and this promise waits for it with the process.
    return this.#end ?? new Promise(() => undefined)
  }

  /** Of a run that ended elsewhere; undefined when this runtime was closed before that was read, or it is stored no more. */
  async #readEnd(): Promise<RunEnd | undefined> {
    const { kernel, stream } = this
    if (stream.window.base < stream.head) return endOf((stream.window.at(stream.head) as Step).record)
    try {
      const { events } = await kernel.insist(
        () => kernel.adapter.read(stream.id, { after: stream.head - 1, limit: 1 }),
        Number.POSITIVE_INFINITY,
      )
      return endOf((decode(events[0] as string) as Step).record)
    } catch (error) {
      if (!kernel.closed) kernel.environment.logger.warn('How a run ended can not be read.', { run: this.runId, error: String(error) })
      return undefined
    }
  }

  /** A step was committed here; the last one is the end. */
  stepped(record: StepRecord): void {
    if (record.status !== 'active') this.#end = endOf(record)
  }

  /** The start was refused: there is no such run. */
  neverBegan(error: unknown): void {
    if (this.#end || this.stream.head > 0) return
    const failure =
      error instanceof LifechartError ? error : new LifechartError('STORE_UNAVAILABLE', 'The run could not be started.', { cause: error })
    this.#execution.close()
    this.#end = Object.freeze({ seq: 0, type: 'end', status: 'error', error: { code: failure.code, message: failure.message } })
    this.kernel.remove(this.host)
    this.host.abandon(failure)
    this.stream.dispose(failure)
    this.#watch.neverBegan(this)
  }

  stop({ reason = 'user' }: { reason?: StopReason } = {}): Promise<boolean> {
    const stopped = this.#stopAsked(reason)
    // Who does not wait for the answer need not handle it.
    stopped.catch(() => undefined)
    return stopped
  }

  async #stopAsked(reason: StopReason): Promise<boolean> {
    checkStopReason(reason)
    return this.#stop({ type: 'run.stop', reason })
  }

  /** Stopped because another run of the same id takes its place. */
  async replace(by: string): Promise<void> {
    await this.#stop({ type: 'run.stop', reason: 'replaced', by })
  }

  async #stop(event: RunMachineEvent): Promise<boolean> {
    if (!this.#arriving) return this.#stopKnown(event)
    const letGo = this.stream.hold()
    try {
      await this.started.catch(() => undefined)
      return await this.#stopKnown(event)
    } finally {
      letGo()
    }
  }

  /** It is known whether it is ours. */
  async #stopKnown(event: RunMachineEvent): Promise<boolean> {
    if (this.over) return false
    let first = true
    try {
      if (this.host.released) {
        await this.kernel.commands.send(this.stream as Stream<unknown>, event)
      } else await this.host.dispatch(event)
    } catch (error) {
      if (this.over || isLifechartError(error, 'LIFECYCLE_ENDED')) return false
      if (!isLifechartError(error, 'EVENT_REFUSED')) throw error
      first = false
    }
    if (!this.host.released) await this.host.untilOver()
    if (this.over) return first
    // It left this runtime meanwhile: its end is the next owner's to commit.
    await this.stream.whenClosed()
    if (this.stream.ended) return first
    throw new LifechartError(
      'RUNTIME_CLOSED',
      `The runtime was closed before ${this.runId} had ended. It is told to stop; its next owner ends it.`,
      {
        retryable: true,
      },
    )
  }

  subscribe(options: FollowOptions = {}): Subscription<RunEvent> {
    return subscribeTo(this.stream, options)
  }

  /** The producer actor has begun. */
  produce(sendBack: (event: RunMachineEvent) => void): Producing {
    return this.#execution.begin(sendBack)
  }

  /** Runs of the id before this one that it waits for, or waited for. */
  get predecessors(): readonly string[] {
    return (this.host.snapshot.context as RunContext).predecessors
  }

  /** The store was in the way of it for too long: it does not go on as if nothing had been. */
  get givenUp(): boolean {
    return this.#execution.closed
  }

  /** The producer was opened, or was about to be. */
  get executed(): boolean {
    return this.#execution.begun
  }

  /** Takes up where the former owner was: called when the takeover is committed, before the producer is opened. */
  async resume(): Promise<void> {
    const { version } = this.host.writer
    const chunks = version - this.host.journal.steps
    this.#execution.resume({ lastSeq: version, chunks, lastChunk: chunks > 0 ? await this.#lastChunk(version) : undefined })
  }

  async #lastChunk(version: number): Promise<unknown> {
    for (let to = version; to > 0; to -= 64) {
      const after = Math.max(0, to - 64)
      const { events } = await this.kernel.adapter.read(this.stream.id, { after, limit: to - after })
      const chunk = events.map(decode).findLast(entry => !(entry instanceof Step))
      if (chunk !== undefined) return chunk instanceof Bytes ? chunk.data : chunk
    }
    return undefined
  }

  /** The end is decided, or the store is gone: nothing more is taken. */
  close(): void {
    this.#execution.close()
  }

  /** The store does not answer: the producer has to stop. */
  cutOff(): void {
    this.#execution.close()
    this.#execution.abort()
    this.host.writer.letGo()
  }
}
