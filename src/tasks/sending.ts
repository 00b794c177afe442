import { isLifechartError, LifechartError } from '../errors.ts'
import { Turns } from '../kernel/turns.ts'
import type { Agent, ExecutionContext } from './agent.ts'
import { keepAnswer, readAnswer } from './answers.ts'
import { checkRequest } from './checking.ts'
import { decodeMessage, type StoredMessage, type StoredTask } from './codec.ts'
import { Execution } from './execution.ts'
import type { TaskHouse } from './house.ts'
import type { Intake } from './intake.ts'
import type { LiveTask, TaskKeeper } from './live-task.ts'
import { type Message, type SendRequest, TaskState } from './model.ts'
import { taskIdOf } from './names.ts'
import type { Place, Places } from './places.ts'
import type { StartInput } from './records.ts'
import { type Caller, messageKey, restoreRequest, type StoredRequest, scopeOf } from './request.ts'

/** What a message led to: an answer that makes no task, or a task, in which it is the request of this id. */
export type Sent = { answer: Message } | { place: Place; requestId: string; created: boolean }

/** With whom and what a message comes. */
export interface Addressing {
  caller?: Caller
  /** Passed on to the executor as `context`; not stored. */
  context?: unknown
  /** Called with the task's id when the message is committed to one; what is sent back waits for it. */
  placed?: (taskId: string) => Promise<void>
}

interface Sending {
  agent: Agent
  /** As it was sent. */
  request: StoredRequest
  caller: Caller
  context: unknown
  key: string | undefined
}

/** The first request of what may become a task. */
interface First {
  stored: StoredRequest
  taskId: string
  contextId: string
  requestId: string
  execution: Execution
}

/** Brings messages to their tasks, each once. */
export class Sender {
  readonly #house: TaskHouse
  readonly #places: Places
  readonly #keeper: TaskKeeper
  readonly #turns = new Turns()
  /** Messages that are on their way, by key. */
  readonly #underWay = new Map<string, Promise<unknown>>()

  constructor(house: TaskHouse, places: Places, keeper: TaskKeeper) {
    this.#house = house
    this.#places = places
    this.#keeper = keeper
  }

  /**
   * Resolves when the message is committed to a task, or answered without one. Rejects with `REQUEST_INVALID`, `TASK_NOT_FOUND`,
   * `TASK_TERMINAL`, `TASK_CAPACITY`, `STORE_UNAVAILABLE`.
   */
  send(agent: Agent, request: SendRequest, { caller = {}, context, placed }: Addressing): Promise<Sent> {
    // Nothing in between: what follows the task is to see as much of it as there is.
    const sending = this.#send(agent, request, caller, context)
    return placed ? this.#placed(sending, placed) : sending
  }

