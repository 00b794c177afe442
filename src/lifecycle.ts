import { type AnyMachineSnapshot, type AnyStateMachine, createActor, type EventFromLogic, type OutputFrom, type SnapshotFrom } from 'xstate'
import { isLifechartError, LifechartError } from './errors.ts'
import { readEnvelope } from './kernel/envelope.ts'
import { accepts } from './kernel/host/decision.ts'
import type { Host } from './kernel/host/host.ts'
import type { Kernel } from './kernel/kernel.ts'
import { type FollowOptions, PullCursor } from './kernel/stream/cursor.ts'
import type { StepRecord } from './kernel/stream/record.ts'
import type { Stream } from './kernel/stream/stream.ts'
import { Subscription } from './kernel/stream/subscription.ts'

/** One committed step of a lifecycle. */
export interface LifecycleStep<M extends AnyStateMachine> extends Omit<StepRecord, 'event' | 'value'> {
  type: 'step'
  event: EventFromLogic<M> | { type: `xstate.${string}` | `lifechart.${string}` }
  value: SnapshotFrom<M>['value']
}

/** Steps that no longer exist anywhere; both inclusive. */
export interface Gap {
  type: 'gap'
  from: number
  to: number
}

/** A user's chart, durable: every step is committed before anything of it happens. Disposing parks it. */
export interface Lifecycle<M extends AnyStateMachine> extends AsyncDisposable {
  readonly id: string
  /** The committed state. For a lifecycle that another process owns: as of its newest step that was read here. */
  readonly snapshot: SnapshotFrom<M>
  /** Resolves when the first commit is durable; rejects with `LIFECYCLE_EXISTS` or what the store refused. */
  readonly started: Promise<void>
  /** The output. Rejects with `CHART_FAULT` when the chart ended as an error, `RUNTIME_CLOSED` when it was parked. */
  readonly ended: Promise<OutputFrom<M>>
  /** True if the chart would take the event now. */
  can(event: EventFromLogic<M>): boolean
  /**
   * Sends an event; resolves with the state after its step is committed and its actions have run. Rejects with
   * `EVENT_REFUSED`, `EVENT_RESERVED`, `CHART_FAULT`, `LIFECYCLE_ENDED`, `NOT_SERIALIZABLE`, `STORE_UNAVAILABLE`, and with
   * `LIFECYCLE_ELSEWHERE` when its owner does not answer, or changed meanwhile: look at the state before sending it again.
   */
  dispatch(event: EventFromLogic<M>): Promise<SnapshotFrom<M>>
  /** The steps, from the first or from `after`, and on as they come; ends behind the last one. */
  steps(options?: FollowOptions): Subscription<LifecycleStep<M> | Gap>
}

/** A handle on a lifecycle: here while there is a host, else followed where it is. */
export class Handle {
  readonly id: string
  readonly started: Promise<void>
  readonly #machine: AnyStateMachine
  readonly #kernel: Kernel
  readonly #leave: (handle: Handle) => Promise<void>
  #stream: Stream<unknown>
  #host: Host | undefined
  /** What was read of a lifecycle that is elsewhere, and the number of its step. */
  #read: { snapshot: AnyMachineSnapshot; seq: number } | undefined
  /** Ends the watch over a lifecycle that is elsewhere. */
  #unwatch: (() => void) | undefined
  #ended: Promise<unknown> | undefined

  constructor(
    id: string,
    machine: AnyStateMachine,
    kernel: Kernel,
    place: { stream: Stream<unknown>; host: Host | undefined; started: Promise<void> },
    leave: (handle: Handle) => Promise<void>,
  ) {
    this.id = id
    this.#machine = machine
    this.#kernel = kernel
    this.#stream = place.stream
    this.#host = place.host
    this.started = place.started
    this.#leave = leave
    place.started.catch(() => undefined)
    if (!place.host) this.#watch()
  }

  get stream(): Stream<unknown> {
    return this.#stream
  }

