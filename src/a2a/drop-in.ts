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
import { TaskNotCancelableError, TaskNotFoundError } from '@a2a-js/sdk/errors'
import type {
  A2ARequestHandler,
  AgentExecutor,
  DefaultRequestHandlerOptions,
  ExecutionEventBusManager,
  ExtendedAgentCardProvider,
  PushNotificationSender,
  PushNotificationStore,
  ServerCallContext,
  TaskStore,
} from '@a2a-js/sdk/server'
import { systemClock } from '../kernel/clock.ts'
import { lineLogger } from '../kernel/logger.ts'
import type { Lifechart } from '../lifechart.ts'
import type { TaskPolicy } from '../tasks/agent.ts'
import { TaskState } from '../tasks/model.ts'
import { cut } from '../tasks/queries.ts'
import { callerOf } from './caller.ts'
import { Cards, type SignCard } from './cards.ts'
import { LateEvents } from './drop-in/late-events.ts'
import { type PushMethods, SdkPush } from './drop-in/sdk-push.ts'
import { runtime, type Serving, serve } from './drop-in/serving.ts'
import { toA2AError, UnsupportedOperationError } from './errors.ts'

export interface DropInOptions extends DefaultRequestHandlerOptions {
  /** Whose store makes tasks safe from crashes. Default: one of its own in memory, which ends with the process. */
  lifechart?: Lifechart | Promise<Lifechart>
  policy?: TaskPolicy
}

/** What a call that names a task comes with. */
interface Call {
  context: ServerCallContext
  params: { tenant?: string }
}

/**
 * Takes the place of the SDK's handler of the same name. Tasks, and what is listed of them, are those of the runtime. The task store is
 * read for tasks with ids that the runtime does not know: it is served from there when it is only looked at, and one that is
 * open is taken over by the first call that lets something happen to it. Behind each committed change of its status, a task is written there.
 */
export class DefaultRequestHandler implements A2ARequestHandler {
  readonly #cards: Cards
  readonly #push: SdkPush | undefined
  readonly #serving: Promise<Serving>
  #logger = lineLogger(line => process.stderr.write(`${line}\n`), systemClock.now)

