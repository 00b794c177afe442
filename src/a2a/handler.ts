import type {
  AgentCard,
  CancelTaskRequest,
  DeleteTaskPushNotificationConfigRequest,
  GetExtendedAgentCardRequest,
  GetTaskPushNotificationConfigRequest,
  GetTaskRequest,
  ListTaskPushNotificationConfigsRequest,
  ListTaskPushNotificationConfigsResponse,
  ListTasksRequest,
  ListTasksResponse,
  Message,
  SendMessageRequest,
  StreamResponse,
  SubscribeToTaskRequest,
  Task,
  TaskPushNotificationConfig,
} from '@a2a-js/sdk'
import type { A2ARequestHandler, AgentExecutor, ServerCallContext } from '@a2a-js/sdk/server'
import type { Lifechart } from '../lifechart.ts'
import type { Agent, AgentHooks, TaskPolicy } from '../tasks/agent.ts'
import type { SendRequest } from '../tasks/model.ts'
import type { SendOptions } from '../tasks/tasks.ts'
import { callerOf, recallContext } from './caller.ts'
import { type CardOptions, Cards } from './cards.ts'
import { connectionOf } from './connection-aware.ts'
import { PushNotificationNotSupportedError, RequestMalformedError, toA2AError } from './errors.ts'
import { taskExecutor } from './executor.ts'
import { checkConfig } from './push/config.ts'
import { PushDesk } from './push/desk.ts'
import type { PushPolicy } from './push/policy.ts'
import { TaskEvents } from './task-events.ts'

export interface A2ARequestHandlerOptions extends CardOptions {
  lifechart: Lifechart
  /** The SDK's, as it is; its request context has a `signal` too. */
  executor: AgentExecutor
  /** The name under which its tasks are stored, and found again after a restart. Default: that of the card. */
  agent?: string
  policy?: TaskPolicy
  /** The stream of a send goes on at input-required. Default false. */
  staysOpen?: boolean
  /** Of push notifications, if the card promises them. */
  push?: PushPolicy
  /** Called when a task that was at work here is over or waits, and nobody follows it any more; once each time. */
  onReleased?: (taskId: string) => void
  /** Makes the bus of an execution in place of ours. */
  bus?: Agent['bus']
  /** @internal */
  hooks?: Pick<AgentHooks, 'onActivated' | 'onStatus' | 'settle'>
}

/** What was delivered since the runtime was opened; `failed` counts tries, `held` the configurations that are at work here now. */
export type PushStats = Readonly<Record<'delivered' | 'failed' | 'dead' | 'held', number>>

export interface LifechartA2AHandler extends A2ARequestHandler {
  /** Of all agents of the runtime. */
  pushStats(): PushStats
}

/**
 * Serves an agent through the transports of @a2a-js/sdk: pass it to `jsonRpcHandler`, `restHandler` and `grpcService`. Throws `AGENT_TAKEN`
 * for a second one of the same agent.
 */
export function a2aRequestHandler(options: A2ARequestHandlerOptions): LifechartA2AHandler {
  return new LifechartRequestHandler(options)
}

class LifechartRequestHandler implements LifechartA2AHandler {
  readonly #lifechart: Lifechart
  readonly #agent: string
  readonly #cards: Cards
  readonly #staysOpen: boolean
  readonly #push: PushDesk | undefined

  constructor({
    lifechart,
    executor,
    agentCard,
    agent = agentCard.name,
    policy,
    staysOpen = false,
    push,
    onReleased,
    bus,
    hooks = {},
    ...cards
  }: A2ARequestHandlerOptions) {
    this.#lifechart = lifechart
    this.#agent = agent
    this.#staysOpen = staysOpen
    this.#cards = new Cards({ agentCard, ...cards })
    lifechart.tasks.define(agent, taskExecutor(executor), policy, {
      recall: recallContext,
      ...hooks,
      ...(bus && { bus }),
      onActivated: (taskId, behalf) => {
        this.#push?.product.activated(taskId)
        hooks.onActivated?.(taskId, behalf)
      },
      onReleased: taskId => {
        this.#push?.product.released(taskId)
        onReleased?.(taskId)
      },
    })
    // Behind it: there is no second agent of the name.
    if (this.#cards.pushes) this.#push = new PushDesk(lifechart, agent, push)
  }

  get #tasks() {
    return this.#lifechart.tasks
  }