  async #placed(sending: Promise<Sent>, placed: (taskId: string) => Promise<void>): Promise<Sent> {
    const sent = await sending
    if ('answer' in sent) return sent
    try {
      await placed(sent.place.taskId)
      return sent
    } catch (error) {
      sent.place.letGo()
      throw error
    }
  }

  async #send(agent: Agent, given: SendRequest, caller: Caller, context: unknown): Promise<Sent> {
    const { kernel, limits } = this.#house
    kernel.assertOpen()
    // A copy, before anything is awaited: what becomes of the original changes nothing.
    const request = checkRequest(given, caller, limits.messageBytes)
    // Who sends one message after the other, in this process, leaves the event loop to others now and then.
    for (let turn = this.#turns.next(); turn; turn = this.#turns.next()) await turn
    const { messageId, taskId = '' } = request.message
    const key = agent.policy.dedupe === false ? undefined : messageKey(caller, messageId, taskId)
    const sending = { agent, request, caller, context, key }
    if (key === undefined) return this.#deliver(sending)
    // The same message, sent again before it has arrived: it waits for what becomes of the first one.
    while (this.#underWay.has(key)) await this.#underWay.get(key)
    const delivery = this.#once(sending, key)
    this.#underWay.set(
      key,
      delivery.then(
        () => this.#underWay.delete(key),
        () => this.#underWay.delete(key),
      ),
    )
    return delivery
  }

  async #once(sending: Sending, key: string): Promise<Sent> {
    const { kernel } = this.#house
    const known = await kernel.insist(() => kernel.adapter.load({ key }))
    return (known && (await this.#again(known.stream, sending))) ?? this.#deliver(sending)
  }

  /** What the message led to when it was sent before; undefined when that is kept no longer. */
  async #again(holder: string, { request, caller }: Sending): Promise<Sent | undefined> {
    try {
      if (holder.startsWith('answer/')) return { answer: decodeMessage(await readAnswer(this.#house, holder)) }
      const place = await this.#places.find(taskIdOf(holder), caller)
      try {
        const { requests } = await place.folded.view()
        const known = [...requests].find(([, { message }]) => message.messageId === request.message.messageId)
        return { place, requestId: known?.[0] ?? '', created: false }
      } catch (error) {
        place.letGo()
        throw error
      }
    } catch (error) {
      if (isLifechartError(error, 'STREAM_NOT_FOUND', 'TASK_NOT_FOUND')) return undefined
      throw error
    }
  }

  #deliver(sending: Sending): Promise<Sent> {
    return sending.request.message.taskId ? this.#followUp(sending) : this.#begin(sending)
  }

  /** A message to a task that exists: it is executed when those before it are done. */
  async #followUp({ agent, request, caller, context, key }: Sending): Promise<Sent> {
    const { taskId = '', contextId: given } = request.message
    const place = await this.#places.find(taskId, caller)
    const requestId = requestIdOf(this.#house.kernel.environment.ids())
    try {
      const view = await place.folded.view()
      if (given && given !== view.contextId) {
        throw new LifechartError('REQUEST_INVALID', `Task ${taskId} belongs to another contextId. Leave it out, or send the task's own.`)
      }
      const stored = { ...request, message: { ...request.message, contextId: view.contextId } }
      place.live?.contexts.set(requestId, context)
      await place.dispatch({ type: 'request.arrived', requestId, request: stored, agent: agent.name, ...(key !== undefined && { key }) })
      if (key !== undefined) place.live?.keys.add(key)
      return { place, requestId, created: false }
    } catch (error) {
      // A commit that is not known to have failed goes on being tried.
      if (!isLifechartError(error, 'STORE_UNAVAILABLE')) place.live?.contexts.delete(requestId)
      place.letGo()
      throw isLifechartError(error, 'LIFECYCLE_ENDED') ? terminal(taskId) : error
    }
  }

  /** A message that may become a task: its executor is called, and what it publishes first decides. */
  async #begin(sending: Sending): Promise<Sent> {
    const { agent, request, caller, context } = sending
    this.#assertCapacity(caller)
    // Until it is there, or is known to be none.
    const arrived = this.#house.expect(scopeOf(caller))
    const { ids } = this.#house.kernel.environment
    const [taskId, contextId, requestId] = [ids(), request.message.contextId || ids(), requestIdOf(ids())]
    const stored = { ...request, message: { ...request.message, taskId, contextId } }
    return new Promise<Sent>((resolve, reject) => {
      let opened: Promise<LiveTask | undefined> | undefined
      const execution: Execution = new Execution(
        { house: this.#house, agent, taskId, contextId, requestId, attempt: 1, context },
        first => {
          arrived()
          opened ??= this.#open(sending, { stored, taskId, contextId, requestId, execution }, first, resolve)
          opened.catch(reject)
          return opened
        },
      )
      void execution.run(() => this.#firstContext(stored, taskId, contextId, context))
    })
  }

  async #firstContext(
    stored: StoredRequest,
    taskId: string,
    contextId: string,
    context: unknown,
  ): Promise<Omit<ExecutionContext, 'signal'>> {
    const request = restoreRequest(stored)
    const { message } = request
    const referenceTasks = await this.#keeper.references(message.referenceTaskIds, stored.caller)
    return { request, userMessage: message, taskId, contextId, context, referenceTasks, attempt: 1 }
  }

  async #open(sending: Sending, task: First, first: Intake | undefined, resolve: (sent: Sent) => void): Promise<LiveTask | undefined> {
    if (first?.kind === 'message') {
      resolve(await this.#answer(sending, first.message))
      return undefined
    }
    const { taskId, requestId } = task
    let live: LiveTask
    try {
      live = await this.#create(sending, task, first)
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

  #create({ agent, caller, context, key }: Sending, first: First, said: Intake | undefined): Promise<LiveTask> {
    const { stored: request, taskId, contextId, requestId, execution } = first
    const input: StartInput = { requestId, request, contextId }
    if (said?.kind === 'task') {
      const { state, message } = said.status
      input.task = {
        ...withoutOwn(said.task, request.message.messageId),
        ...(message && state === TaskState.TASK_STATE_SUBMITTED && { message }),
      }
    }
    return this.#places.create({ agent, taskId, caller, input, execution, context, key })
  }

  /** `TASK_CAPACITY`. */
  #assertCapacity(caller: Caller): void {
    const { limits } = this.#house
    if (caller.user === undefined) return
    if (this.#house.heldOf(scopeOf(caller)) < limits.tasksPerCaller) return
    throw new LifechartError('TASK_CAPACITY', `limits.tasksPerCaller (${limits.tasksPerCaller}) tasks of this caller are at work.`, {
      retryable: true,
    })
  }
}

/** Most executors put the message that they were given into the history: it is there already. */
function withoutOwn({ history, ...task }: Omit<StoredTask, 'status'>, messageId: string): Omit<StoredTask, 'status'> {
  if (!history) return task
  const others = history.at(-1)?.messageId === messageId ? history.slice(0, -1) : history
  return others.length > 0 ? { ...task, history: others } : task
}

/** Names a request within its task, where nobody has to guess it: a part of an id is enough. */
const requestIdOf = (id: string): string => id.slice(-12)

export function terminal(taskId: string): LifechartError {
  return new LifechartError('TASK_TERMINAL', `Task ${taskId} has ended. Send the message without a task id to begin a new one.`)
}