  /** Undefined while the lifecycle is elsewhere. */
  get host(): Host | undefined {
    return this.#host
  }

  get snapshot(): AnyMachineSnapshot {
    const snapshot = this.#host?.snapshot ?? this.#read?.snapshot
    if (!snapshot) throw new LifechartError('RUNTIME_CLOSED', `${this.id} is not attached any more.`)
    return snapshot
  }

  get ended(): Promise<unknown> {
    if (!this.#ended) {
      this.#ended = this.started.then(() => this.#end())
      this.#ended.catch(() => undefined)
    }
    return this.#ended
  }

  async #end(): Promise<unknown> {
    await this.#stream.whenClosed()
    if (!this.#stream.ended) throw new LifechartError('RUNTIME_CLOSED', `${this.id} was parked, or the runtime closed; it has not ended.`)
    if (!this.#host) await this.refresh()
    const { status, output, error } = this.snapshot
    if (status === 'done') return output
    throw new LifechartError('CHART_FAULT', `${this.id} ended as an error.`, { cause: error })
  }

  can(event: { type: string }): boolean {
    return this.#host ? this.#host.can(event) : accepts(this.snapshot, event)
  }

  async dispatch(event: { type: string }): Promise<AnyMachineSnapshot> {
    const host = this.#host
    if (!host) return this.#command(event)
    try {
      return await host.dispatch(event)
    } catch (error) {
      // What is sent to a lifecycle that could not be created has the same reason.
      if (!host.begun) await this.started
      if (!isLifechartError(error, 'VERSION_CONFLICT', 'OWNED', 'SESSION_LOST')) throw error
      throw new LifechartError('LIFECYCLE_ELSEWHERE', `${this.id} was taken over meanwhile. Look at its state before sending again.`, {
        retryable: true,
        cause: error,
      })
    }
  }

  async #command(event: { type: string }): Promise<AnyMachineSnapshot> {
    if (this.#stream.ended) throw new LifechartError('LIFECYCLE_ENDED', `${this.id} has ended.`)
    await this.#kernel.commands.send(this.#stream, event)
    if (!this.#host) await this.refresh()
    return this.snapshot
  }

  steps(options: FollowOptions = {}): Subscription<unknown> {
    return new Subscription(new PullCursor(this.#stream, options))
  }

  /** Reads the state of a lifecycle that is elsewhere. */
  async refresh(): Promise<void> {
    const head = await this.#kernel.adapter.load(this.#stream.id)
    if (!head) throw new LifechartError('STREAM_NOT_FOUND', `${this.id} was forgotten.`)
    const { seq, snapshot } = readEnvelope(this.#machine, head.stream, head.state, this.#kernel.environment.logger)
    // An answer that came late must not hide a newer one.
    if (this.#read && seq < this.#read.seq) return
    this.#read = { seq, snapshot: createActor(this.#machine, { snapshot: snapshot as never }).getSnapshot() as AnyMachineSnapshot }
  }

  #watch(): void {
    this.#unwatch = this.#kernel.listeners.add(this.#stream.id, () => this.#look())
  }

  #look(): void {
    this.refresh().catch(error => this.#unread(error))
  }

  #unread(error: unknown): void {
    if (this.#kernel.closed) return
    this.#kernel.environment.logger.warn('The state of a lifecycle could not be read; trying again with its next step.', {
      lifecycle: this.#stream.id,
      error: String(error),
    })
  }

  /** Another runtime owns it now. */
  detach(host: Host): void {
    if (this.#host !== host) return
    this.#read = { snapshot: host.snapshot, seq: host.writer.version }
    this.#host = undefined
    this.#watch()
    // The next owner may have come a long way by now.
    this.#look()
  }

  /** It is ours again. */
  reattach(host: Host): void {
    this.#unwatch?.()
    this.#host = host
    this.#stream = host.stream
    this.#read = undefined
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#unwatch?.()
    await this.#leave(this)
  }
}
