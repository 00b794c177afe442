import type { Observable } from 'rxjs'
import { LifechartError } from '../errors.ts'
import type { Finding } from '../kernel/claims.ts'
import type { ChartSpec } from '../kernel/host/chart.ts'
import type { Host } from '../kernel/host/host.ts'
import { encodeJson } from '../kernel/json.ts'
import type { Kernel } from '../kernel/kernel.ts'
import type { StreamHead } from '../kernel/port.ts'
import type { Product } from '../kernel/product.ts'
import type { FollowOptions } from '../kernel/stream/cursor.ts'
import { observe } from '../kernel/stream/observe.ts'
import type { StepRecord } from '../kernel/stream/record.ts'
import type { Following, Sink, SinkOptions } from '../kernel/stream/sink.ts'
import type { Subscription } from '../kernel/stream/subscription.ts'
import type { StopReason } from '../machines/run.ts'
import { Adoption } from './adoption.ts'
import { runChart } from './chart.ts'
import { type CloseMode, closeRuns, disposeEnded } from './closing.ts'
import { stopElsewhere } from './elsewhere.ts'
import { type RunEvent, runPresentation } from './events.ts'
import { type RunInfo, readInfo } from './info.ts'
import { LiveRun, type Run, type RunWatch } from './live-run.ts'
import { latestKey, runIdOf, runStream } from './names.ts'
import { openRun } from './opening.ts'
import {
  checkProducer,
  checkRunId,
  checkStartOptions,
  checkStopReason,
  findProducer,
  isTyped,
  type StartOptions,
  type TypedProducer,
} from './options.ts'
import type { Producer, ProducerFunction } from './producer.ts'
import { Reading, type Selection } from './reading.ts'
import { Roster, type RunsOptions } from './roster.ts'
import type { RunFacts } from './stored.ts'

/** What users have of it. */
export type RunsService = Pick<Runs, 'define' | 'start' | 'subscribe' | 'follow' | 'events$' | 'stop' | 'get'>

/** Detached runs: producers that are executed here, whoever listens. */
export class Runs implements Product {
  readonly kinds = ['run']
  readonly #roster: Roster
  readonly reading: Reading
  readonly #adoption: Adoption
  readonly #watch: RunWatch
  readonly #chart: ChartSpec
  #closing = false

  constructor(options: RunsOptions) {
    const roster = new Roster(options, run => this.#evict(run))
    this.#roster = roster
    this.reading = new Reading(roster)
    this.#watch = {
      neverBegan: run => roster.lanes.forget(run),
      lateWrite: () => roster.counters.lateWrites++,
      audience: (run, followers) => this.#audience(run, followers),
      failed: (run, error) => roster.failed(run, error),
      notStopped: (run, error) => roster.notStopped(run, error),
    }
    this.#chart = runChart(roster, facts => this.#adoption.verdict(facts))
    this.#adoption = new Adoption(roster, this.#chart, this.#watch)
    options.kernel.register(this)
    options.ephemeral.register(this)
  }

  /** Registers a producer by name, so that other processes, or this one after a restart, can execute it. `RUN_TYPE_TAKEN` for a second one. */
  define(type: string, producer: ProducerFunction): void {
    const { types } = this.#roster
    if (types.has(type)) throw new LifechartError('RUN_TYPE_TAKEN', `The run type "${type}" is defined already.`)
    types.set(type, producer)
    this.#adoption.defined(type)
  }

