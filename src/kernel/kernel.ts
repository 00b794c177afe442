import { hostname } from 'node:os'
import { Subject } from 'rxjs'
import { LifechartError } from '../errors.ts'
import { CommandDesk } from './command-desk.ts'
import type { ChartSpec } from './host/chart.ts'
import { Host, type HostHouse } from './host/host.ts'
import { insist } from './insist.ts'
import type { KernelLimits } from './limits.ts'
import { Listeners } from './listeners.ts'
import type { AdapterSource, Environment, PersistenceAdapter, StreamChanged, StreamHead } from './port.ts'
import type { Product, Transition } from './product.ts'
import { joinRetainers, type Retainer } from './retainers.ts'
import { Scheduler } from './scheduler.ts'
import { Liveness } from './session.ts'
import { openShared } from './shared-adapter.ts'
import type { Presentation, StreamHouse } from './stream/house.ts'
import { Stream } from './stream/stream.ts'
import { Watchdog } from './stream/watchdog.ts'
import { WindowBudget } from './stream/window.ts'
import { Sweep } from './sweep.ts'
import { Tails } from './tail.ts'

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
  readonly commands: CommandDesk
  /** Told of every commit, by whichever process. */
  readonly listeners = new Listeners()
  /** For a store that keeps nothing for ever: what is needed here is not forgotten. */
  readonly retainer: Retainer
  /** Every step that is committed here. */
  readonly transitions = new Subject<Transition>()
  readonly counters = { steps: 0, takeovers: 0, lost: 0 }
  readonly #hosts = new Map<string, Host>()
  /** Whose stream had followers here before it was to be taken over. */
  readonly #followed = new WeakSet<Host>()
  readonly #products = new Map<string, Product>()
  readonly #closing = new AbortController()
  readonly #closeAdapter: () => Promise<void>
  readonly #house: HostHouse
  readonly #watchdog: Watchdog
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
    this.commands = new CommandDesk({
      environment,
      adapter,
      persistence,
      patience: limits.commandPatience,
      onChange: (stream, listener) => this.listeners.add(stream, listener),
      sent: stream => this.sweep.commanded(stream),
      host: id => this.#hosts.get(id),
      closed: () => this.closed,
    })
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

  /** Asks the store again while it fails without refusing; `STORE_UNAVAILABLE` when that lasts for `grace` milliseconds. */
  insist<T>(ask: () => Promise<T>, grace = this.limits.storeGrace): Promise<T> {
    return insist(ask, { clock: this.environment.clock, signal: this.#closing.signal, grace })
  }

  #changed(changed: StreamChanged): void {
    if (this.closed) return
    this.tails.changed(changed)
    this.sweep.changed(changed)
    this.listeners.tell(changed)
    this.commands.changed(changed)
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
    this.#leave(new LifechartError('RUNTIME_CLOSED', 'The runtime was closed.', { retryable: true }))
    this.transitions.complete()
    try {
      await this.#liveness?.close()
    } finally {
      await this.#closeAdapter()
    }
  }

  /** Lets go of everything as a crash would: nothing is written, released or ended. For tests. */
  crash(): void {
    this.#liveness?.abandon()
    this.#leave(new LifechartError('RUNTIME_CLOSED', 'The runtime crashed.'))
  }

  #leave(error: LifechartError): void {
    this.sweep.close()
    this.scheduler.close()
    this.#watchdog.close()
    this.#unwatch?.()
    this.#closing.abort()
    for (const host of [...this.#hosts.values()]) {
      host.abandon(error)
      host.stream.dispose(error)
    }
    this.#hosts.clear()
    this.tails.close(error)
    this.retainer.leave()
  }
}
