import type { AnyActorRef, AnyMachineSnapshot, AnyStateMachine, InputFrom } from 'xstate'
import { isLifechartError, LifechartError } from './errors.ts'
import type { Finding } from './kernel/claims.ts'
import { type Envelope, readEnvelope } from './kernel/envelope.ts'
import type { ChartSpec } from './kernel/host/chart.ts'
import type { Host } from './kernel/host/host.ts'
import type { Kernel } from './kernel/kernel.ts'
import type { StreamHead } from './kernel/port.ts'
import type { Product } from './kernel/product.ts'
import type { Presentation } from './kernel/stream/house.ts'
import { Step } from './kernel/stream/record.ts'
import type { Stream } from './kernel/stream/stream.ts'
import { Handle, type Lifecycle } from './lifecycle.ts'

export type SpawnOptions<M extends AnyStateMachine> = { id: string } & (undefined extends InputFrom<M>
  ? { input?: InputFrom<M> }
  : { input: InputFrom<M> })

const presentation: Presentation<unknown> = {
  project: entry => (entry instanceof Step ? Object.freeze({ type: 'step', ...entry.record }) : undefined),
  gap: (from, to) => Object.freeze({ type: 'gap', from, to }),
}

const kindOf = (machine: AnyStateMachine) => `chart/${machine.id}`
const streamOf = (machine: AnyStateMachine, id: string) => `lifecycle/${encodeURIComponent(machine.id)}/${id}`

/** What users have of it. */
export type ActorsService = Pick<Actors, 'spawn' | 'get' | 'forget'>

