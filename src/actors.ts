import {
  type AnyActorRef,
  type AnyMachineSnapshot,
  type AnyStateMachine,
  createActor,
  type EventFromLogic,
  type InputFrom,
  type OutputFrom,
  type SnapshotFrom,
} from 'xstate'
import { isLifechartError, LifechartError } from './errors.ts'
import { type Envelope, readEnvelope } from './kernel/envelope.ts'
import type { ChartSpec } from './kernel/host/chart.ts'
import { accepts } from './kernel/host/decision.ts'
import type { Host } from './kernel/host/host.ts'
import type { Kernel, Product } from './kernel/kernel.ts'
import type { StreamHead } from './kernel/port.ts'
import { type FollowOptions, PullCursor, Subscription } from './kernel/stream/cursor.ts'
import { Step, type StepRecord } from './kernel/stream/record.ts'
import type { Presentation, Stream } from './kernel/stream/stream.ts'
import type { Finding } from './kernel/sweep.ts'

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

export type SpawnOptions<M extends AnyStateMachine> = { id: string } & (undefined extends InputFrom<M>
  ? { input?: InputFrom<M> }
  : { input: InputFrom<M> })

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
   * `EVENT_REFUSED`, `EVENT_RESERVED`, `CHART_FAULT`, `LIFECYCLE_ENDED`, `NOT_SERIALIZABLE`, `STORE_UNAVAILABLE`.
   */
  dispatch(event: EventFromLogic<M>): Promise<SnapshotFrom<M>>
  /** The steps, from the first or from `after`, and on as they come; ends behind the last one. */
  steps(options?: FollowOptions): Subscription<LifecycleStep<M> | Gap>
}

const presentation: Presentation<unknown> = {
  project: entry => (entry instanceof Step ? Object.freeze({ type: 'step', ...entry.record }) : undefined),
  gap: (from, to) => Object.freeze({ type: 'gap', from, to }),
}

const kindOf = (machine: AnyStateMachine) => `chart/${machine.id}`
const streamOf = (machine: AnyStateMachine, id: string) => `lifecycle/${encodeURIComponent(machine.id)}/${id}`

/** Durable lifecycles of the user's own charts. */
export class Actors implements Product {
  readonly kinds: string[] = []
  readonly #kernel: Kernel
  readonly #machines = new Map<string, AnyStateMachine>()
  readonly #attached = new Map<string, Attached>()
  /** Streams that somebody is about to hold, and those that are on their way out of this runtime. */
  readonly #wanted = new Set<string>()
  readonly #parking = new Map<string, Promise<void>>()

  constructor(kernel: Kernel, charts: readonly AnyStateMachine[]) {
    this.#kernel = kernel
    for (const machine of charts) this.#know(machine)
  }

