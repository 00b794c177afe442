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
import type { Agent, TaskPolicy } from '../tasks/agent.ts'
import { callerOf, recallContext } from './caller.ts'
import { type CardOptions, Cards } from './cards.ts'
import { connectionOf } from './connection-aware.ts'
import { RequestMalformedError, toA2AError } from './errors.ts'
import { taskExecutor } from './executor.ts'
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
  /** Called when a task that was at work here is over or waits, and nobody follows it any more; once each time. */
  onReleased?: (taskId: string) => void
  /** Makes the bus of an execution in place of ours. */
  bus?: Agent['bus']
}

/**
 * Serves an agent through the transports of @a2a-js/sdk: pass it to `jsonRpcHandler`, `restHandler` and `grpcService`. Throws `AGENT_TAKEN`
 * for a second one of the same agent.
 */
export function a2aRequestHandler(options: A2ARequestHandlerOptions): A2ARequestHandler {
  return new LifechartRequestHandler(options)
}

class LifechartRequestHandler implements A2ARequestHandler {
  readonly #lifechart: Lifechart
  readonly #agent: string
  readonly #cards: Cards
  readonly #staysOpen: boolean

  constructor({
    lifechart,
    executor,
    agentCard,
    agent = agentCard.name,
    policy,
    staysOpen = false,
    onReleased,
    bus,
    ...cards
  }: A2ARequestHandlerOptions) {
    this.#lifechart = lifechart
    this.#agent = agent
    this.#staysOpen = staysOpen
    this.#cards = new Cards({ agentCard, ...cards })
    lifechart.tasks.define(agent, taskExecutor(executor), policy, {
      recall: recallContext,
      ...(bus && { bus }),
      ...(onReleased && { onReleased }),
    })
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

  getAuthenticatedExtendedAgentCard(_params: GetExtendedAgentCardRequest, context: ServerCallContext): Promise<AgentCard> {
    return this.#answer(() => this.#cards.extended(context))
  }

  #admit(
    params: SendMessageRequest,
    context: ServerCallContext,
  ): { message: Message; metadata: SendMessageRequest['metadata']; configuration: unknown } {
    const { message, metadata, configuration } = params
    if (!message) throw new RequestMalformedError('message is required.')
    this.#cards.checkParts(message)
    this.#cards.checkExtensions(context)
    return { message, metadata, configuration }
  }

  sendMessage(params: SendMessageRequest, context: ServerCallContext): Promise<Message | Task> {
    return this.#answer(async () => {
      const { returnImmediately, historyLength } = params.configuration ?? {}
      const request = this.#admit(params, context)
      const sent = await this.#tasks.send(this.#agent, request, {
        caller: callerOf(context, params),
        context,
        ...(returnImmediately && { returnImmediately }),
        historyLength,
      })
      return 'message' in sent ? sent.message : sent.task
    })
  }

  sendMessageStream(params: SendMessageRequest, context: ServerCallContext): AsyncGenerator<StreamResponse, void, undefined> {
    return new TaskEvents(this.#logger, connectionOf(context), () => {
      this.#cards.assertStreams()
      const request = this.#admit(params, context)
      const { historyLength } = params.configuration ?? {}
      return this.#tasks.stream(this.#agent, request, {
        caller: callerOf(context, params),
        context,
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

  createTaskPushNotificationConfig(_params: TaskPushNotificationConfig, _context: ServerCallContext): Promise<TaskPushNotificationConfig> {
    return this.#answer(async () => {
      this.#cards.assertPushes()
      throw new RequestMalformedError('x')
    })
  }

  getTaskPushNotificationConfig(
    _params: GetTaskPushNotificationConfigRequest,
    _context: ServerCallContext,
  ): Promise<TaskPushNotificationConfig> {
    return this.#answer(async () => {
      this.#cards.assertPushes()
      throw new RequestMalformedError('x')
    })
  }

  listTaskPushNotificationConfigs(
    _params: ListTaskPushNotificationConfigsRequest,
    _context: ServerCallContext,
  ): Promise<ListTaskPushNotificationConfigsResponse> {
    return this.#answer(async () => {
      this.#cards.assertPushes()
      throw new RequestMalformedError('x')
    })
  }

  deleteTaskPushNotificationConfig(_params: DeleteTaskPushNotificationConfigRequest, _context: ServerCallContext): Promise<void> {
    return this.#answer(async () => {
      this.#cards.assertPushes()
      throw new RequestMalformedError('x')
    })
  }
}