  get #logger() {
    return this.#lifechart.kernel.environment.logger
  }

  /** What goes wrong is one of the errors of A2A. */
  async #answer<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw toA2AError(error, this.#logger)
    }
  }

  getAgentCard(): Promise<AgentCard> {
    return this.#answer(() => this.#cards.card())
  }

  get #pushDesk(): PushDesk {
    if (this.#push) return this.#push
    throw new PushNotificationNotSupportedError()
  }

  pushStats(): PushStats {
    return this.#push?.product.stats() ?? { delivered: 0, failed: 0, dead: 0, held: 0 }
  }

  getAuthenticatedExtendedAgentCard(_params: GetExtendedAgentCardRequest, context: ServerCallContext): Promise<AgentCard> {
    return this.#answer(() => this.#cards.extended(context))
  }

  #admit(
    params: SendMessageRequest,
    context: ServerCallContext,
  ): Pick<SendOptions, 'caller' | 'context' | 'placed'> & { request: SendRequest } {
    const { message, metadata, configuration } = params
    const caller = callerOf(context, params)
    if (!message) throw new RequestMalformedError('message is required.')
    this.#cards.checkParts(message)
    this.#cards.checkExtensions(context)
    const { taskPushNotificationConfig: config, ...others } = configuration ?? {}
    if (!config) return { request: { message, metadata, configuration }, caller, context }
    const push = this.#pushDesk
    const checked = checkConfig(config)
    const placed = (taskId: string) => push.attach(checked, taskId, caller, message.messageId)
    // Its credentials are no part of the task.
    return { request: { message, metadata, configuration: others }, caller, context, placed }
  }

  sendMessage(params: SendMessageRequest, context: ServerCallContext): Promise<Message | Task> {
    return this.#answer(async () => {
      const { returnImmediately, historyLength } = params.configuration ?? {}
      const { request, ...options } = this.#admit(params, context)
      const sent = await this.#tasks.send(this.#agent, request, {
        ...options,
        ...(returnImmediately && { returnImmediately }),
        historyLength,
      })
      return 'message' in sent ? sent.message : sent.task
    })
  }

  sendMessageStream(params: SendMessageRequest, context: ServerCallContext): AsyncGenerator<StreamResponse, void, undefined> {
    return new TaskEvents(this.#logger, connectionOf(context), () => {
      this.#cards.assertStreams()
      const { request, ...options } = this.#admit(params, context)
      const { historyLength } = params.configuration ?? {}
      return this.#tasks.stream(this.#agent, request, {
        ...options,
        staysOpen: this.#staysOpen,
        historyLength,
      })
    })
  }

  resubscribe(params: SubscribeToTaskRequest, context: ServerCallContext): AsyncGenerator<StreamResponse, void, undefined> {
    return new TaskEvents(this.#logger, connectionOf(context), () => {
      this.#cards.assertStreams()
      return this.#tasks.subscribe(params.id, { caller: callerOf(context, params), includeInitialTask: true })
    })
  }

  getTask(params: GetTaskRequest, context: ServerCallContext): Promise<Task> {
    return this.#answer(() => this.#tasks.get(params.id, { caller: callerOf(context, params), historyLength: params.historyLength }))
  }

  listTasks(params: ListTasksRequest, context: ServerCallContext): Promise<ListTasksResponse> {
    return this.#answer(() => {
      const { contextId, status, pageSize, pageToken, historyLength, statusTimestampAfter, includeArtifacts } = params
      return this.#tasks.list({
        caller: callerOf(context, params),
        contextId,
        state: status || undefined,
        statusAfter: statusTimestampAfter ? Date.parse(statusTimestampAfter) : undefined,
        pageSize,
        pageToken,
        historyLength,
        includeArtifacts,
      })
    })
  }

  cancelTask(params: CancelTaskRequest, context: ServerCallContext): Promise<Task> {
    return this.#answer(() => this.#tasks.cancel(params.id, { caller: callerOf(context, params) }))
  }

  createTaskPushNotificationConfig(params: TaskPushNotificationConfig, context: ServerCallContext): Promise<TaskPushNotificationConfig> {
    return this.#answer(() => this.#pushDesk.create(params, callerOf(context, params)))
  }

  getTaskPushNotificationConfig(
    params: GetTaskPushNotificationConfigRequest,
    context: ServerCallContext,
  ): Promise<TaskPushNotificationConfig> {
    return this.#answer(() => this.#pushDesk.get(params.taskId, params.id, callerOf(context, params)))
  }

  listTaskPushNotificationConfigs(
    params: ListTaskPushNotificationConfigsRequest,
    context: ServerCallContext,
  ): Promise<ListTaskPushNotificationConfigsResponse> {
    return this.#answer(() => this.#pushDesk.list(params.taskId, callerOf(context, params), params))
  }

  deleteTaskPushNotificationConfig(params: DeleteTaskPushNotificationConfigRequest, context: ServerCallContext): Promise<void> {
    return this.#answer(() => this.#pushDesk.remove(params.taskId, params.id, callerOf(context, params)))
  }
}