  #know(machine: AnyStateMachine): void {
    const kind = kindOf(machine)
    const known = this.#machines.get(kind)
    if (known && known.config !== machine.config) {
      throw new LifechartError('INVALID_OPTION', `Two different charts have the id "${machine.id}". Give each its own.`)
    }
    this.#machines.set(kind, machine)
    if (!known) {
      this.kinds.push(kind)
      this.#kernel.register(this)
    }
  }

  #spec(machine: AnyStateMachine): ChartSpec {
    return {
      machine,
      kind: kindOf(machine),
      index: snapshot => ({ state: JSON.stringify(snapshot.value).slice(0, 200) }),
    }
  }

  /** Creates a lifecycle. Throws `LIFECYCLE_EXISTS` when it is open here, `CHART_FAULT` when its first state can not be made. */
  spawn<M extends AnyStateMachine>(machine: M, options: SpawnOptions<M>): Lifecycle<M> {
    this.#know(machine)
    const id = streamOf(machine, options.id)
    if (this.#kernel.host(id)) throw exists(options.id)
    const host = this.#kernel.create(id, this.#spec(machine), presentation, options.input)
    host.alarm = undefined
    const started = host.open({ change: { index: { context: options.id } } }).catch(error => {
      this.#kernel.remove(host)
      throw isLifechartError(error, 'VERSION_CONFLICT', 'OWNED') ? exists(options.id) : error
    })
    return this.#attach(options.id, machine, host.stream, host, started) as unknown as Lifecycle<M>
  }

  /** Attaches to a stored lifecycle: here, taken over if nobody owns it, or followed where it is. Undefined when there is none. */
  async get<M extends AnyStateMachine>(machine: M, id: string): Promise<Lifecycle<M> | undefined> {
    this.#know(machine)
    const stream = streamOf(machine, id)
    await this.#parking.get(stream)
    const here = this.#kernel.host(stream)
    if (here) return this.#hold(id, machine, here) as unknown as Lifecycle<M>
    const head = await this.#kernel.adapter.load(stream)
    if (!head) return undefined
    if (head.index.live) {
      // Its first step here would park it again.
      this.#wanted.add(stream)
      try {
        return this.#hold(id, machine, await this.#take(machine, head)) as unknown as Lifecycle<M>
      } catch (error) {
        if (!isLifechartError(error, 'OWNED', 'VERSION_CONFLICT')) throw error
      } finally {
        this.#wanted.delete(stream)
      }
    }
    const followed = this.#kernel.tails.follow(stream, head.version, head.index.live, presentation)
    const attached = this.#attach(id, machine, followed, undefined, Promise.resolve())
    await attached.refresh()
    return attached as unknown as Lifecycle<M>
  }

  async #take(machine: AnyStateMachine, head: StreamHead): Promise<Host> {
    const known = this.#kernel.host(head.stream)
    if (known) return known
    const host = this.#kernel.takeOver(head, this.#spec(machine), presentation)
    try {
      await host.open()
    } catch (error) {
      this.#kernel.remove(host)
      throw error
    }
    await this.#kernel.receiveCommands(host)
    return host
  }

  #hold(id: string, machine: AnyStateMachine, host: Host): Attached {
    return this.#attached.get(host.id) ?? this.#attach(id, machine, host.stream, host, Promise.resolve())
  }

  #attach(id: string, machine: AnyStateMachine, stream: Stream<unknown>, host: Host | undefined, started: Promise<void>): Attached {
    const attached = new Attached(id, machine, this.#kernel, stream, host, started, host => {
      this.#attached.delete(stream.id)
      return host ? this.#release(host) : Promise.resolve()
    })
    this.#attached.set(stream.id, attached)
    return attached
  }

  /** What waits for nothing but a deadline or a command stays where it is. */
  async adopt(head: StreamHead, finding: Finding): Promise<boolean> {
    const machine = this.#machines.get(head.kind)
    if (!machine || !head.index.live) return false
    const envelope = readEnvelope(machine, head.stream, head.state)
    const attached = this.#attached.get(head.stream)
    if (finding === 'free' && !attached && !busy(envelope)) return false
    const host = await this.#take(machine, head)
    attached?.reattach(host)
    host.enqueue(() => this.#park(host)).catch(() => undefined)
    return true
  }

  stepped(host: Host): void {
    if (this.#attached.has(host.id) || host.over) return
    void this.#park(host)
  }

  /** Gives a lifecycle back that nobody here holds and that has nothing under way. */
  async #park(host: Host): Promise<void> {
    if (this.#attached.has(host.id) || this.#wanted.has(host.id) || host.over || host.released || host.writer.queued > 0) return
    const { children } = host.snapshot as AnyMachineSnapshot
    if (Object.values(children).some(child => (child as AnyActorRef).getSnapshot().status === 'active')) return
    void this.#release(host)
  }

  /** Resolves when the next owner may have it; until then nobody attaches to it here. */
  #release(host: Host): Promise<void> {
    const parking = host.release().then(() => {
      this.#kernel.remove(host)
      host.stream.dispose(new LifechartError('RUNTIME_CLOSED', `${host.id} was parked.`))
      if (this.#parking.get(host.id) === parking) this.#parking.delete(host.id)
      return this.#kernel.sweep.ask()
    })
    this.#parking.set(host.id, parking)
    return parking
  }

  ended(host: Host): void {
    void this.#kernel.forgetCommands(host.id)
  }

  lost(host: Host): void {
    this.#attached.get(host.id)?.detach()
  }

  /** Every lifecycle is given back: its next owner goes on with it. */
  async close(): Promise<void> {
    const hosts = [...this.#kernel.hosts()].filter(host => this.#machines.has(host.spec.kind))
    await Promise.all(hosts.map(host => host.release()))
  }
}

function exists(id: string): LifechartError {
  return new LifechartError('LIFECYCLE_EXISTS', `There is a lifecycle "${id}" of this chart. Attach to it with get().`)
}

/** True if something of it was under way: it has to be started again. */
function busy({ snapshot, undecided }: Envelope): boolean {
  if (undecided?.length) return true
  return Object.values(snapshot.children).some(child => (child as { snapshot?: { status?: string } }).snapshot?.status === 'active')
}

/** A handle on a lifecycle, wherever it is. */
class Attached {
  readonly id: string
  readonly started: Promise<void>
  readonly #machine: AnyStateMachine
  readonly #kernel: Kernel
  readonly #leave: (host: Host | undefined) => Promise<void>
  #stream: Stream<unknown>
  #host: Host | undefined
  #remote: AnyMachineSnapshot | undefined
  #ended: Promise<unknown> | undefined

  constructor(
    id: string,
    machine: AnyStateMachine,
    kernel: Kernel,
    stream: Stream<unknown>,
    host: Host | undefined,
    started: Promise<void>,
    leave: (host: Host | undefined) => Promise<void>,
  ) {
    this.id = id
    this.#machine = machine
    this.#kernel = kernel
    this.#stream = stream
    this.#host = host
    this.started = started
    this.#leave = leave
    started.catch(() => undefined)
  }

  get snapshot(): AnyMachineSnapshot {
    const snapshot = this.#remote ?? this.#host?.snapshot
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
    if (!this.#host || this.#remote) await this.refresh()
    const { status, output, error } = this.snapshot
    if (status === 'done') return output
    throw new LifechartError('CHART_FAULT', `${this.id} ended as an error.`, { cause: this.#host?.fault ?? error })
  }

  can(event: { type: string }): boolean {
    return accepts(this.snapshot, event)
  }

  async dispatch(event: { type: string }): Promise<AnyMachineSnapshot> {
    const host = this.#host
    if (host && !this.#remote) return host.dispatch(event)
    if (this.#stream.ended) throw new LifechartError('LIFECYCLE_ENDED', `${this.id} has ended.`)
    await this.#kernel.sendCommand(this.#stream, event)
    await this.refresh()
    return this.snapshot
  }

  steps(options: FollowOptions = {}): Subscription<unknown> {
    return new Subscription(new PullCursor(this.#stream, options))
  }

  /** Reads the state of a lifecycle that is owned elsewhere. */
  async refresh(): Promise<void> {
    const head = await this.#kernel.adapter.load(this.#stream.id)
    if (!head) throw new LifechartError('STREAM_NOT_FOUND', `${this.id} was forgotten.`)
    const envelope = readEnvelope(this.#machine, head.stream, head.state)
    const actor = createActor(this.#machine, { snapshot: envelope.snapshot as never })
    this.#remote = actor.getSnapshot() as AnyMachineSnapshot
  }

  /** Another runtime owns it now. */
  detach(): void {
    this.#remote = this.#host?.snapshot
    this.#host = undefined
  }

  /** It is ours again. */
  reattach(host: Host): void {
    this.#host = host
    this.#stream = host.stream
    this.#remote = undefined
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const host = this.#host
    const held = host && !host.over
    await this.#leave(held ? host : undefined)
    if (!host && this.#stream.audience === 0) this.#kernel.tails.drop(this.#stream.id)
  }
}