  /**
   * Starts a run, registered when this returns. Throws `INVALID_ID`, `INVALID_OPTION`, `NOT_SERIALIZABLE` (the input),
   * `NOT_RESUMABLE`, `RUN_TYPE_UNKNOWN`, `RUN_IN_FLIGHT`, `RUN_CAPACITY` or `RUNTIME_CLOSED`; what only the store knows rejects
   * `started`.
   */
  start(id: string, producer: Producer | TypedProducer, options: StartOptions = {}): Run {
    const { kernel: stored, ephemeral, lanes, counters } = this.#roster
    stored.assertOpen()
    if (this.#closing) throw new LifechartError('RUNTIME_CLOSED', 'The runtime is being closed. Open another one.')
    checkRunId(id)
    checkProducer(producer)
    checkStartOptions(options)
    const { policy = 'interrupt', durability = 'events' } = options
    const executes = findProducer(producer, options, this.#roster.types)

    const inFlight = [...lanes.unfinished(id)]
    const newest = inFlight.at(-1)
    if (newest && policy === 'share') return newest
    if (newest && policy === 'reject') {
      throw new LifechartError('RUN_IN_FLIGHT', `A run of "${id}" is in flight. Stop it, or start with another policy.`, {
        details: { runId: newest.runId },
      })
    }
    this.#roster.assertCapacity(options.owner ?? id, policy === 'interrupt' ? inFlight : [])

    const kernel = durability === 'none' ? ephemeral : stored
    const previous = lanes.latest(id)
    const run = this.#create(kernel, id, executes, isTyped(producer) ? producer : undefined, options, inFlight, previous)
    lanes.enter(run)
    counters.started++
    if (policy === 'interrupt') {
      for (const former of inFlight) {
        former
          .replace(run.runId)
          .catch(error => kernel.environment.logger.warn('A run could not be replaced yet.', { run: former.runId, error: String(error) }))
      }
    }
    return run
  }

  #create(
    kernel: Kernel,
    id: string,
    producer: Producer,
    typed: TypedProducer | undefined,
    options: StartOptions,
    inFlight: readonly LiveRun[],
    latest: LiveRun | undefined,
  ): LiveRun {
    const { policy = 'interrupt', orphan = 'stop', attached = false, owner = id, limits = {} } = options
    const runId = kernel.environment.ids()
    // A copy: the caller may change its own before the start is committed. And first: one that is refused leaves nothing behind.
    const input = typed?.input === undefined ? undefined : JSON.parse(encodeJson(typed.input, 'The input'))
    const machineInput = {
      runId,
      predecessors: inFlight.map(run => run.stream.id),
      stopGrace: limits.stopGrace ?? this.#roster.limits.stopGrace,
      ...(limits.wallTimeout !== undefined && { wallTimeout: limits.wallTimeout }),
    }
    const host = kernel.create(runStream(runId), this.#chart, runPresentation, machineInput)
    host.journal.facts = {
      ...(typed && { type: typed.type }),
      orphan,
      ...(attached && { attached }),
      ...(limits.idleTimeout !== undefined && { idleTimeout: limits.idleTimeout }),
    } satisfies RunFacts
    const { chunkBytes } = this.#roster.limits
    const { type } = typed ?? {}
    const spec = { id, runId, producer, type, input, orphan, attached, owner, idleTimeout: limits.idleTimeout, chunkBytes }
    const previous = latest?.kernel === kernel ? latest : undefined
    const takeOver = (head: StreamHead) => this.#adoption.adoptFree(head)
    const here = (stream: string) => this.#roster.lanes.run(runIdOf(stream))
    return new LiveRun(spec, kernel, host, this.#watch, self =>
      host.opening(async begin => {
        try {
          await openRun(self, { kernel, policy, machineInput, input, previous, takeOver, here }, begin)
        } catch (error) {
          self.neverBegan(error)
          throw error
        }
      }),
    )
  }

  /**
   * Every event of a run, from the first or from `after`, each once and in order, and on to the end. Registered when this
   * returns. The first `next` rejects with `RUN_NOT_FOUND`, `RUN_EVICTED`, `CURSOR_AHEAD` or `CURSOR_INVALID`.
   */
  subscribe(id: string, options: FollowOptions & Selection = {}): Subscription<RunEvent> {
    return this.reading.subscribe(id, options)
  }

  /**
   * Calls the sink once per commit with the new events. Returns at once; what is wrong with the subscription is told to
   * `onClose`.
   */
  follow(id: string, sink: Sink<RunEvent>, options: SinkOptions & Selection = {}): Following {
    return this.reading.followWith(id, sink, options)
  }

  /** The same as an Observable; each subscription follows anew. */
  events$(id: string, options: FollowOptions & Selection = {}): Observable<RunEvent> {
    return observe((sink, onClose) => this.follow(id, sink, { ...options, onClose }), this.#roster.kernel.environment.logger)
  }

  /** Stops a run wherever it is executed; resolves behind its end: true if this call ended it, false for an unknown or ended one. */
  stop(id: string, options: Selection & { reason?: StopReason } = {}): Promise<boolean> {
    const stopped = this.#stop(id, options)
    // Who does not wait for the answer need not handle it.
    stopped.catch(() => undefined)
    return stopped
  }

  async #stop(id: string, { runId, reason = 'user' }: Selection & { reason?: StopReason }): Promise<boolean> {
    checkStopReason(reason)
    const { kernel, lanes } = this.#roster
    const here = this.#roster.here(id, runId)
    if (here && (runId !== undefined || !here.over)) return here.stop({ reason })
    const head = await kernel.insist(() => (runId === undefined ? this.reading.holder(id) : kernel.adapter.load(runStream(runId))))
    if (!head?.index.live || head.index.context !== id) return false
    if (!kernel.host(head.stream)) await this.#adoption.adoptFree(head)
    const adopted = lanes.run(runIdOf(head.stream))
    return adopted ? adopted.stop({ reason }) : stopElsewhere(kernel, this.reading.follow(head), { type: 'run.stop', reason })
  }

  /** The latest run of the id, or an exact one; undefined when there is none. */
  async get(id: string, { runId }: Selection = {}): Promise<RunInfo | undefined> {
    const { ephemeral, kernel: stored } = this.#roster
    const here = this.#roster.here(id, runId)
    const kernel = here?.kernel ?? stored
    const exact = runId ?? (kernel === ephemeral ? here?.runId : undefined)
    const found = exact === undefined ? await this.reading.holder(id) : await kernel.adapter.load(runStream(exact))
    if (!found || found.index.context !== id) return undefined
    // Nobody executes it any more: it is not "running", so its orphan policy comes first.
    if (found.index.live && !kernel.host(found.stream)) await this.#adoption.adoptFree(found)
    const head = await kernel.adapter.load(found.stream)
    return head && readInfo(kernel, head)
  }

  #audience(run: LiveRun, followers: number): void {
    const { retained, idleReaders } = this.#roster
    retained.audience(run, followers)
    if (followers > 0) idleReaders.watch(run.stream)
    // One that leaves this runtime is not left by its audience: the runtime closes, or another one has the run.
    if (followers > 0 || !run.spec.attached || run.over || run.host.released) return
    run.stop({ reason: 'audience_left' }).catch(error => this.#roster.notStopped(run, error))
  }

  /** A run that was lost and taken over again has another host by then. */
  #of(host: Host): LiveRun | undefined {
    const run = this.#roster.lanes.run(runIdOf(host.id))
    return run?.host === host ? run : undefined
  }

  stepped(host: Host, record: StepRecord): void {
    this.#of(host)?.stepped(record)
  }

  ended(host: Host): void {
    const { counters, lanes, retained } = this.#roster
    counters.ended++
    const run = this.#of(host)
    if (!run) return
    lanes.leave(run)
    retained.keep(run)
    if (host.journal.commands > 0) void run.kernel.commands.forget(host.id)
  }

  /** Another runtime executes it now: it is followed from here on. */
  lost(host: Host): void {
    const { lanes } = this.#roster
    const run = this.#of(host)
    if (!run) return
    run.close()
    lanes.forget(run)
    // It learns its end from the new owner.
    void run.ended
  }

  adopt(head: StreamHead, finding: Finding): Promise<boolean> {
    return this.#adoption.adopt(head, finding)
  }

  #evict(run: LiveRun): void {
    const { counters, lanes } = this.#roster
    const { kernel, stream } = run
    counters.evicted++
    const latest = lanes.latest(run.id) === run
    lanes.forget(run)
    stream.dispose()
    if (!kernel.durable) kernel.retainer.forget(stream.id, [run.runId, ...(latest ? [latestKey(run.id)] : [])])
  }

  forgotten(names: readonly string[]): void {
    this.#roster.retained.remember(...names)
  }

  /** The run of this process that an id or a run id means. */
  find(idOrRunId: string): LiveRun | undefined {
    const { lanes } = this.#roster
    return lanes.run(idOrRunId) ?? lanes.latest(idOrRunId)
  }

  /** Since when (milliseconds) a stored run waits for its type to be defined here. */
  typelessSince(runId: string): number | undefined {
    return this.#adoption.typelessSince(runId)
  }

  stats() {
    const { counters, lanes, retained } = this.#roster
    let subscribers = 0
    for (const run of lanes.runs()) subscribers += run.stream.audience
    return { ...counters, live: lanes.live, retained: retained.size, subscribers }
  }

  async close(mode: CloseMode | undefined, until: Promise<void>): Promise<void> {
    this.#closing = true
    await closeRuns(this.#roster, mode, until)
    this.#adoption.close()
    disposeEnded(this.#roster)
  }
}
