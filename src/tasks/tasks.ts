import { isLifechartError, LifechartError } from '../errors.ts'
import type { Finding } from '../kernel/claims.ts'
import type { Host } from '../kernel/host/host.ts'
import type { Kernel } from '../kernel/kernel.ts'
import type { StreamHead } from '../kernel/port.ts'
import type { Product } from '../kernel/product.ts'
import type { StepRecord } from '../kernel/stream/record.ts'
import { type Agent, type AgentHooks, checkPolicy, guarded, type TaskExecutor, type TaskPolicy } from './agent.ts'
import { readTask, taskCharts, wasExecuting } from './chart.ts'
import { checkHistoryLength } from './checking.ts'
import { taskEvent } from './events.ts'
import type { FeedOptions, FeedSource, TaskFeed } from './feed.ts'
import { Feeds } from './feeds.ts'
import { foldedTo } from './folded.ts'
import { TaskHouse, type TasksLimits } from './house.ts'
import { importTask } from './importing.ts'
import type { LiveTask, TaskKeeper } from './live-task.ts'
import type { Message, SendRequest, StreamResponse, Task } from './model.ts'
import { Parking } from './parking.ts'
import { type Place, Places } from './places.ts'
import { endsStream, outcomeOf, Progress } from './progress.ts'
import { cancelled, cut, type HistoryLength, type ListOptions, listTasks, type TaskPage, taskOf } from './queries.ts'
import type { Caller } from './request.ts'
import { type Addressing, Sender, terminal } from './sending.ts'
import type { Sent } from './sent.ts'
import { isTerminal } from './states.ts'
import type { TaskView } from './view.ts'

export interface SendOptions extends HistoryLength, Addressing {}

export interface SubscribeOptions {
  caller?: Caller
  /** The number of the last event one has (in its metadata): what follows it. Default: what is published from now on. */
  after?: number
  /** The task as it is comes first. Default false. */
  includeInitialTask?: boolean
  /** The folded task, as of exactly that event, takes the place of a status update. Default false. */
  statusAsTask?: boolean
  signal?: AbortSignal
}

/** What users have of it. */
export type TasksService = Pick<Tasks, 'define' | 'send' | 'stream' | 'get' | 'list' | 'cancel' | 'subscribe'>

/** Tasks: units of agent work with the lifecycle of A2A 1.0, their requests executed one at a time. */
export class Tasks implements Product, TaskKeeper {
  readonly kinds = ['task', 'answer']
  readonly house: TaskHouse
  readonly #places: Places
  readonly #sender: Sender
  readonly #parking: Parking
  readonly #feeds: Feeds
  #closing = false

  constructor(kernel: Kernel, limits: TasksLimits, retention: number) {
    this.house = new TaskHouse(kernel, limits, retention)
    this.#places = new Places(this.house, taskCharts(this.house), this)
    this.#sender = new Sender(this.house, this.#places, this)
    this.#parking = new Parking(this.house)
    this.#feeds = new Feeds(limits.taskStreamsPerCaller)
    kernel.register(this)
  }

  /** Registers what executes the tasks of an agent. `AGENT_TAKEN` for a second one of the name, `INVALID_OPTION`. */
  define(name: string, executor: TaskExecutor, policy: TaskPolicy = {}, hooks: AgentHooks = {}): void {
    const { agents, kernel } = this.house
    if (agents.has(name)) throw new LifechartError('AGENT_TAKEN', `The agent "${name}" is defined already.`)
    checkPolicy(policy)
    agents.set(name, { name, executor, policy, ...guarded(hooks, this.house.logger) })
    kernel.sweep.reconsider(this.#parking.defined(name))
  }

  #agent(name: string): Agent {
    const agent = this.house.agents.get(name)
    if (!agent) throw new LifechartError('AGENT_UNKNOWN', `Nobody defined the agent "${name}". Call tasks.define first.`)
    return agent
  }

  #send(agent: string, request: SendRequest, options: SendOptions): Promise<Sent> {
    checkHistoryLength(options.historyLength)
    if (this.#closing) throw new LifechartError('RUNTIME_CLOSED', 'The runtime is being closed. Open another one.')
    return this.#sender.send(this.#agent(agent), request, options)
  }

