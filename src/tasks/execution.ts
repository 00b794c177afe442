import { isLifechartError, type LifechartError } from '../errors.ts'
import { wait } from '../kernel/clock.ts'
import type { Clock, Logger } from '../kernel/port.ts'
import type { Turns } from '../kernel/turns.ts'
import type { TaskFault, TaskMachineEvent } from '../machines/task-setup.ts'
import type { Agent, ExecutionContext } from './agent.ts'
import { ExecutionBus, type TaskBus } from './bus.ts'
import { type Intake, takeIn, tooMany } from './intake.ts'
import { type ExecutionEvent, TaskState } from './model.ts'

/** Where the events of an execution go. */
export interface Destination {
  /** Takes what needs no step; a promise while the store is behind. */
  append(intake: Intake & { kind: 'artifact' }): boolean | Promise<boolean>
  /** False when it was refused. */
  take(intake: Intake): Promise<boolean>
  readonly over: boolean
}

/** What executions have around them. */
export interface ExecutionHouse {
  readonly clock: Clock
  readonly logger: Logger
  readonly limits: { readonly chunkBytes: number; readonly taskBacklog: number }
  /** Executors that never wait for anything leave the event loop to others now and then. */
  readonly turns: Turns
  /** Something an executor published was not taken. */
  refused(taskId: string, reason: string): void
}

export interface ExecutionParts {
  house: ExecutionHouse
  agent: Agent
  taskId: string
  contextId: string
  requestId: string
  attempt: number
  /** The caller's side's. */
  context: unknown
}

/** What the first event of a first execution, or its end without one, makes of it: a task, or nothing but a message. */
export type Opening = (first: Intake | undefined) => Promise<Destination | undefined>

/** Its own words may not be safe to show. */
export const agentFailed: TaskFault = { code: 'EXECUTOR_FAILED', message: 'The agent failed; the cause is in the log of the server.' }

const taken = Promise.resolve(true)
const refused = Promise.resolve(false)

/** One execution of a request: what its executor publishes goes to the task, one event after the other. */
export class Execution {
  readonly requestId: string
  readonly bus: TaskBus
  readonly #parts: ExecutionParts
  /** Made for those who ask for the signal. */
  #controller: AbortController | undefined
  #aborted = false
  readonly #opening: Opening | undefined
  #destination: Destination | undefined
  #inbox: { intake: Intake | undefined; settle: (taken: boolean) => void }[] = []
  #draining: Promise<void> | undefined
  #sendBack: ((event: TaskMachineEvent) => void) | undefined
  /** It has ended as this before anybody could be told. */
  #unsaid: TaskMachineEvent | undefined
  #begun = false
  /** The executor has returned. */
  #through = false
  #closed = false
  #failure: LifechartError | undefined
  #giveUp: (() => void) | undefined
  #answered = false
  /** The last state that was published. */
  #state: number | undefined
  /** Lets go of a bus that is not ours. */
  #settle: (() => void) | undefined

  constructor(parts: ExecutionParts, to: Destination | Opening) {
    this.#parts = parts
    this.requestId = parts.requestId
    if (typeof to === 'function') this.#opening = to
    else this.#destination = to
    const given = parts.agent.bus?.(parts.taskId, parts.context)
    this.bus = given ? this.#listen(given) : new ExecutionBus(event => this.#publish(event))
  }