  constructor(
    agentCard: AgentCard,
    taskStore: TaskStore,
    agentExecutor: AgentExecutor,
    eventBusManager?: ExecutionEventBusManager,
    pushNotificationStore?: PushNotificationStore,
    pushNotificationSender?: PushNotificationSender,
    extendedAgentCardProvider?: AgentCard | ExtendedAgentCardProvider,
    agentCardSignatureGenerator?: SignCard,
    { lifechart, policy, keepBusAliveStates, validateInputModes }: DropInOptions = {},
  ) {
    this.#cards = new Cards({ agentCard, extendedAgentCard: extendedAgentCardProvider, signCard: agentCardSignatureGenerator })
    const foreign = this.#cards.pushes && (pushNotificationStore || pushNotificationSender)
    const push = foreign ? new SdkPush(pushNotificationStore, pushNotificationSender) : undefined
    this.#push = push
    const options = {
      agentCard,
      taskStore,
      agentExecutor,
      eventBusManager,
      push,
      lifechart,
      policy,
      keepBusAliveStates,
      validateInputModes,
    }
    this.#serving = runtime(lifechart).then(opened => {
      this.#logger = opened.kernel.environment.logger
      return serve(opened, options)
    })
    this.#serving.catch(error => this.#logger.error('Nothing can be served.', { agent: agentCard.name, error: String(error) }))
  }

  /** What goes wrong is one of the errors of A2A. */
  async #answer<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw toA2AError(error, this.#logger)
    }
  }

  /** Asks again behind a look into the task store; `ended` is for a task that is only there, and over. */
  #ofTask<T>(
    taskId: string,
    { context, params }: Call,
    ask: (handler: A2ARequestHandler) => Promise<T>,
    ended: (task: Task) => T,
  ): Promise<T> {
    return this.#answer(async () => {
      const { handler, origin } = await this.#serving
      try {
        return await ask(handler)
      } catch (error) {
        if (!(error instanceof TaskNotFoundError)) throw error
        const task = await origin.bring(taskId, context, callerOf(context, params))
        return task ? ended(task) : ask(handler)
      }
    })
  }

  /** Follows a task, or what becomes of a message to it. */
  #follow(
    taskId: string | undefined,
    { context, params }: Call,
    follow: (handler: A2ARequestHandler) => AsyncGenerator<StreamResponse, void, undefined>,
  ): LateEvents {
    return new LateEvents(() =>
      this.#answer(async () => {
        this.#cards.assertStreams()
        const { handler, origin } = await this.#serving
        const task = taskId ? await origin.bring(taskId, context, callerOf(context, params)) : undefined
        return task ? hasEnded(task) : follow(handler)
      }),
    )
  }

  getAgentCard(): Promise<AgentCard> {
    return this.#answer(() => this.#cards.card())
  }

  getAuthenticatedExtendedAgentCard(_params: GetExtendedAgentCardRequest, context: ServerCallContext): Promise<AgentCard> {
    return this.#answer(() => this.#cards.extended(context))
  }

  sendMessage(params: SendMessageRequest, context: ServerCallContext): Promise<Message | Task> {
    const admitted = this.#push?.admit(params, context) ?? params
    const taskId = params.message?.taskId
    if (!taskId) return this.#answer(async () => (await this.#serving).handler.sendMessage(admitted, context))
    return this.#ofTask<Message | Task>(taskId, { context, params }, handler => handler.sendMessage(admitted, context), hasEnded)
  }

  sendMessageStream(params: SendMessageRequest, context: ServerCallContext): AsyncGenerator<StreamResponse, void, undefined> {
    const admitted = this.#push?.admit(params, context) ?? params
    return this.#follow(params.message?.taskId, { context, params }, handler => handler.sendMessageStream(admitted, context))
  }

  resubscribe(params: SubscribeToTaskRequest, context: ServerCallContext): AsyncGenerator<StreamResponse, void, undefined> {
    return this.#follow(params.id, { context, params }, handler => handler.resubscribe(params, context))
  }

  getTask(params: GetTaskRequest, context: ServerCallContext): Promise<Task> {
    return this.#answer(async () => {
      const { handler, origin } = await this.#serving
      try {
        return await handler.getTask(params, context)
      } catch (error) {
        const task = error instanceof TaskNotFoundError ? await origin.read(params.id, context) : undefined
        if (!task) throw error
        return cut({ ...task, history: task.history ?? [] }, params)
      }
    })
  }

  /** Those of the runtime. What only the task store knows is not among them. */
  listTasks(params: ListTasksRequest, context: ServerCallContext): Promise<ListTasksResponse> {
    return this.#answer(async () => (await this.#serving).handler.listTasks(params, context))
  }

  cancelTask(params: CancelTaskRequest, context: ServerCallContext): Promise<Task> {
    return this.#ofTask(
      params.id,
      { context, params },
      handler => handler.cancelTask(params, context),
      task => {
        if (task.status?.state === TaskState.TASK_STATE_CANCELED) return task
        throw new TaskNotCancelableError(`Task ${task.id} has ended.`)
      },
    )
  }

  /** Of a task that exists for the caller. */
  #pushing<T>(taskId: string, call: Call, ask: (methods: PushMethods) => Promise<T>): Promise<T> {
    const own = this.#push
    if (!own) return this.#ofTask(taskId, call, ask, missing)
    const params: GetTaskRequest = { id: taskId, tenant: call.params.tenant ?? '', historyLength: 0 }
    return this.#answer(async () => {
      await this.getTask(params, call.context)
      return ask(own)
    })
  }

  createTaskPushNotificationConfig(params: TaskPushNotificationConfig, context: ServerCallContext): Promise<TaskPushNotificationConfig> {
    return this.#pushing(params.taskId, { context, params }, push => push.createTaskPushNotificationConfig(params, context))
  }

  getTaskPushNotificationConfig(
    params: GetTaskPushNotificationConfigRequest,
    context: ServerCallContext,
  ): Promise<TaskPushNotificationConfig> {
    return this.#pushing(params.taskId, { context, params }, push => push.getTaskPushNotificationConfig(params, context))
  }

  listTaskPushNotificationConfigs(
    params: ListTaskPushNotificationConfigsRequest,
    context: ServerCallContext,
  ): Promise<ListTaskPushNotificationConfigsResponse> {
    return this.#pushing(params.taskId, { context, params }, push => push.listTaskPushNotificationConfigs(params, context))
  }

  deleteTaskPushNotificationConfig(params: DeleteTaskPushNotificationConfigRequest, context: ServerCallContext): Promise<void> {
    return this.#pushing(params.taskId, { context, params }, push => push.deleteTaskPushNotificationConfig(params, context))
  }
}

function hasEnded({ id }: Task): never {
  throw new UnsupportedOperationError(`Task ${id} has ended. Send the message without a task id to begin a new one.`)
}

/** What has ended before it came here has no configurations. */
function missing({ id }: Task): never {
  throw new TaskNotFoundError(`There are no configurations of push notifications for task ${id}.`)
}
