import { isLifechartError, LifechartError } from '../errors.ts'
import { wait } from '../kernel/clock.ts'
import type { ExecutionContext } from './agent.ts'
import { keepAnswer } from './answers.ts'
import { decodeMessage, type StoredMessage, type StoredTask } from './codec.ts'
import { Execution } from './execution.ts'
import type { TaskHouse } from './house.ts'
import type { Intake } from './intake.ts'
import type { LiveTask, TaskKeeper } from './live-task.ts'
import { TaskState } from './model.ts'
import type { Places } from './places.ts'
import type { StartInput } from './records.ts'
import { type Caller, placed, requestIdOf, restoreRequest, type StoredRequest, scopeOf } from './request.ts'
import type { Sending, Sent } from './sent.ts'

interface BeginningsHouse {
  readonly house: TaskHouse
  readonly places: Places
  readonly keeper: TaskKeeper
  /** What the message led to when another process was faster with it. */
  again(holder: string, sending: Sending): Promise<Sent | undefined>
}

/** The first request of what may become a task. */
interface Beginning {
  readonly sending: Sending
  readonly stored: StoredRequest
  readonly taskId: string
  readonly contextId: string
  readonly requestId: string
  readonly execution: Execution
  readonly resolve: (sent: Sent) => void
  readonly reject: (error: unknown) => void
  /** To be called when its executor has said something, or is not waited for any more. */
  heard?: (() => void) | undefined
  opened?: Promise<LiveTask | undefined>
}

/** Messages that may become tasks: their executors are called, and what these publish first decides. */
export class Beginnings {
  readonly #house: TaskHouse
  readonly #places: Places
  readonly #keeper: TaskKeeper
  readonly #again: BeginningsHouse['again']
  /** Those whose executors have said nothing yet. */
  readonly #silent = new Set<Beginning>()
  /** Called when there are none any more. */
  #heard: (() => void) | undefined
  #closed = false
  /** Time limits that are waited for. */
  readonly #limits = new Set<AbortController>()

  constructor({ house, places, keeper, again }: BeginningsHouse) {
    this.#house = house
    this.#places = places
    this.#keeper = keeper
    this.#again = again
  }

  /** Resolves when there is an answer, or a task is committed. `TASK_CAPACITY`, `RUNTIME_CLOSED`, `STORE_UNAVAILABLE`. */
  async begin(sending: Sending): Promise<Sent> {
    if (this.#closed) throw closed()
    const { agent, request, caller, context } = sending
    this.#assertCapacity(caller)
    const { ids } = this.#house.kernel.environment
    const [taskId, contextId, requestId] = [ids(), request.message.contextId || ids(), requestIdOf(ids())]
    const stored = placed(request, { taskId, contextId })
    return new Promise<Sent>((resolve, reject) => {
      const parts = { house: this.#house, agent, taskId, contextId, requestId, attempt: 1, context }
      const execution: Execution = new Execution(parts, first => this.#opening(beginning, first))
      const beginning: Beginning = { sending, stored, taskId, contextId, requestId, execution, resolve, reject }
      this.#enter(beginning)
      void this.#execute(beginning)
    })
  }

  #enter(beginning: Beginning): void {
    this.#silent.add(beginning)
    this.#house.count(scopeOf(beginning.sending.caller), 1)
  }

  /** It counts as a task from here on, or as nothing. */
  #leave(beginning: Beginning): void {
    if (!this.#silent.delete(beginning)) return
    this.#house.count(scopeOf(beginning.sending.caller), -1)
    if (this.#silent.size === 0) this.#heard?.()
  }

  async #execute(beginning: Beginning): Promise<void> {
    const { wallTimeout, idleTimeout } = beginning.sending.agent.policy
    // The chart's own limits count from the first event.
    const returned = this.#limit(beginning, wallTimeout)
    beginning.heard = this.#limit(beginning, idleTimeout)
    await beginning.execution.run(() => this.#context(beginning))
    returned?.()
    beginning.heard?.()
  }

  /** Ends what takes too long as a task that does; returns how to say that it has not. */
  #limit(beginning: Beginning, limit: number | undefined): (() => void) | undefined {
    if (limit === undefined) return undefined
    const over = new AbortController()
    this.#limits.add(over)
    void wait(this.#house.clock, limit, over.signal).then(() => {
      this.#limits.delete(over)
      if (!over.signal.aborted) void this.#expire(beginning)
    })
    return () => over.abort()
  }

  async #expire(beginning: Beginning): Promise<void> {
    try {
      await beginning.execution.found()
      const live = await beginning.opened
      if (live) await live.host.dispatch({ type: 'limit.exceeded' })
      else beginning.execution.abort('timeout')
    } catch (error) {
      // It expires already, or is over.
      if (isLifechartError(error, 'EVENT_REFUSED', 'LIFECYCLE_ENDED')) return
      this.#house.logger.warn('A task could not be stopped.', { task: beginning.taskId, error: String(error) })
    }
  }

