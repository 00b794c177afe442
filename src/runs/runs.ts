import type { Observable } from 'rxjs'
import { type AnyMachineSnapshot, fromCallback, fromPromise } from 'xstate'
import { isLifechartError, LifechartError } from '../errors.ts'
import type { ChartSpec } from '../kernel/host/chart.ts'
import type { Host } from '../kernel/host/host.ts'
import { encodeJson } from '../kernel/json.ts'
import type { Kernel, Product } from '../kernel/kernel.ts'
import type { StreamHead } from '../kernel/port.ts'
import { type FollowOptions, PullCursor, Subscription } from '../kernel/stream/cursor.ts'
import { observe } from '../kernel/stream/observe.ts'
import { decode, Step } from '../kernel/stream/record.ts'
import { type Following, type Sink, SinkCursor, type SinkOptions } from '../kernel/stream/sink.ts'
import type { Stream } from '../kernel/stream/stream.ts'
import type { Finding } from '../kernel/sweep.ts'
import { type RunContext, type RunMachineEvent, runMachine, type StopReason } from '../machines/run.ts'
import { type RunEvent, runPresentation, statusOf } from './events.ts'
import { type RunFacts, type RunInfo, readInfo } from './info.ts'
import { Lanes } from './lanes.ts'
import { LiveRun, type Run, type RunSpec, type RunWatch, subscribeTo } from './live-run.ts'
import { latestKey, runIdOf, runStream } from './names.ts'
import { openRun } from './opening.ts'
import { checkRunId, checkStartOptions, isTyped, type StartOptions, type TypedProducer } from './options.ts'
import type { Producer, ProducerFunction } from './producer.ts'
import { Retained } from './retained.ts'

export interface RunsLimits {
  chunkBytes: number
  runs: number
  runsPerOwner: number
  stopGrace: number
  typeGrace: number
  subscriberIdle: number
  evictedRemembered: number
}

export interface RunsOptions {
  /** Where runs are stored. */
  kernel: Kernel
  /** Where runs with `durability: 'none'` live. */
  ephemeral: Kernel
  limits: RunsLimits
  /** Milliseconds an ended run stays in memory, and its stream in the store, after its end. */
  retention: { window: number; stored: number }
}

export interface Selection {
  /** An exact run, in place of the latest one of the id. */
  runId?: string
}

export type CloseMode = 'handover' | 'stop' | 'drain'

/** Detached runs: producers that are executed here, whoever listens. */
export class Runs implements Product {
  readonly kinds = ['run']
  readonly counters = { started: 0, ended: 0, lateWrites: 0, evicted: 0, resumed: 0 }
  readonly #kernel: Kernel
  readonly #ephemeral: Kernel
  readonly #limits: RunsLimits
  readonly #retention: RunsOptions['retention']
  readonly #types = new Map<string, ProducerFunction>()
  readonly #lanes = new Lanes()
  readonly #retained: Retained
  /** Orphans whose type nobody has defined yet: since when (milliseconds). */
  readonly #typeless = new Map<string, { since: number; timer: unknown }>()
  readonly #watch: RunWatch
  readonly #spec: ChartSpec