/** Durable lifecycles of the user's own charts. */
export class Actors implements Product {
  readonly kinds: string[] = []
  readonly #kernel: Kernel
  readonly #machines = new Map<string, AnyStateMachine>()
  /** The handles on what has not ended, by stream. */
  readonly #handles = new Map<string, Handle>()
  /** What is under way for a stream: it comes and goes one job at a time. */
  readonly #turns = new Map<string, Promise<unknown>>()
  /** Those that are looked at again behind what is queued. */
  readonly #parking = new WeakSet<Host>()

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
      index: ({ next }) => ({ state: JSON.stringify(next.value).slice(0, 200) }),
    }
  }

  /** Creates a lifecycle. Throws `LIFECYCLE_EXISTS` when it is known here, `CHART_FAULT` when its first state can not be made. */
  spawn<M extends AnyStateMachine>(machine: M, options: SpawnOptions<M>): Lifecycle<M> {
    this.#know(machine)
    const id = streamOf(machine, options.id)
    if (this.#kernel.host(id) || this.#handles.has(id)) throw exists(options.id)
    const host = this.#kernel.create(id, this.#spec(machine), presentation, options.input)
    const started = host.open({ change: { index: { context: options.id } } }).catch(error => {
      // One that waits for the store is still on its way.
      if (!isLifechartError(error, 'STORE_UNAVAILABLE')) this.#forget(handle)
      throw isLifechartError(error, 'VERSION_CONFLICT', 'OWNED') ? exists(options.id) : error
    })
    const handle = this.#attach(options.id, machine, { stream: host.stream, host, started })
    return handle as unknown as Lifecycle<M>
  }

  /** Attaches to a stored lifecycle: here, taken over if nobody owns it, or followed where it is. Undefined when there is none. */
  async get<M extends AnyStateMachine>(machine: M, id: string): Promise<Lifecycle<M> | undefined> {
    this.#know(machine)
    const stream = streamOf(machine, id)
    return (await this.#inTurn(stream, () => this.#find(machine, id, stream))) as unknown as Lifecycle<M> | undefined
  }

  /**
   * Removes all that is stored of a lifecycle that has ended; its id is free again. False when there is none. Rejects with
   * `LIFECYCLE_ACTIVE` when it has not ended.
   */
  async forget(machine: AnyStateMachine, id: string): Promise<boolean> {
    const stream = streamOf(machine, id)
    return this.#inTurn(stream, async () => {
      const head = await this.#kernel.adapter.load(stream)
      if (!head) return false
      if (head.index.live) throw new LifechartError('LIFECYCLE_ACTIVE', `${id} has not ended. Send it what ends it, and forget it then.`)
      await this.#kernel.adapter.forget(stream, { expect: head.version })
      const handle = this.#handles.get(stream)
      if (handle) this.#forget(handle)
      return true
    })
  }

  async #find(machine: AnyStateMachine, id: string, stream: string): Promise<Handle | undefined> {
    for (let attempts = 3; ; attempts--) {
      const host = this.#kernel.host(stream)
      if (host) return this.#hold(machine, id, host)
      const head = await this.#kernel.adapter.load(stream)
      if (!head) return undefined
      if (!head.index.live) return this.#follow(machine, id, head)
      try {
        await this.#take(machine, head)
      } catch (error) {
        if (!isLifechartError(error, 'OWNED', 'VERSION_CONFLICT')) throw error
        // With another version it may be anybody's by now.
        if (error.code === 'OWNED' || attempts === 1) return this.#follow(machine, id, head)
      }
    }
  }

  #hold(machine: AnyStateMachine, id: string, host: Host): Handle {
    const handle = this.#handles.get(host.id)
    if (!handle) return this.#attach(id, machine, { stream: host.stream, host, started: Promise.resolve() })
    if (handle.host !== host) handle.reattach(host)
    return handle
  }

  async #follow(machine: AnyStateMachine, id: string, head: StreamHead): Promise<Handle> {
    const stream = this.#kernel.tails.follow(head.stream, head.version, head.index.live, presentation)
    const handle = this.#handles.get(head.stream) ?? this.#attach(id, machine, { stream, host: undefined, started: Promise.resolve() })
    await handle.refresh()
    return handle
  }

  async #take(machine: AnyStateMachine, head: StreamHead): Promise<Host> {
    // Its followers stay with the stream if they have read all of it.
    await this.#kernel.tails.get(head.stream)?.refresh?.()
    const host = this.#kernel.takeOver(head, this.#spec(machine), presentation)
    await host.open()
    this.#handles.get(head.stream)?.reattach(host)
    // At once: parked again, it would have no timer.
    host.alarm.wake(this.#kernel.environment.clock.now())
    await this.#kernel.commands.receive(host)
    return host
  }

  #attach(
    id: string,
    machine: AnyStateMachine,
    place: { stream: Stream<unknown>; host: Host | undefined; started: Promise<void> },
  ): Handle {
    const handle = new Handle(id, machine, this.#kernel, place, left => this.#inTurn(left.stream.id, () => this.#leave(left)))
    const { stream } = place
    if (stream.ended) return handle
    this.#handles.set(stream.id, handle)
    void stream.whenClosed().then(() => {
      if (handle.stream.ended) this.#forget(handle)
    })
    return handle
  }

  #forget(handle: Handle): void {
    if (this.#handles.get(handle.stream.id) === handle) this.#handles.delete(handle.stream.id)
  }

  async #leave(handle: Handle): Promise<void> {
    const { host, stream } = handle
    this.#forget(handle)
    if (host) {
      await this.#release(host)
      // What it had under way is somebody's to go on with, and perhaps ours.
      this.#kernel.sweep.changed({ stream: host.id, version: host.writer.version })
    } else if (stream.audience === 0) this.#kernel.tails.drop(stream)
  }

  /** What waits for nothing but a deadline or a command stays where it is. */
  async adopt(found: StreamHead, finding: Finding): Promise<boolean> {
    const machine = this.#machines.get(found.kind)
    if (!machine || !found.index.live) return false
    if (finding === 'free' && !this.#handles.has(found.stream)) {
      if (!busy(readEnvelope(machine, found.stream, found.state, this.#kernel.environment.logger))) return false
    }
    return this.#inTurn(found.stream, async () => {
      if (this.#kernel.host(found.stream)) return true
      // It may have moved on while this waited for its turn.
      const head = await this.#kernel.adapter.load(found.stream)
      if (!head?.index.live) return false
      this.#parkBehindQueue(await this.#take(machine, head))
      return true
    })
  }

  /** The streams that a lifecycle of this id can have, by the charts that are known here. */
  streams(id: string): string[] {
    return [...this.#machines.values()].map(machine => streamOf(machine, id))
  }

  /** Parks a lifecycle that nobody here holds, as soon as it has nothing under way. */
  stepped(host: Host): void {
    if (!this.#idle(host)) return
    if (host.writer.queued > 0) this.#parkBehindQueue(host)
    else void this.#inTurn(host.id, () => this.#park(host))
  }

  async #park(host: Host): Promise<void> {
    if (!this.#idle(host)) return
    if (host.writer.queued > 0) this.#parkBehindQueue(host)
    else await this.#release(host)
  }

  /** What is queued may be refused, and then no step follows that would have it parked. */
  #parkBehindQueue(host: Host): void {
    if (this.#parking.has(host)) return
    this.#parking.add(host)
    const look = () => {
      this.#parking.delete(host)
      this.stepped(host)
    }
    // What leaves this runtime before that need not be parked.
    host.enqueue(look).catch(() => this.#parking.delete(host))
  }

  /** True if nobody here holds it, and none of its children is at work. */
  #idle(host: Host): boolean {
    if (this.#handles.has(host.id) || host.over || host.released) return false
    const { children } = host.snapshot as AnyMachineSnapshot
    return !Object.values(children).some(child => (child as AnyActorRef).getSnapshot().status === 'active')
  }

  /** Gives a lifecycle back. */
  async #release(host: Host): Promise<void> {
    if (host.over || host.released) return
    await host.release()
    this.#kernel.remove(host)
    host.stream.dispose(new LifechartError('RUNTIME_CLOSED', `${host.id} was parked.`))
    void this.#kernel.sweep.ask()
    // They came too late for this owner.
    if (host.journal.commandsTaken > host.journal.commands) this.#kernel.sweep.commanded(host.id)
  }

  async #inTurn<T>(stream: string, job: () => Promise<T>): Promise<T> {
    const turn = (this.#turns.get(stream) ?? Promise.resolve()).then(job, job)
    this.#turns.set(stream, turn)
    try {
      return await turn
    } finally {
      if (this.#turns.get(stream) === turn) this.#turns.delete(stream)
    }
  }

  ended(host: Host): void {
    void this.#kernel.commands.forget(host.id)
  }

  lost(host: Host): void {
    this.#handles.get(host.id)?.detach(host)
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
export function busy({ snapshot, undecided }: Envelope): boolean {
  if (undecided?.length) return true
  return Object.values(snapshot.children).some(child => (child as { snapshot?: { status?: string } }).snapshot?.status === 'active')
}
