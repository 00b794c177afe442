import type { Kernel } from '../kernel/kernel.ts'
import type { Clock, Logger } from '../kernel/port.ts'
import { Turns } from '../kernel/turns.ts'
import type { Agent } from './agent.ts'
import type { LiveTask } from './live-task.ts'

export interface TasksLimits {
  chunkBytes: number
  /** Tasks that are at work here, or may become one, per caller. */
  tasksPerCaller: number
  /** Streams that are open, per caller. */
  taskStreamsPerCaller: number
  /** Requests that wait, per task. */
  requestsPerTask: number
  /** Characters of a message with its metadata. */
  messageBytes: number
  /** Events that an execution may publish ahead of what is stored. */
  taskBacklog: number
  /** Milliseconds that a task whose agent is not defined here waits for it. */
  typeGrace: number
}

/** So many refusals are logged, and from then on one of as many: an executor that runs wild must not fill the log. */
const mostLogged = 1_000

/** What the rooms of the tasks share: who is here, what is defined, what is counted. */
export class TaskHouse {
  readonly kernel: Kernel
  readonly limits: TasksLimits
  /** Milliseconds that a task stays in a durable store after its end. */
  readonly retention: number
  /** Executors that never wait for anything leave the event loop to others now and then. */
  readonly turns = new Turns()
  readonly agents = new Map<string, Agent>()
  readonly counters = { created: 0, answered: 0, ended: 0, refused: 0, parked: 0, resumed: 0 }
  /** The tasks that are held here, by the id of their stream. */
  readonly #live = new Map<string, LiveTask>()
  /** How many of them, and of those that may become one, each scope has. */
  readonly #held = new Map<string, number>()
  /** What is under way for a stream: tasks come and go one job at a time. */
  readonly #turns = new Map<string, Promise<unknown>>()

  constructor(kernel: Kernel, limits: TasksLimits, retention: number) {
    this.kernel = kernel
    this.limits = limits
    this.retention = retention
  }

  get clock(): Clock {
    return this.kernel.environment.clock
  }

  get logger(): Logger {
    return this.kernel.environment.logger
  }

  get held(): number {
    return this.#live.size
  }

  lives(): IterableIterator<LiveTask> {
    return this.#live.values()
  }

  live(stream: string): LiveTask | undefined {
    return this.#live.get(stream)
  }

  /** How many tasks of the scope are held here, with those that are about to be. */
  heldOf(scope: string): number {
    return this.#held.get(scope) ?? 0
  }

  /** One more or less. */
  count(scope: string, change: 1 | -1): void {
    const held = this.heldOf(scope) + change
    if (held > 0) this.#held.set(scope, held)
    else this.#held.delete(scope)
  }

  enter(task: LiveTask): void {
    this.#live.set(task.host.id, task)
    this.count(task.scope, 1)
  }

  /** It is not held here any more, which is told once. */
  leave(task: LiveTask): void {
    if (this.#live.get(task.host.id) !== task) return
    this.count(task.scope, -1)
    this.#live.delete(task.host.id)
    task.agent.onReleased?.(task.id)
  }

  /** Something an executor published was not taken. */
  refused(task: string, reason: string): void {
    const refused = ++this.counters.refused
    if (refused > mostLogged && refused % mostLogged > 0) return
    this.logger.warn('An event of an executor was refused.', { task, reason })
  }

  async inTurn<T>(stream: string, job: () => Promise<T>): Promise<T> {
    const turn = (this.#turns.get(stream) ?? Promise.resolve()).then(job, job)
    this.#turns.set(stream, turn)
    try {
      return await turn
    } finally {
      if (this.#turns.get(stream) === turn) this.#turns.delete(stream)
    }
  }
}
