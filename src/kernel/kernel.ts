import { hostname } from 'node:os'
import { Subject } from 'rxjs'
import type { AnyEventObject, AnyMachineSnapshot } from 'xstate'
import { isLifechartError, LifechartError } from '../errors.ts'
import { type CommandHouse, commanded, commandsOf, receiveCommands, sendCommand } from './commands.ts'
import type { ChartSpec } from './host/chart.ts'
import { Host, type HostHouse } from './host/host.ts'
import { insist } from './insist.ts'
import type { AdapterSource, Environment, PersistenceAdapter, StreamChanged, StreamHead } from './port.ts'
import { joinRetainers, type Retainer } from './retainers.ts'
import { Scheduler } from './scheduler.ts'
import { Liveness } from './session.ts'
import { openShared } from './shared-adapter.ts'
import type { StepRecord } from './stream/record.ts'
import { type Presentation, Stream, type StreamHouse, type StreamLimits } from './stream/stream.ts'
import { Watchdog } from './stream/watchdog.ts'
import { WindowBudget } from './stream/window.ts'
import type { WriterLimits } from './stream/writer.ts'
import { streamsFound } from './streams-found.ts'
import { type Finding, Sweep } from './sweep.ts'
import { Tails } from './tail.ts'

export interface KernelLimits extends StreamLimits, WriterLimits {
  /** Characters of text in all windows together. */
  windowBytesTotal: number
  /** Milliseconds a commit may stay unanswered before the store counts as failed. */
  storeGrace: number
  /** Milliseconds a session lives without renewal. */
  sessionTtl: number
  /** Milliseconds to wait for the answer of another process. */
  commandPatience: number
}

/** A product's part in the kernel: its kinds of streams, and what happens to those that nobody owns. */
export interface Product {
  readonly kinds: readonly string[]
  /** Takes a free stream over; false to leave it where it is until its deadline or its next change. */
  adopt(head: StreamHead, finding: Finding): Promise<boolean>
  stepped?(host: Host, record: StepRecord, snapshot: AnyMachineSnapshot): void
  ended?(host: Host): void
  /** Another runtime owns it now, or our session lapsed; nothing runs here any more. */
  lost?(host: Host, error: LifechartError): void
  /** What these names mean was forgotten, by whichever runtime. */
  forgotten?(names: readonly string[]): void
}

/** A committed step of some lifecycle. */
export interface Transition extends StepRecord {
  /** The id of its stream. */
  lifecycle: string
  chart: string
}

/** What all products of a runtime stand on: one adapter, one session, one scheduler, one place for the lifecycles owned here. */
export class Kernel {
  readonly environment: Environment
  readonly adapter: PersistenceAdapter
  readonly durable: boolean
  readonly limits: KernelLimits
  readonly scheduler: Scheduler
  readonly streams: StreamHouse
  readonly tails: Tails
  readonly budget: WindowBudget
  readonly sweep: Sweep
  /** For a store that keeps nothing for ever: what is needed here is not forgotten. */
  readonly retainer: Retainer
  /** Every step that is committed here. */
  readonly transitions = new Subject<Transition>()
  readonly counters = { steps: 0, takeovers: 0, lost: 0, commands: 0 }
  readonly #hosts = new Map<string, Host>()
  /** Whose stream had followers here before it was to be taken over. */
  readonly #followed = new WeakSet<Host>()
  readonly #products = new Map<string, Product>()
  readonly #listeners = new Map<string, Set<() => void>>()
  readonly #closing = new AbortController()
  readonly #closeAdapter: () => Promise<void>
  readonly #house: HostHouse
  readonly #watchdog: Watchdog
  readonly #commands: CommandHouse
  #liveness: Liveness | undefined
  #unwatch: (() => void) | undefined

  static async open(source: AdapterSource, environment: Environment, limits: KernelLimits): Promise<Kernel> {
    const { adapter, close } = await openShared(source, environment)
    const kernel = new Kernel(adapter, close, source.durable, environment, limits)
    try {
      await kernel.#begin()
      return kernel
    } catch (error) {
      kernel.retainer.leave()
      await close()
      throw error
    }
  }

