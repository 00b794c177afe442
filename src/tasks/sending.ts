import { isLifechartError, LifechartError } from '../errors.ts'
import { Turns } from '../kernel/turns.ts'
import type { Agent } from './agent.ts'
import { readAnswer } from './answers.ts'
import { Beginnings } from './beginnings.ts'
import { checkRequest } from './checking.ts'
import { decodeMessage } from './codec.ts'
import type { TaskHouse } from './house.ts'
import type { TaskKeeper } from './live-task.ts'
import type { SendRequest } from './model.ts'
import { taskIdOf, taskStream } from './names.ts'
import type { Places } from './places.ts'
import { type Caller, messageKey, placed, requestIdOf } from './request.ts'
import type { Sending, Sent } from './sent.ts'
import { isTerminal } from './states.ts'

/** With whom and what a message comes. */
export interface Addressing {
  caller?: Caller
  /** Passed on to the executor as `context`; not stored. */
  context?: unknown
  /** Called with the task's id when the message is committed to one; what is sent back waits for it. */
  placed?: (taskId: string) => Promise<void>
}

/** Brings messages to their tasks, each once. */
export class Sender {
  readonly #house: TaskHouse
  readonly #places: Places
  readonly #beginnings: Beginnings
  readonly #turns = new Turns()
  /** Messages that are on their way, by key. */
  readonly #underWay = new Map<string, Promise<unknown>>()

  constructor(house: TaskHouse, places: Places, keeper: TaskKeeper) {
    this.#house = house
    this.#places = places
    this.#beginnings = new Beginnings({ house, places, keeper, again: (holder, sending) => this.#again(holder, sending) })
  }

  /** What has not led to anything yet ends; with `drain` it has the time. */
  close(mode: 'handover' | 'stop' | 'drain' | undefined, until: Promise<void>): Promise<void> {
    return this.#beginnings.close(mode, until)
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
        const view = await place.folded.view()
        const { messageId } = request.message
        const known = [...view.requests].find(([, { message }]) => message.messageId === messageId)
        // It was told so when it was sent before, too.
        if (isTerminal(view.status.state) && !view.heard(messageId)) throw terminal(place.taskId)
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
    return sending.request.message.taskId ? this.#followUp(sending) : this.#beginnings.begin(sending)
  }

  /** A message to a task that exists: it is executed when those before it are done. */
  async #followUp(sending: Sending): Promise<Sent> {
    const { request, caller, context, key } = sending
    const { taskId = '', contextId: given } = request.message
    const place = await this.#places.find(taskId, caller)
    const requestId = requestIdOf(this.#house.kernel.environment.ids())
    try {
      const view = await place.folded.view()
      if (given && given !== view.contextId) {
        throw new LifechartError('REQUEST_INVALID', `Task ${taskId} belongs to another contextId. Leave it out, or send the task's own.`)
      }
      const own = placed(request, { taskId, contextId: view.contextId })
      place.live?.contexts.set(requestId, context)
      await place.dispatch({ type: 'request.arrived', requestId, request: own, ...(key !== undefined && { key }) })
      return { place, requestId, created: false }
    } catch (error) {
      // Unless it may be committed all the same.
      if (!isLifechartError(error, 'STORE_UNAVAILABLE')) place.live?.contexts.delete(requestId)
      place.letGo()
      // Another process was faster with the same message.
      const again = isLifechartError(error, 'KEY_TAKEN') && (await this.#again(holderOf(error, taskId), sending))
      if (again) return again
      throw isLifechartError(error, 'LIFECYCLE_ENDED') ? terminal(taskId) : error
    }
  }
}

/** Who has the key of the message; the task itself, if that was refused by its owner. */
function holderOf({ details }: LifechartError, taskId: string): string {
  return typeof details.holder === 'string' ? details.holder : taskStream(taskId)
}

export function terminal(taskId: string): LifechartError {
  return new LifechartError('TASK_TERMINAL', `Task ${taskId} has ended. Send the message without a task id to begin a new one.`)
}
