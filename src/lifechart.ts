import { type Observable, Subject } from 'rxjs'
import type { AnyStateMachine } from 'xstate'
import { Actors, type ActorsService } from './actors.ts'
import { memoryAdapter } from './adapters/memory.ts'
import { LifechartError } from './errors.ts'
import { type Explanation, explain } from './explain.ts'
import { anyDelay, systemClock, wait } from './kernel/clock.ts'
import { createIds } from './kernel/ids.ts'
import { Kernel } from './kernel/kernel.ts'
import { lineLogger } from './kernel/logger.ts'
import type { AdapterSource, Clock, Environment, Ids, Logger } from './kernel/port.ts'
import type { Transition } from './kernel/product.ts'
import { GuardedObservable } from './kernel/stream/observe.ts'
import { type Limits, resolveLimits } from './limits.ts'
import type { CloseMode } from './runs/closing.ts'
import { Runs, type RunsService } from './runs/runs.ts'
import { Tasks, type TasksService } from './tasks/tasks.ts'

export interface LifechartOptions {
  /** Where everything is kept. Default: memory, gone with the process (said once in the log). */
  adapter?: AdapterSource
  /** Users' charts whose stored lifecycles are restored when they have something under way. */
  charts?: readonly AnyStateMachine[]
  clock?: Clock
  ids?: Ids
  /** Default: one JSON object a line on standard error. */
  logger?: Logger
  retention?: {
    /** Milliseconds an ended run stays in memory after its end and its last subscriber. Default 180,000. */
    window?: number
    /** Milliseconds its stream stays in a durable store after its end. Default: for ever. */
    stored?: number
  }
  limits?: Partial<Limits>
}

export interface CloseOptions {
  /**
   * `handover`: what is live is left to its next owner. `stop`: runs end as stopped, reason `shutdown`. `drain`: their ends are
   * awaited first. Default: handover for runs that resume, stop for the others.
   */
  mode?: CloseMode
  /** Milliseconds to wait for ends, at most. Default 10,000. */
  timeout?: number
}

/** Counters since the runtime was opened, and gauges as of now, by name. */
export type Stats = Readonly<Record<string, number>>

export interface Health {
  status: 'ok' | 'failing'
  /** Milliseconds that the store took to answer just now. */
  latency: number
  problems: { code: string; text: string; ref?: string }[]
}

/** One open runtime. */
export class Lifechart implements AsyncDisposable {
  /** Detached runs: producers that are executed here, whoever listens. */
  readonly runs: RunsService
  /** Durable lifecycles of your own charts. */
  readonly actors: ActorsService
  /** Units of agent work with the lifecycle of an A2A task. */
  readonly tasks: TasksService
  /** Every step that is committed by this runtime. */
  readonly transitions$: Observable<Transition>
  /** @internal */
  readonly kernel: Kernel
  /** @internal */
  readonly limits: Limits
  /** @internal For what serves them to others. */
  get reading(): Runs['reading'] {
    return this.#runs.reading
  }

  readonly #ephemeral: Kernel
  readonly #runs: Runs
  readonly #actors: Actors
  readonly #tasks: Tasks
  readonly #transitions = new Subject<Transition>()
  #closing: Promise<void> | undefined