  async #context({ sending, stored, taskId, contextId }: Beginning): Promise<Omit<ExecutionContext, 'signal'>> {
    const request = restoreRequest(stored)
    const { message } = request
    const referenceTasks = await this.#keeper.references(message.referenceTaskIds, stored.caller)
    return { request, userMessage: message, taskId, contextId, context: sending.context, referenceTasks, attempt: 1 }
  }

  #opening(beginning: Beginning, first: Intake | undefined): Promise<LiveTask | undefined> {
    beginning.heard?.()
    // Its sender was told so, and what it says now is for nobody.
    if (this.#closed && this.#silent.has(beginning)) return Promise.resolve(undefined)
    beginning.opened ??= this.#open(beginning, first).finally(() => this.#leave(beginning))
    beginning.opened.catch(beginning.reject)
    return beginning.opened
  }

  async #open(beginning: Beginning, first: Intake | undefined): Promise<LiveTask | undefined> {
    const { sending, taskId, requestId, resolve } = beginning
    if (first?.kind === 'message') {
      resolve(await this.#answer(sending, first.message))
      return undefined
    }
    let live: LiveTask
    try {
      live = await this.#create(beginning, first)
    } catch (error) {
      if (!isLifechartError(error, 'KEY_TAKEN')) throw error
      // Another process was faster with the same message.
      const again = await this.#again(String(error.details.holder), sending)
      if (again) resolve(again)
      throw error
    }
    this.#house.counters.created++
    const letGo = live.hold()
    resolve({
      place: { taskId, folded: live.folded, live, dispatch: async event => void (await live.host.dispatch(event)), letGo },
      requestId,
      created: true,
    })
    if (first?.kind !== 'task') {
      if (first) await live.take(first)
    } else if (first.status.state !== TaskState.TASK_STATE_SUBMITTED) await live.take({ kind: 'status', status: first.status })
    return live
  }

  async #answer(sending: Sending, message: StoredMessage): Promise<Sent> {
    this.#house.counters.answered++
    const holder = sending.key === undefined ? undefined : await keepAnswer(this.#house, message, sending.key)
    return (holder !== undefined && (await this.#again(holder, sending))) || { answer: decodeMessage(message) }
  }

  #create(beginning: Beginning, said: Intake | undefined): Promise<LiveTask> {
    const { sending, stored: request, taskId, contextId, requestId, execution } = beginning
    const { agent, caller, context, key } = sending
    const input: StartInput = { requestId, request, contextId }
    if (said?.kind === 'task') {
      const { state, message } = said.status
      input.task = {
        ...withoutOwn(said.task, request.message.messageId),
        ...(message && state === TaskState.TASK_STATE_SUBMITTED && { message }),
      }
    }
    this.#leave(beginning)
    return this.#places.create({ agent, taskId, caller, input, execution, context, key })
  }

  /** `TASK_CAPACITY`. */
  #assertCapacity(caller: Caller): void {
    const { limits } = this.#house
    if (this.#house.heldOf(scopeOf(caller)) < limits.tasksPerCaller) return
    throw new LifechartError('TASK_CAPACITY', `limits.tasksPerCaller (${limits.tasksPerCaller}) tasks of this caller are at work.`, {
      retryable: true,
    })
  }

  /** None begins any more. Nothing is stored of those that have said nothing: their senders are told, and so are their executors. */
  async close(mode: 'handover' | 'stop' | 'drain' | undefined, until: Promise<void>): Promise<void> {
    if (mode === 'drain' && this.#silent.size > 0) {
      const heard = new Promise<void>(resolve => {
        this.#heard = resolve
      })
      await Promise.race([until, heard])
    }
    this.#closed = true
    for (const limit of this.#limits) limit.abort()
    for (const { opened, reject, execution } of this.#silent) {
      if (opened) continue
      reject(closed())
      execution.close(false)
    }
  }
}

function closed(): LifechartError {
  return new LifechartError('RUNTIME_CLOSED', 'The runtime is being closed. Open another one.', { retryable: true })
}

/** Most executors put the message that they were given into the history: it is there already. */
function withoutOwn({ history, ...task }: Omit<StoredTask, 'status'>, messageId: string): Omit<StoredTask, 'status'> {
  if (!history) return task
  const others = history.at(-1)?.messageId === messageId ? history.slice(0, -1) : history
  return others.length > 0 ? { ...task, history: others } : task
}
