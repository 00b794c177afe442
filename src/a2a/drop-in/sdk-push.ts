import type {
  DeleteTaskPushNotificationConfigRequest,
  GetTaskPushNotificationConfigRequest,
  ListTaskPushNotificationConfigsRequest,
  ListTaskPushNotificationConfigsResponse,
  SendMessageRequest,
  TaskPushNotificationConfig,
} from '@a2a-js/sdk'
import { TaskNotFoundError } from '@a2a-js/sdk/errors'
import {
  type A2ARequestHandler,
  type AgentExecutor,
  DefaultPushNotificationSender,
  InMemoryPushNotificationStore,
  type PushNotificationSender,
  type PushNotificationStore,
  type ServerCallContext,
} from '@a2a-js/sdk/server'
import { pageOf } from '../push/paging.ts'

export type PushMethods = Pick<
  A2ARequestHandler,
  | 'createTaskPushNotificationConfig'
  | 'getTaskPushNotificationConfig'
  | 'listTaskPushNotificationConfigs'
  | 'deleteTaskPushNotificationConfig'
>

/** Push notifications with a store and a sender of the SDK. Whether the task exists for the caller is the caller's to ask. */
export class SdkPush implements PushMethods {
  readonly sender: PushNotificationSender
  readonly #store: PushNotificationStore
  /** What messages brought along, by their calls and ids, until they are executed. */
  readonly #brought = new WeakMap<ServerCallContext, Map<string, TaskPushNotificationConfig>>()

  constructor(store: PushNotificationStore | undefined, sender: PushNotificationSender | undefined) {
    this.#store = store ?? new InMemoryPushNotificationStore()
    this.sender = sender ?? new DefaultPushNotificationSender(this.#store)
  }

  /** The request without its configuration, which is kept for {@link executor}. */
  admit(params: SendMessageRequest, context: ServerCallContext): SendMessageRequest {
    const { message, configuration } = params
    const config = configuration?.taskPushNotificationConfig
    if (!message || !config) return params
    const brought = this.#brought.get(context) ?? new Map()
    this.#brought.set(context, brought.set(message.messageId, config))
    return { ...params, configuration: { ...configuration, taskPushNotificationConfig: undefined } }
  }

  /** The same executor, called when the configuration of its message is in the store. */
  executor(executor: AgentExecutor): AgentExecutor {
    return {
      execute: async (request, bus) => {
        const { taskId, context, userMessage } = request
        const brought = this.#brought.get(context)
        const config = brought?.get(userMessage.messageId)
        if (config) await this.#store.save(taskId, context, { ...structuredClone(config), taskId })
        brought?.delete(userMessage.messageId)
        await executor.execute(request, bus)
      },
      cancelTask: (taskId, bus) => executor.cancelTask(taskId, bus),
    }
  }

  async createTaskPushNotificationConfig(
    params: TaskPushNotificationConfig,
    context: ServerCallContext,
  ): Promise<TaskPushNotificationConfig> {
    // The store gives it an id if it has none.
    const config = structuredClone(params)
    await this.#store.save(config.taskId, context, config)
    return structuredClone(config)
  }

  async getTaskPushNotificationConfig(
    { taskId, id }: GetTaskPushNotificationConfigRequest,
    context: ServerCallContext,
  ): Promise<TaskPushNotificationConfig> {
    const config = (await this.#store.load(taskId, context)).find(known => known.id === id)
    if (!config) throw new TaskNotFoundError('The task has no configuration of push notifications with this id.')
    return config
  }

  async listTaskPushNotificationConfigs(
    { taskId, ...paging }: ListTaskPushNotificationConfigsRequest,
    context: ServerCallContext,
  ): Promise<ListTaskPushNotificationConfigsResponse> {
    return pageOf(await this.#store.load(taskId, context), paging)
  }

  deleteTaskPushNotificationConfig({ taskId, id }: DeleteTaskPushNotificationConfigRequest, context: ServerCallContext): Promise<void> {
    return this.#store.delete(taskId, context, id)
  }
}