  /** @internal Use {@link openLifechart}. */
  constructor(kernel: Kernel, ephemeral: Kernel, options: LifechartOptions, limits: Limits) {
    this.kernel = kernel
    this.limits = limits
    this.#ephemeral = ephemeral
    const { window = 180_000, stored = Number.POSITIVE_INFINITY } = options.retention ?? {}
    if (!(window >= 0) || !(stored >= 0))
      throw new LifechartError('INVALID_OPTION', 'retention.window and retention.stored are milliseconds, 0 or more.')
    this.runs = this.#runs = new Runs({ kernel, ephemeral, limits, retention: { window, stored } })
    this.actors = this.#actors = new Actors(kernel, options.charts ?? [])
    this.tasks = this.#tasks = new Tasks(kernel, limits, stored)
    this.transitions$ = new GuardedObservable(kernel.environment.logger, subscriber => this.#transitions.subscribe(subscriber))
    kernel.transitions.subscribe(this.#transitions)
    ephemeral.transitions.subscribe(transition => this.#transitions.next(transition))
  }

  stats(): Stats {
    const { kernel } = this
    const stats: Record<string, number> = {
      'lifecycles.loaded': kernel.size + this.#ephemeral.size,
      'lifecycles.steps': kernel.counters.steps + this.#ephemeral.counters.steps,
      'lifecycles.takeovers': kernel.counters.takeovers,
      'lifecycles.lost': kernel.counters.lost,
      'lifecycles.left': kernel.sweep.left,
      'commands.received': kernel.commands.received,
      'streams.followed': kernel.tails.size,
      'windows.bytes': kernel.budget.used + this.#ephemeral.budget.used,
      'timers.armed': kernel.scheduler.size + this.#ephemeral.scheduler.size,
    }
    for (const [name, value] of Object.entries(this.#runs.stats())) stats[`runs.${name}`] = value
    for (const [name, value] of Object.entries(this.#tasks.stats())) stats[`tasks.${name}`] = value
    return stats
  }

  /** Asks the store, for `limits.storeGrace` at most, and names what is in trouble. */
  async health(): Promise<Health> {
    const { clock } = this.kernel.environment
    const since = clock.now()
    const problems: Health['problems'] = []
    const answered = new AbortController()
    const silence = wait(clock, this.kernel.limits.storeGrace, answered.signal).then(() => 'STORE_UNAVAILABLE' as const)
    const answer = this.kernel.adapter.query({ limit: 1 }).then(
      () => undefined,
      error => (error instanceof LifechartError ? error.code : ('STORE_UNAVAILABLE' as const)),
    )
    const code = await Promise.race([answer, silence])
    answered.abort()
    if (code) problems.push({ code, text: 'The store does not answer.' })
    for (const host of this.kernel.hosts()) {
      if (host.storeError) problems.push({ code: 'STORE_UNAVAILABLE', text: 'A commit waits for the store.', ref: host.id })
    }
    return { status: problems.length === 0 ? 'ok' : 'failing', latency: clock.now() - since, problems }
  }

  /** Says why a run (by its id or run id), a task (by its id), or a lifecycle (by its id or that of its stream), waits. `INVALID_ID` for what can be no id. */
  explain(id: string): Promise<Explanation[]> {
    return explain({ kernel: this.kernel, ephemeral: this.#ephemeral, runs: this.#runs, actors: this.#actors }, id)
  }

  /** Ends this runtime; closing twice is harmless. Nothing acknowledged is lost. */
  close(options: CloseOptions = {}): Promise<void> {
    this.#closing ??= this.#close(options)
    return this.#closing
  }

  async #close({ mode, timeout = 10_000 }: CloseOptions): Promise<void> {
    const over = new AbortController()
    const until = wait(this.kernel.environment.clock, timeout, over.signal)
    try {
      await Promise.all([this.#runs.close(mode, until), this.#tasks.close(mode, until)])
      await Promise.race([until, this.#actors.close()])
    } finally {
      over.abort()
      await this.#closeKernels()
    }
  }

  /** Both, whatever one of them has to say, and without waiting for a store that does not answer. */
  async #closeKernels(): Promise<void> {
    const { environment, limits } = this.kernel
    const over = new AbortController()
    const silence = wait(environment.clock, limits.storeGrace, over.signal).then(() => undefined)
    const closed = await Promise.race([Promise.allSettled([this.kernel.close(), this.#ephemeral.close()]), silence])
    over.abort()
    if (!closed) environment.logger.warn('The store did not answer while it was closed; what was acknowledged is safe.')
    for (const result of closed ?? []) if (result.status === 'rejected') throw result.reason
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** Opens a runtime. What it finds in the store that nobody owns any more, it takes over before this resolves. */
export async function openLifechart(options: LifechartOptions = {}): Promise<Lifechart> {
  const limits = resolveLimits(options.limits)
  const clock = options.clock ? anyDelay(options.clock) : systemClock
  const logger = options.logger ?? lineLogger(line => process.stderr.write(`${line}\n`), clock.now)
  const environment: Environment = { clock, logger, ids: options.ids ?? createIds(clock) }
  if (!options.adapter) logger.info('No adapter: everything is kept in memory and gone with the process. See docs/adapters.md.')
  const kernel = await Kernel.open(options.adapter ?? memoryAdapter(), environment, limits)
  // Nobody else can take over what is there: its session never lapses.
  const ephemeral = await Kernel.open(memoryAdapter(), environment, { ...limits, sessionTtl: Number.MAX_SAFE_INTEGER })
  try {
    const lifechart = new Lifechart(kernel, ephemeral, options, limits)
    await kernel.sweep.start()
    return lifechart
  } catch (error) {
    await kernel.close()
    await ephemeral.close()
    throw error
  }
}