  constructor({ kernel, ephemeral, limits, retention }: RunsOptions) {
    this.#kernel = kernel
    this.#ephemeral = ephemeral
    this.#limits = limits
    this.#retention = retention
    const { clock, logger } = kernel.environment
    this.#retained = new Retained(clock, retention.window, limits.evictedRemembered, run => void this.#evict(run))
    this.#watch = {
      lateWrite: () => this.counters.lateWrites++,
      audience: (run, followers) => this.#audience(run, followers),
      failed: (run, error) =>
        logger.warn('A producer failed.', {
          run: run.runId,
          error: error instanceof Error ? `${error.name}: ${error.message}` : String(error),
        }),
    }
    this.#spec = {
      kind: 'run',
      machine: runMachine.provide({
        actors: {
          predecessors: fromPromise<void, { runId: string }>(({ input }) => this.#predecessorsOf(input.runId)),
          producer: fromCallback<{ type: 'producer.abort' }, { runId: string }>(({ input, sendBack, receive }) => {
            const { abort, close } = this.#live(input.runId).produce(event => sendBack(event))
            receive(abort)
            return close
          }),
        },
      }),
      index: snapshot => ({ state: statusOf(snapshot) }),
      draft: ({ next, host }) => this.#draft(next, host),
      takeover: (_snapshot, stored, facts) => this.#takeoverEvent(stored, facts as RunFacts),
      overdue: (host, error) => {
        this.#lanes.run(runIdOf(host.id))?.cutOff()
        return { type: 'store.failed', error: { code: 'STORE_UNAVAILABLE', message: error.message } } satisfies RunMachineEvent
      },
    }
    kernel.register(this)
    ephemeral.register(this)
  }

  /** Registers a producer by name, so that other processes, or this one after a restart, can execute it. `RUN_TYPE_TAKEN` for a second one. */
  define(type: string, producer: ProducerFunction): void {
    if (this.#types.has(type)) throw new LifechartError('RUN_TYPE_TAKEN', `The run type "${type}" is defined already.`)
    this.#types.set(type, producer)
    for (const { timer } of this.#typeless.values()) this.#kernel.environment.clock.clearTimeout(timer)
    const waiting = [...this.#typeless.keys()]
    this.#typeless.clear()
    if (waiting.length > 0) this.#kernel.sweep.reconsider(waiting)
  }

  /**
   * Starts a run, registered when this returns. Throws `INVALID_ID`, `INVALID_OPTION`, `NOT_SERIALIZABLE` (the input),
   * `NOT_RESUMABLE`, `RUN_TYPE_UNKNOWN`, `RUN_IN_FLIGHT`, `RUN_CAPACITY` or `RUNTIME_CLOSED`; what only the store knows rejects
   * `started`.
   */
  start(id: string, producer: Producer | TypedProducer, options: StartOptions = {}): Run {
    this.#kernel.assertOpen()
    checkRunId(id)
    checkStartOptions(options)
    const { policy = 'interrupt', durability = 'events', orphan = 'stop', attached = false, owner = id, limits = {} } = options
    const typed = isTyped(producer) ? producer : undefined
    if (orphan === 'resume' && (!typed || durability === 'none')) {
      throw new LifechartError(
        'NOT_RESUMABLE',
        'Only a run of a defined type that is stored can be resumed: runs.define(type, producer), then start(id, { type, input }).',
      )
    }
    if (typed?.input !== undefined) encodeJson(typed.input, 'The input')
    const executes = typed ? this.#types.get(typed.type) : (producer as Producer)
    if (!executes) throw new LifechartError('RUN_TYPE_UNKNOWN', `Nobody defined the run type "${typed?.type}". Call runs.define first.`)

    const inFlight = [...this.#lanes.unfinished(id)]
    const newest = inFlight.at(-1)
    if (newest && policy === 'share') return newest
    if (newest && policy === 'reject') {
      throw new LifechartError('RUN_IN_FLIGHT', `A run of "${id}" is in flight. Stop it, or start with another policy.`, {
        details: { runId: newest.runId },
      })
    }
    this.#assertCapacity(owner)

    const kernel = durability === 'none' ? this.#ephemeral : this.#kernel
    const runId = kernel.environment.ids()
    const predecessors = inFlight.map(run => run.stream.id)
    const machineInput = {
      runId,
      predecessors,
      stopGrace: limits.stopGrace ?? this.#limits.stopGrace,
      ...(limits.wallTimeout !== undefined && { wallTimeout: limits.wallTimeout }),
    }
    const host = kernel.create(runStream(runId), this.#spec, runPresentation, machineInput)
    host.facts = {
      ...(typed && { type: typed.type }),
      orphan,
      ...(attached && { attached }),
      ...(limits.idleTimeout !== undefined && { idleTimeout: limits.idleTimeout }),
    } satisfies RunFacts
    const spec: RunSpec = {
      id,
      runId,
      producer: executes,
      type: typed?.type,
      input: typed?.input,
      orphan,
      attached,
      owner,
      idleTimeout: limits.idleTimeout,
      chunkBytes: this.#limits.chunkBytes,
    }
    const before = this.#lanes.latest(id)
    const previous = before?.kernel === kernel ? before : undefined
    const run = new LiveRun(spec, kernel, host, this.#watch, self =>
      host.opening(begin =>
        openRun(self, { kernel, policy, machineInput, input: typed?.input, previous, takeOver: head => this.adopt(head, 'free') }, begin),
      ),
    )
    this.#lanes.enter(run)
    run.started.catch(() => {
      if (run.over) this.#lanes.forget(run)
    })
    this.counters.started++
    if (policy === 'interrupt') {
      for (const former of inFlight) {
        former
          .replace(runId)
          .catch(error => kernel.environment.logger.warn('A run could not be replaced yet.', { run: former.runId, error: String(error) }))
      }
    }
    return run
  }

  #assertCapacity(owner: string): void {
    const { runs, runsPerOwner } = this.#limits
    const full =
      this.#lanes.live >= runs
        ? `limits.runs (${runs})`
        : this.#lanes.liveOf(owner) >= runsPerOwner
          ? `limits.runsPerOwner (${runsPerOwner})`
          : undefined
    if (full)
      throw new LifechartError(
        'RUN_CAPACITY',
        `There are as many runs in flight as ${full} allows. Wait for one to end, or raise the limit.`,
        { retryable: true },
      )
  }

  #live(runId: string): LiveRun {
    const run = this.#lanes.run(runId)
    if (!run) throw new LifechartError('RUN_NOT_FOUND', `The run ${runId} is not executed here.`)
    return run
  }

  /** Resolves when no earlier run of the id is executing any more, wherever that was. */
  async #predecessorsOf(runId: string): Promise<void> {
    const run = this.#live(runId)
    const { predecessors } = run.host.snapshot.context as RunContext
    await Promise.all(predecessors.map(stream => this.#whenEnded(stream, run.kernel)))
  }

  async #whenEnded(stream: string, kernel: Kernel): Promise<void> {
    const here = this.#lanes.run(runIdOf(stream))
    if (here) await here.host.whenOver()
    if (here?.over) return
    for (;;) {
      const head = await kernel.adapter.load(stream)
      if (!head?.index.live || kernel.closed) return
      const followed = kernel.host(stream)?.stream ?? kernel.tails.follow(stream, head.version, true, runPresentation)
      await followed.whenClosed()
      if (followed.ended) return
    }
  }

  /** What belongs to the end, in the same commit: when the stored stream is to be forgotten. */
  #draft(next: AnyMachineSnapshot, host: Host) {
    if (next.status === 'active') return {}
    this.#lanes.run(runIdOf(host.id))?.close()
    const { stored } = this.#retention
    const kernel = this.#lanes.run(runIdOf(host.id))?.kernel ?? this.#kernel
    if (!kernel.durable || stored === Number.POSITIVE_INFINITY) return {}
    return { change: { index: { due: kernel.environment.clock.now() + stored } } }
  }

  /**
   * Every event of a run, from the first or from `after`, each once and in order, and on to the end. Registered when this
   * returns. The first `next` rejects with `RUN_NOT_FOUND`, `RUN_EVICTED`, `CURSOR_AHEAD` or `CURSOR_INVALID`.
   */
  subscribe(id: string, { runId, ...options }: FollowOptions & Selection = {}): Subscription<RunEvent> {
    const here = this.#here(id, runId)
    if (here && (runId !== undefined || !here.over)) return subscribeTo(here.stream, options)
    if (here) return new Subscription(this.#newest(id, here, options))
    return new Subscription(this.#stream(id, runId).then(stream => new PullCursor(stream, options)))
  }

  /** The latest run here has ended; another process may have started one since. The place in the one here is kept meanwhile. */
  async #newest(id: string, here: LiveRun, options: FollowOptions): Promise<PullCursor<RunEvent>> {
    const held = new PullCursor(here.stream, options)
    const holder = here.kernel === this.#ephemeral ? undefined : await this.#holder(id)
    if (holder === undefined || holder.stream === here.stream.id) return held
    held.close()
    return new PullCursor(await this.#follow(holder), options)
  }

  /**
   * Calls the sink once per commit with the new events. Returns at once; what is wrong with the subscription is told to
   * `onClose`.
   */
  follow(id: string, sink: Sink<RunEvent>, { runId, onClose, ...options }: SinkOptions & Selection = {}): Following {
    const here = this.#here(id, runId)
    if (here && (runId !== undefined || !here.over)) return new SinkCursor(here.stream, sink, { ...options, onClose })
    let following: Following | undefined
    let closed = false
    const close = (error?: LifechartError) => {
      if (closed) return
      closed = true
      following?.close()
      onClose?.(error)
    }
    this.#stream(id, runId).then(
      stream => {
        if (!closed) following = new SinkCursor(stream, sink, { ...options, onClose: close })
      },
      error =>
        close(isLifechartError(error) ? error : new LifechartError('STORE_UNAVAILABLE', 'The run could not be read.', { cause: error })),
    )
    return { close: () => close(), [Symbol.dispose]: () => close() }
  }

  /** The same as an Observable; each subscription follows anew. */
  events$(id: string, options: FollowOptions & Selection = {}): Observable<RunEvent> {
    return observe((sink, onClose) => this.follow(id, sink, { ...options, onClose }), this.#kernel.environment.logger)
  }

  /** Stops a run wherever it is executed; resolves behind its end: true if this call ended it, false for an unknown or ended one. */
  async stop(id: string, { runId, reason = 'user' }: Selection & { reason?: StopReason } = {}): Promise<boolean> {
    const here = this.#here(id, runId)
    if (here && (runId !== undefined || !here.over)) return here.stop({ reason })
    const head = runId === undefined ? await this.#holder(id) : await this.#kernel.adapter.load(runStream(runId))
    if (!head?.index.live || head.index.context !== id) return false
    if (!this.#kernel.host(head.stream) && (await this.adoptFree(head))) {
      const adopted = this.#lanes.run(runIdOf(head.stream))
      return adopted ? adopted.stop({ reason }) : false
    }
    const stream = await this.#follow(head)
    try {
      await this.#kernel.sendCommand(stream as Stream<unknown>, { type: 'run.stop', reason })
    } catch (error) {
      if (isLifechartError(error, 'LIFECYCLE_ENDED')) return false
      if (!isLifechartError(error, 'EVENT_REFUSED')) throw error
      await stream.whenClosed()
      return false
    }
    await stream.whenClosed()
    return true
  }

  /** The latest run of the id, or an exact one; undefined when there is none. */
  async get(id: string, { runId }: Selection = {}): Promise<RunInfo | undefined> {
    const here = this.#here(id, runId)
    const kernel = here?.kernel ?? this.#kernel
    const found =
      here?.kernel === this.#ephemeral || runId !== undefined
        ? await kernel.adapter.load(runStream(here?.runId ?? (runId as string)))
        : await this.#holder(id)
    if (!found || found.index.context !== id) return undefined
    // Nobody executes it any more: it is not "running", so its orphan policy comes first.
    if (found.index.live && !kernel.host(found.stream)) await this.adoptFree(found)
    const head = await kernel.adapter.load(found.stream)
    return head && readInfo(kernel, head)
  }

  #here(id: string, runId: string | undefined): LiveRun | undefined {
    const run = runId === undefined ? this.#lanes.latest(id) : this.#lanes.run(runId)
    return run?.id === id ? run : undefined
  }

  #holder(id: string): Promise<StreamHead | undefined> {
    return this.#kernel.adapter.load({ key: latestKey(id) })
  }

  /** The stream of a run that is not in memory. */
  async #stream(id: string, runId: string | undefined): Promise<Stream<RunEvent>> {
    checkRunId(id)
    const head = runId === undefined ? await this.#holder(id) : await this.#kernel.adapter.load(runStream(runId))
    if (!head || head.index.context !== id) {
      if (this.#retained.wasEvicted(runId ?? latestKey(id))) {
        throw new LifechartError('RUN_EVICTED', `The run ${runId ?? `of "${id}"`} has ended and is no longer kept.`)
      }
      throw new LifechartError('RUN_NOT_FOUND', `There is no run ${runId ?? `of "${id}"`}.`)
    }
    return this.#follow(head)
  }

  async #follow(head: StreamHead): Promise<Stream<RunEvent>> {
    const here = this.#lanes.run(runIdOf(head.stream))
    if (here && !here.host.released) return here.stream
    const known = this.#kernel.tails.get<RunEvent>(head.stream)
    const stream = this.#kernel.tails.follow(head.stream, head.version, head.index.live, runPresentation)
    if (!known) {
      stream.onAudience = followers => {
        if (followers > 0) return
        this.#kernel.tails.drop(head.stream)
        stream.dispose()
      }
    }
    return stream
  }

  #audience(run: LiveRun, followers: number): void {
    this.#retained.audience(run, followers)
    if (followers > 0 || !run.spec.attached || run.over) return
    run.stop({ reason: 'audience_left' }).catch(error => this.#watch.failed(run, error))
  }

  ended(host: Host): void {
    this.counters.ended++
    const run = this.#lanes.run(runIdOf(host.id))
    if (!run) return
    this.#lanes.leave(run)
    this.#retained.keep(run)
    if (host.commands > 0) void run.kernel.forgetCommands(host.id)
  }

  /** Another runtime executes it now: it is followed from here on. */
  lost(host: Host): void {
    const run = this.#lanes.run(runIdOf(host.id))
    if (run) this.#lanes.forget(run)
  }

  async #evict(run: LiveRun): Promise<void> {
    this.counters.evicted++
    const latest = this.#lanes.latest(run.id) === run
    this.#lanes.forget(run)
    run.stream.dispose()
    if (run.kernel.durable) return
    this.#retained.remember(run.runId, ...(latest ? [latestKey(run.id)] : []))
    await this.#forget(run.kernel, run.stream.id)
  }

  async #forget(kernel: Kernel, stream: string): Promise<void> {
    try {
      await kernel.adapter.forget(stream, {})
    } catch (error) {
      if (!kernel.closed) kernel.environment.logger.warn('An ended run could not be forgotten yet.', { stream, error: String(error) })
    }
  }

  #takeoverEvent(_stored: StreamHead, facts: RunFacts): RunMachineEvent {
    const resumable = facts.orphan === 'resume' && facts.type !== undefined && this.#types.has(facts.type)
    return { type: 'owner.lost', policy: facts.orphan === 'resume' && !resumable ? 'stop' : facts.orphan }
  }

  /** Takes over a run if nobody owns it; true if it did. */
  async adoptFree(head: StreamHead): Promise<boolean> {
    const { items } = await this.#kernel.adapter.query({
      kinds: ['run'],
      free: true,
      where: { context: head.index.context, live: true },
      limit: 100,
    })
    const free = items.find(item => item.stream === head.stream)
    return free ? this.adopt(free, 'free') : false
  }

  async adopt(head: StreamHead, finding: Finding): Promise<boolean> {
    const kernel = this.#kernel
    if (!head.index.live) {
      if (finding !== 'due') return false
      this.#retained.remember(runIdOf(head.stream))
      if ((await this.#holder(head.index.context))?.stream === head.stream) this.#retained.remember(latestKey(head.index.context))
      await this.#forget(kernel, head.stream)
      return true
    }
    if (kernel.host(head.stream)) return true
    const facts = (JSON.parse(head.state ?? '{}') as { facts?: RunFacts }).facts ?? { orphan: 'stop' }
    if (this.#awaitsType(head.stream, facts)) return false
    const host = kernel.takeOver(head, this.#spec, runPresentation)
    const runId = runIdOf(head.stream)
    const input = await this.#inputOf(kernel, head)
    const spec: RunSpec = {
      id: head.index.context,
      runId,
      producer: (facts.type !== undefined && this.#types.get(facts.type)) || (() => undefined),
      type: facts.type,
      input,
      orphan: facts.orphan,
      attached: facts.attached ?? false,
      owner: head.index.owner,
      idleTimeout: facts.idleTimeout,
      chunkBytes: this.#limits.chunkBytes,
    }
    const run = new LiveRun(spec, kernel, host, this.#watch, self =>
      host.opening(async begin => {
        await self.resume()
        await begin({})
      }),
    )
    this.#lanes.enter(run)
    this.counters.resumed++
    try {
      await run.started
    } catch (error) {
      this.#lanes.forget(run)
      kernel.remove(host)
      if (isLifechartError(error, 'VERSION_CONFLICT', 'OWNED')) return true
      throw error
    }
    await kernel.receiveCommands(host)
    return true
  }

  async #inputOf(kernel: Kernel, head: StreamHead): Promise<unknown> {
    if (head.floor > 0) return undefined
    const { events } = await kernel.adapter.read(head.stream, { after: 0, limit: 1 })
    const first = decode(events[0] as string)
    return first instanceof Step && 'input' in first.record.event ? first.record.event.input : undefined
  }

  /** A run that is to be resumed waits a while for its type to be defined. */
  #awaitsType(stream: string, facts: RunFacts): boolean {
    if (facts.orphan !== 'resume' || facts.type === undefined || this.#types.has(facts.type)) return false
    const { clock } = this.#kernel.environment
    const waiting = this.#typeless.get(stream)
    if (waiting) return clock.now() < waiting.since + this.#limits.typeGrace
    const timer = clock.setTimeout(() => this.#kernel.sweep.reconsider([stream]), this.#limits.typeGrace)
    this.#typeless.set(stream, { since: clock.now(), timer })
    return true
  }

  /** Since when (milliseconds) an orphan waits for its type; undefined if it does not. */
  typelessSince(runId: string): number | undefined {
    return this.#typeless.get(runStream(runId))?.since
  }

  /** The run of this process that an id or a run id means. */
  find(idOrRunId: string): LiveRun | undefined {
    return this.#lanes.run(idOrRunId) ?? this.#lanes.latest(idOrRunId)
  }

  stats() {
    let subscribers = 0
    for (const run of this.#lanes.runs()) subscribers += run.stream.audience
    return { ...this.counters, live: this.#lanes.live, retained: this.#retained.size, subscribers }
  }

  /** Deals with everything that is executed here; `timeout` in milliseconds bounds each wait. */
  async close(mode: CloseMode | undefined, until: Promise<void>): Promise<void> {
    const live = () => [...this.#lanes.runs()].filter(run => !run.over)
    if (mode === 'drain') await Promise.race([until, Promise.all(live().map(run => run.ended))])
    await Promise.all(
      live().map(async run => {
        const handover = mode === 'handover' || (mode !== 'stop' && run.spec.orphan === 'resume')
        if (handover && run.kernel.durable) await run.host.release()
        else await Promise.race([until, run.stop({ reason: 'shutdown' }).catch(error => this.#watch.failed(run, error))])
      }),
    )
    const { clock } = this.#kernel.environment
    for (const { timer } of this.#typeless.values()) clock.clearTimeout(timer)
    this.#retained.close()
  }
}