  /**
   * Sends a message. Resolves with the answer, or the task once this message is dealt with: the task is over, or asks for something, or
   * was left open; with `returnImmediately` as soon as the message is committed. Rejects with `AGENT_UNKNOWN`, `REQUEST_INVALID`,
   * `TASK_NOT_FOUND`, `TASK_TERMINAL`, `TASK_CAPACITY`, `STORE_UNAVAILABLE`.
   */
  async send(
    agent: string,
    request: SendRequest,
    options: SendOptions & { returnImmediately?: boolean } = {},
  ): Promise<{ message: Message } | { task: Task }> {
    const sent = await this.#send(agent, request, options)
    if ('answer' in sent) return { message: sent.answer }
    const { place, requestId } = sent
    try {
      if (!options.returnImmediately) {
        const { stream } = place.folded
        const outcome = await outcomeOf(stream, requestId, await place.folded.view())
        if (outcome === 'unexecuted') throw terminal(place.taskId)
      }
      return { task: cut(await taskOf(place.folded), options) }
    } finally {
      place.letGo()
    }
  }

  /**
   * Sends a message and follows what becomes of it: one message, or the task and then its events, up to what ends {@link send}; at
   * auth-required it goes on. The message is sent at once, whether anybody reads or not. `staysOpen`: at input-required it goes on too.
   */
  stream(agent: string, request: SendRequest, options: SendOptions & { staysOpen?: boolean; signal?: AbortSignal } = {}): TaskFeed {
    return this.#feeds.feed(options.caller ?? {}, async () => {
      const sent = await this.#send(agent, request, options)
      if ('answer' in sent) return { answer: { payload: { $case: 'message', value: sent.answer } } }
      const { place, requestId, created } = sent
      return this.#follow(place, view => {
        const ids = { taskId: place.taskId, contextId: view.contextId }
        const common = { ids, staysOpen: options.staysOpen, signal: options.signal, onClose: place.letGo }
        // From its first record, which is the task as it was created.
        if (created) return { ...common, after: 0, progress: new Progress(requestId) }
        const first = taskEvent(cut(view.task(), options), view.seq, view.attempt)
        const progress = new Progress(requestId, view)
        const outcome = progress.initial(view)
        if (outcome === 'unexecuted') throw terminal(place.taskId)
        // Sent before, and dealt with long ago.
        if (outcome && endsStream(outcome, view.status.state, options.staysOpen)) return first
        return { ...common, after: view.seq, first, progress }
      })
    })
  }

  /** Of what follows it, or of an event that is all. */
  async #follow(place: Place, choose: (view: TaskView) => FeedOptions | StreamResponse): Promise<FeedSource> {
    try {
      const chosen = choose(await place.folded.view())
      if ('ids' in chosen) return { stream: place.folded.stream, options: chosen }
      place.letGo()
      return { answer: chosen }
    } catch (error) {
      place.letGo()
      throw error
    }
  }

  /**
   * Follows a task to its end, across its requests. The first `next` rejects with `TASK_NOT_FOUND`, `TASK_TERMINAL` (unless `after` is
   * given), `CURSOR_AHEAD`, `CURSOR_INVALID`, `SUBSCRIBER_LIMIT` or `STREAM_LIMIT`.
   */
  subscribe(taskId: string, { caller = {}, after, includeInitialTask, statusAsTask, signal }: SubscribeOptions = {}): TaskFeed {
    return this.#feeds.feed(caller, async () => {
      const place = await this.#places.find(taskId, caller)
      let folding: TaskView | undefined
      try {
        const { id, head } = place.folded.stream
        // A position beyond the end is refused by whoever reads from it.
        if (after !== undefined && after <= head && statusAsTask) folding = await foldedTo(this.house.kernel, id, after)
      } catch (error) {
        place.letGo()
        throw error
      }
      return this.#follow(place, view => {
        if (after === undefined && isTerminal(view.status.state)) throw terminal(taskId)
        const first = includeInitialTask ? taskEvent(view.task(), view.seq, view.attempt) : undefined
        const ids = { taskId, contextId: view.contextId }
        return {
          ids,
          after: after ?? view.seq,
          first,
          folding: statusAsTask ? (folding ?? view.copy()) : undefined,
          signal,
          onClose: place.letGo,
        }
      })
    })
  }

  /** The task as of now. `TASK_NOT_FOUND`. */
  async get(taskId: string, { caller = {}, ...options }: { caller?: Caller } & HistoryLength = {}): Promise<Task> {
    const stored = this.house.live(`task/${taskId}`) ? undefined : await this.#places.load(taskId, caller)
    if (stored && (stored.session === undefined || !stored.index.live)) return cut((await this.#parking.viewOf(stored)).task(), options)
    // Executed here, or elsewhere; or its owner is gone, and then it is not "working".
    const place = await this.#places.find(taskId, caller)
    try {
      return cut(await taskOf(place.folded), options)
    } finally {
      place.letGo()
    }
  }

  /** The tasks of a caller with a user, by the time of their status, newest first. `REQUEST_INVALID`. */
  list(options: ListOptions = {}): Promise<TaskPage> {
    return listTasks(this.house, options)
  }

  /**
   * Cancels a task, in no more than the grace of its executor; resolves with the task: canceled, or ended as something that was committed
   * first. `TASK_NOT_FOUND`; `TASK_NOT_CANCELABLE` for one that had ended before, unless as canceled.
   */
  async cancel(taskId: string, { caller = {} }: { caller?: Caller } = {}): Promise<Task> {
    const place = await this.#places.find(taskId, caller)
    try {
      const view = await place.folded.view()
      if (isTerminal(view.status.state)) return cancelled(view.task())
      try {
        await place.dispatch({ type: 'cancel.requested' })
      } catch (error) {
        // It is being cancelled already, or has just ended.
        if (!isLifechartError(error, 'EVENT_REFUSED', 'LIFECYCLE_ENDED')) throw error
      }
      if (place.live) await place.live.host.untilOver()
      const { stream } = place.folded
      await stream.whenClosed()
      if (!stream.ended) throw stream.failure ?? new LifechartError('RUNTIME_CLOSED', 'The runtime was closed first.', { retryable: true })
      return await taskOf(place.folded)
    } finally {
      place.letGo()
    }
  }

  /**
   * Takes over a task that has not ended from where it was kept: as it is, with nobody at work on it. Harmless if it is here already.
   * `REQUEST_INVALID` for one with an id that no task of ours can have, or that has ended.
   */
  import(agent: string, task: Task, { caller = {} }: { caller?: Caller } = {}): Promise<void> {
    return importTask(this.house, this.#places, this.#agent(agent), task, caller)
  }

  async references(ids: readonly string[], caller: Caller): Promise<Task[] | undefined> {
    if (ids.length === 0) return undefined
    const tasks: Task[] = []
    for (const id of new Set(ids)) {
      try {
        tasks.push(await this.get(id, { caller }))
      } catch (error) {
        if (!isLifechartError(error, 'TASK_NOT_FOUND')) throw error
      }
    }
    return tasks
  }

  stepped(host: Host, record: StepRecord): void {
    const task = this.#of(host)
    task?.stepped(record)
    // What is to be done behind its end comes first.
    if (task && record.status === 'active') this.#parking.loosened(task)
  }

  loosened(task: LiveTask): void {
    this.#parking.loosened(task)
  }

  #of(host: Host): LiveTask | undefined {
    const task = this.house.live(host.id)
    return task?.host === host ? task : undefined
  }

  ended(host: Host): void {
    this.house.counters.ended++
    const task = this.#of(host)
    if (task) this.#parking.ended(task)
    if (host.journal.commands > 0) void this.house.kernel.commands.forget(host.id)
  }

  /** Another runtime has it now: it is followed from here on. */
  lost(host: Host): void {
    const task = this.#of(host)
    task?.cutOff()
    if (task) this.house.leave(task)
  }

  async adopt(head: StreamHead, finding: Finding): Promise<boolean> {
    if (head.kind === 'answer' || !head.index.live) return finding === 'due' && this.#parking.forget(head)
    if (finding === 'free' && !wasExecuting(readTask(head)) && !this.#parking.hasUndecided(head)) return false
    if (this.#parking.awaitsAgent(head)) return false
    return this.house.inTurn(head.stream, async () => {
      if (this.house.live(head.stream)) return true
      const stored = await this.house.kernel.adapter.load(head.stream)
      if (!stored?.index.live) return false
      const task = await this.#places.take(stored)
      this.house.counters.resumed++
      this.#parking.loosened(task)
      return true
    })
  }

  stats() {
    return { ...this.house.counters, live: this.house.held }
  }

  async close(mode: 'handover' | 'stop' | 'drain' | undefined, until: Promise<void>): Promise<void> {
    this.#closing = true
    await this.#sender.close(mode, until)
    await this.#parking.close(mode, until)
  }
}