  #listen(bus: TaskBus): TaskBus {
    const { agent, taskId, context } = this.#parts
    const take = (event: ExecutionEvent) => {
      if (event?.kind === 'task' || event?.kind === 'statusUpdate') this.#state = event.data?.status?.state ?? this.#state
      void this.#publish(event)
    }
    this.#settle = () => {
      this.#settle = undefined
      bus.off('event', take)
      agent.settle?.(taskId, bus, this.#state, context)
    }
    return bus.on('event', take)
  }

  get attached(): boolean {
    return this.#sendBack !== undefined
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController()
      if (this.#aborted) this.#controller.abort()
    }
    return this.#controller.signal
  }

  #abort(): void {
    this.#aborted = true
    this.#controller?.abort()
  }

  /** The chart holds it from here on. */
  attach(sendBack: (event: TaskMachineEvent) => void): void {
    this.#sendBack = sendBack
    if (this.#unsaid) sendBack(this.#unsaid)
  }

  /** Calls the executor, unless the execution was aborted before. */
  async run(context: () => Promise<Omit<ExecutionContext, 'signal'>>): Promise<void> {
    let end: TaskMachineEvent = { type: 'executor.returned' }
    try {
      const given = await context()
      const signal = { get: () => this.signal, enumerable: true }
      if (!this.#aborted) await this.#execute(Object.defineProperty(given, 'signal', signal) as ExecutionContext)
    } catch (error) {
      end = { type: 'executor.threw', error: this.#faultOf(error) }
      this.#state = TaskState.TASK_STATE_FAILED
    }
    this.#closed = true
    this.#through = true
    this.#settle?.()
    while (this.#draining) await this.#draining
    try {
      if (!this.#destination && !this.#answered) this.#destination = await this.#opening?.(undefined)
    } catch (error) {
      // What was created of it all the same ends as this execution does.
      this.#parts.house.logger.error('A task could not be begun.', { task: this.#parts.taskId, error: String(error) })
    }
    // Of what it had published when it returned, something could not be taken.
    if (this.#failure) end = { type: 'executor.threw', error: this.#faultOf(this.#failure) }
    if (this.#sendBack) this.#sendBack(end)
    else this.#unsaid = end
  }

  async #execute(given: ExecutionContext): Promise<void> {
    this.#begun = true
    const { agent, house } = this.#parts
    const work = agent.executor.execute(given, this.bus)
    const over = new AbortController()
    const failed = new Promise<void>(resolve => {
      this.#giveUp = resolve
    })
    // One that can not go on has the grace, and no more.
    const grace = failed.then(() => wait(house.clock, agent.policy.cancelGrace ?? 5_000, over.signal))
    try {
      await Promise.race([work, grace])
    } finally {
      if (this.#failure) {
        over.abort()
        // What it throws from here on is its own.
        Promise.resolve(work).catch(() => undefined)
      }
    }
    if (this.#failure) throw this.#failure
  }

  #faultOf(error: unknown): TaskFault {
    const { house, taskId } = this.#parts
    const own = this.#failure ?? error
    if (!this.#aborted || this.#failure) house.logger.warn('An executor failed.', { task: taskId, error: String(own) })
    if (isLifechartError(own)) return { code: own.code, message: own.message }
    return agentFailed
  }

  /** The task is cancelled, or took too long. */
  abort(reason: 'cancel' | 'timeout'): void {
    const { agent, taskId, house } = this.#parts
    const { executor } = agent
    const told = this.#begun && reason === 'cancel'
    this.#abort()
    if (!told || !executor.cancelTask) return
    // It may throw at once.
    void Promise.resolve()
      .then(() => executor.cancelTask?.(taskId, this.bus))
      .catch(error => house.logger.warn('cancelTask failed; the task is canceled after the grace.', { task: taskId, error: String(error) }))
  }

  /** The chart has left it: nothing is taken any more. An executor that goes on is told so, unless it ended the task itself. */
  close(quietly: boolean): void {
    this.#closed = true
    if (!quietly && !this.#through) this.#abort()
    // It may never return, and what it publishes then is for nobody.
    if (this.#aborted) this.#settle?.()
  }

  #publish(event: ExecutionEvent): Promise<boolean> {
    const { house, taskId, contextId, attempt } = this.#parts
    if (this.#closed || this.#destination?.over) return this.#refuse('It came behind the end of its execution or its task.')
    let intake: Intake
    try {
      intake = takeIn(event, { taskId, contextId }, attempt, house.limits.chunkBytes)
    } catch (error) {
      if (isLifechartError(error, 'AGENT_RESPONSE_INVALID')) return this.#refuse(error.message)
      return this.#fail(error as LifechartError)
    }
    if (intake.kind === 'artifact' && this.#destination && !this.#draining) return this.#append(this.#destination, intake)
    if (this.#inbox.length >= house.limits.taskBacklog) {
      return this.#fail(tooMany(this.#inbox.length))
    }
    return this.#put(intake)
  }

  /** What it says first is waited for no longer: there is a task, unless it has answered already. */
  found(): Promise<boolean> {
    return this.#put(undefined)
  }

  #put(intake: Intake | undefined): Promise<boolean> {
    const settled = new Promise<boolean>(settle => this.#inbox.push({ intake, settle }))
    this.#draining ??= this.#drain()
    return settled
  }

  #append(destination: Destination, intake: Intake & { kind: 'artifact' }): Promise<boolean> {
    try {
      const appended = destination.append(intake)
      if (typeof appended !== 'boolean') return appended
      return appended ? taken : refused
    } catch (error) {
      return this.#fail(error as LifechartError)
    }
  }

  async #drain(): Promise<void> {
    for (let next = this.#inbox.shift(); next; next = this.#inbox.shift()) {
      try {
        // Behind something that could not be taken nothing counts: the task must not end as if it had been.
        next.settle(this.#failure ? false : await this.#deal(next.intake))
      } catch (error) {
        next.settle(false)
        void this.#fail(error as LifechartError)
      }
    }
    this.#draining = undefined
  }

  async #deal(intake: Intake | undefined): Promise<boolean> {
    if (!intake && (this.#answered || this.#destination)) return true
    if (this.#answered) return this.#refuse('It came behind a message, which is the whole answer.')
    if (this.#destination && intake) return this.#destination.take(intake)
    this.#destination = await this.#opening?.(intake)
    this.#answered = this.#destination === undefined
    return true
  }

  #refuse(reason: string): Promise<boolean> {
    this.#parts.house.refused(this.#parts.taskId, reason)
    return refused
  }

  /** It can not go on: the task fails with this. */
  #fail(error: LifechartError): Promise<boolean> {
    this.#failure ??= error
    this.#closed = true
    this.#abort()
    this.#giveUp?.()
    return refused
  }
}