  private constructor(
    adapter: PersistenceAdapter,
    closeAdapter: () => Promise<void>,
    durable: boolean,
    environment: Environment,
    limits: KernelLimits,
  ) {
    this.adapter = adapter
    this.#closeAdapter = closeAdapter
    this.durable = durable
    this.environment = environment
    this.limits = limits
    const { clock, logger } = environment
    let commits = 0
    this.scheduler = new Scheduler(clock)
    this.budget = new WindowBudget(limits.windowBytesTotal)
    this.retainer = joinRetainers(adapter, logger, names => {
      for (const product of new Set(this.#products.values())) product.forgotten?.(names)
    })
    const { budget, retainer } = this
    this.streams = { adapter, logger, limits, budget, now: () => clock.now(), hold: stream => retainer.hold(stream) }
    this.tails = new Tails({ streams: this.streams, insist: ask => this.insist(ask) })
    const persistence = { adapter, clock, signal: this.#closing.signal }
    this.#watchdog = new Watchdog(clock, limits.storeGrace)
    this.#house = {
      clock,
      logger,
      scheduler: this.scheduler,
      // Unique because the session's id is, and cheaper than a random one for each commit.
      writers: {
        commitId: () => `${this.session}:${++commits}`,
        limits,
        persistence,
        watchdog: this.#watchdog,
        session: () => this.session,
      },
      stepped: (host, record, snapshot) => {
        this.counters.steps++
        this.#productOf(host).stepped?.(host, record, snapshot)
        if (this.transitions.observed) this.transitions.next({ lifecycle: host.id, chart: host.spec.machine.id, ...record })
      },
      ended: host => {
        this.#hosts.delete(host.id)
        this.#productOf(host).ended?.(host)
      },
      lost: (host, error) => this.#lost(host, error),
      unopened: host => this.#unopened(host),
      renewSession: async () => this.#liveness?.renew(),
    }
    this.#commands = {
      environment,
      adapter,
      persistence,
      patience: limits.commandPatience,
      onChange: (stream, listener) => this.onChange(stream, listener),
      sent: stream => this.sweep.commanded(stream),
    }
    this.sweep = new Sweep({
      environment,
      adapter,
      scheduler: this.scheduler,
      interval: limits.sessionTtl / 2,
      kinds: () => [...this.#products.keys()],
      held: stream => this.#hosts.has(stream),
      adopt: (head, finding) => {
        this.counters.takeovers++
        return this.#products.get(head.kind)?.adopt(head, finding) ?? Promise.resolve(false)
      },
    })
  }

  async #begin(): Promise<void> {
    const { clock, logger } = this.environment
    this.#liveness = await Liveness.open({
      adapter: this.adapter,
      clock,
      logger,
      node: `${hostname()}:${process.pid}`,
      ttl: this.limits.sessionTtl,
      onLost: () => this.#sessionLost(),
    })
    this.#unwatch = this.adapter.watch(changed => this.#changed(changed))
  }

  get session(): string {
    if (!this.#liveness) throw new LifechartError('RUNTIME_CLOSED', 'The runtime is not open.')
    return this.#liveness.id
  }

  get closed(): boolean {
    return this.#closing.signal.aborted
  }

  /** How many lifecycles are owned here. */
  get size(): number {
    return this.#hosts.size
  }

  hosts(): IterableIterator<Host> {
    return this.#hosts.values()
  }

  host(id: string): Host | undefined {
    return this.#hosts.get(id)
  }

  register(product: Product): void {
    for (const kind of product.kinds) this.#products.set(kind, product)
  }

  #productOf(host: Host): Product {
    return this.#products.get(host.spec.kind) as Product
  }

  assertOpen(): void {
    if (this.closed) throw new LifechartError('RUNTIME_CLOSED', 'The runtime was closed. Open another one.')
  }

  /** A new lifecycle, registered at once; its first commit is `host.open`. */
  create<E>(id: string, spec: ChartSpec, presentation: Presentation<E>, input: unknown): Host {
    this.assertOpen()
    const stream = new Stream<E>(id, 0, this.streams, presentation)
    return this.#admit(new Host(id, spec, stream as unknown as Stream<unknown>, this.#house, { input }))
  }

  /** A stored lifecycle that is to be taken over; the commit that does it is `host.open`. */
  takeOver<E>(head: StreamHead, spec: ChartSpec, presentation: Presentation<E>): Host {
    this.assertOpen()
    const known = this.tails.get<E>(head.stream)
    // Who follows it already goes on with the same stream, if it is as far as the store.
    const stream = known && known.head === head.version ? known : new Stream<E>(head.stream, head.version, this.streams, presentation)
    const host = this.#admit(new Host(head.stream, spec, stream as unknown as Stream<unknown>, this.#house, { stored: head }))
    if (known === stream) {
      this.tails.drop(stream)
      this.#followed.add(host)
    }
    return host
  }

  #admit(host: Host): Host {
    this.#hosts.set(host.id, host)
    return host
  }

  /** The lifecycle leaves this runtime without an end: parked, or never begun. */
  remove(host: Host): void {
    if (this.#hosts.get(host.id) === host) this.#hosts.delete(host.id)
  }

  /** Decides what other processes asked of a lifecycle while nobody owned it. */
  async receiveCommands(host: Host): Promise<void> {
    this.counters.commands++
    try {
      await receiveCommands(this.#commands, host)
    } catch (error) {
      if (this.closed || host.over) return
      // The next owner decides them.
      if (host.released) return this.sweep.commanded(host.id)
      this.environment.logger.warn('Commands could not be read; trying again with the next one.', {
        lifecycle: host.id,
        error: String(error),
      })
    }
  }

  async sendCommand(target: Stream<unknown>, event: AnyEventObject): Promise<void> {
    try {
      await sendCommand(this.#commands, target, event)
    } finally {
      // It may have come behind the end, which had taken the others along.
      if (target.ended) await this.forgetCommands(target.id)
    }
  }

  /** Asks the store again while it fails without refusing; `STORE_UNAVAILABLE` when that lasts for `grace` milliseconds. */
  insist<T>(ask: () => Promise<T>, grace = this.limits.storeGrace): Promise<T> {
    return insist(ask, { clock: this.environment.clock, signal: this.#closing.signal, grace })
  }

  /** Calls the listener when the stream was written to by anybody. */
  onChange(stream: string, listener: () => void): () => void {
    const listeners = this.#listeners.get(stream) ?? new Set()
    this.#listeners.set(stream, listeners)
    listeners.add(listener)
    return () => {
      listeners.delete(listener)
      if (listeners.size === 0 && this.#listeners.get(stream) === listeners) this.#listeners.delete(stream)
    }
  }

  #changed(changed: StreamChanged): void {
    if (this.closed) return
    this.tails.changed(changed)
    this.sweep.changed(changed)
    if (changed === 'all') {
      for (const listeners of this.#listeners.values()) for (const listener of listeners) listener()
      void this.#receiveAll()
      return
    }
    for (const listener of this.#listeners.get(changed.stream) ?? []) listener()
    const target = commanded(changed.stream)
    const host = target === undefined ? undefined : this.#hosts.get(target)
    if (host) void this.receiveCommands(host)
  }

  async #receiveAll(): Promise<void> {
    try {
      for await (const { stream, version } of streamsFound(this.adapter, { kinds: ['commands'] })) {
        const host = this.#hosts.get(commanded(stream) ?? '')
        if (host && version > host.journal.commandsTaken) void this.receiveCommands(host)
      }
    } catch (error) {
      if (!this.closed) this.environment.logger.warn('Commands could not be listed.', { error: String(error) })
    }
  }

  /** The end of a lifecycle takes its commands along. */
  async forgetCommands(id: string): Promise<void> {
    try {
      await this.adapter.forget(commandsOf(id), {})
    } catch (error) {
      if (!this.closed && !isLifechartError(error, 'STORE_CLOSED')) {
        this.environment.logger.warn('The commands of an ended lifecycle could not be removed.', { lifecycle: id, error: String(error) })
      }
    }
  }

  /** Whoever followed it goes on following. */
  #unopened(host: Host): void {
    this.remove(host)
    if (this.#followed.has(host) || (host.stream.head > 0 && host.stream.needed)) this.#follow(host.stream)
  }

  #follow(stream: Stream<unknown>): void {
    if (stream.ended) return
    this.tails.adopt(stream)
    void stream.refresh?.()
  }

  #lost(host: Host, error: LifechartError): void {
    this.counters.lost++
    this.remove(host)
    this.#follow(host.stream)
    this.#productOf(host).lost?.(host, error)
  }

  /** Our session lapsed: what it owned may be somebody else's by now. What is not is found by the next look. */
  #sessionLost(): void {
    const error = new LifechartError('SESSION_LOST', 'The session of this runtime lapsed; its lifecycles are taken over anew.')
    const lost = [...this.#hosts.values()].filter(host => host.begun)
    for (const host of lost) {
      host.abandon(error)
      this.#lost(host, error)
    }
    this.sweep.reconsider(lost.map(host => host.id))
  }

  /** Ends this runtime's part: nothing is written after it. */
  async close(): Promise<void> {
    this.sweep.close()
    this.scheduler.close()
    this.#watchdog.close()
    this.#unwatch?.()
    const error = new LifechartError('RUNTIME_CLOSED', 'The runtime was closed.', { retryable: true })
    for (const host of [...this.#hosts.values()]) {
      host.abandon(error)
      host.stream.dispose(error)
    }
    this.#hosts.clear()
    this.#closing.abort()
    this.tails.close(error)
    this.retainer.leave()
    this.transitions.complete()
    try {
      await this.#liveness?.close()
    } finally {
      await this.#closeAdapter()
    }
  }

  /** Lets go of everything as a crash would: nothing is written, released or ended. For tests. */
  crash(): void {
    this.sweep.close()
    this.scheduler.close()
    this.#watchdog.close()
    this.#unwatch?.()
    this.#liveness?.abandon()
    this.#closing.abort()
    const error = new LifechartError('RUNTIME_CLOSED', 'The runtime crashed.')
    for (const host of [...this.#hosts.values()]) {
      host.abandon(error)
      host.stream.dispose(error)
    }
    this.#hosts.clear()
    this.tails.close(error)
    this.retainer.leave()
  }
}
