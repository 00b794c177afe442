import { randomUUID } from 'node:crypto'
import { type AgentCard, type Part, Role, type SendMessageRequest, TaskState } from '@a2a-js/sdk'
import { AgentEvent, type AgentExecutor, type ExecutionEventBus, type RequestContext } from '@a2a-js/sdk/server'

export const agentCard: AgentCard = {
  name: 'agent',
  description: 'Does what is measured.',
  supportedInterfaces: [{ url: '', protocolBinding: 'JSONRPC', tenant: '', protocolVersion: '1.0' }],
  provider: undefined,
  version: '1.0.0',
  capabilities: { streaming: true, pushNotifications: false, extensions: [] },
  securitySchemes: {},
  securityRequirements: [],
  defaultInputModes: [],
  defaultOutputModes: [],
  skills: [],
  signatures: [],
}

const part = (value: string): Part => ({ content: { $case: 'text', value }, metadata: undefined, filename: '', mediaType: '' })

/** Asks for so many chunks, in a message of its own each time. */
export function request(count = 0, returnImmediately = false): SendMessageRequest {
  return {
    tenant: '',
    message: {
      messageId: randomUUID(),
      contextId: '',
      taskId: '',
      role: Role.ROLE_USER,
      parts: [part(String(count))],
      metadata: undefined,
      extensions: [],
      referenceTaskIds: [],
    },
    configuration: { acceptedOutputModes: [], taskPushNotificationConfig: undefined, historyLength: undefined, returnImmediately },
    metadata: undefined,
  }
}

/** What the SDK's executors publish, for one request. */
class Publishing {
  readonly #context: RequestContext
  readonly #bus: ExecutionEventBus

  constructor(context: RequestContext, bus: ExecutionEventBus) {
    this.#context = context
    this.#bus = bus
  }

  /** How many chunks the message asks for. */
  get asked(): number {
    const [first] = this.#context.userMessage.parts
    return first?.content?.$case === 'text' ? Number(first.content.value) : 0
  }

  begin(): void {
    const { taskId, contextId, userMessage } = this.#context
    const status = { state: TaskState.TASK_STATE_SUBMITTED, message: undefined, timestamp: undefined }
    this.#bus.publish(AgentEvent.task({ id: taskId, contextId, status, artifacts: [], history: [userMessage], metadata: undefined }))
    this.status(TaskState.TASK_STATE_WORKING)
  }

  status(state: TaskState): void {
    const { taskId, contextId } = this.#context
    this.#bus.publish(
      AgentEvent.statusUpdate({ taskId, contextId, status: { state, message: undefined, timestamp: undefined }, metadata: undefined }),
    )
  }

  /** So many chunks of one artifact; it waits for the bus now and then, which the SDK's never asks for. */
  async chunks(count: number): Promise<void> {
    const { taskId, contextId } = this.#context
    for (let n = 0; n < count; n++) {
      const published: unknown = this.#bus.publish(
        AgentEvent.artifactUpdate({
          taskId,
          contextId,
          artifact: { artifactId: 'text', name: '', description: '', parts: [part(`token ${n}`)], metadata: undefined, extensions: [] },
          append: n > 0,
          lastChunk: n === count - 1,
          metadata: undefined,
        }),
      )
      if (n % 64 === 63) await published
    }
  }
}

const doing = (work: (publishing: Publishing) => Promise<void>): AgentExecutor => ({
  async execute(context, bus) {
    await work(new Publishing(context, bus))
    bus.finished()
  },
  cancelTask: async () => undefined,
})

/** Completes its task behind the chunks that it was asked for, which come when the gate is open. */
export const chunks = (gate: () => Promise<void> | undefined = () => undefined) =>
  doing(async publishing => {
    publishing.begin()
    await gate()
    await publishing.chunks(publishing.asked)
    publishing.status(TaskState.TASK_STATE_COMPLETED)
  })

/** Asks its user for more. */
export const asks = doing(async publishing => {
  publishing.begin()
  publishing.status(TaskState.TASK_STATE_INPUT_REQUIRED)
})

/** Works for ever. */
export const waits = doing(async publishing => {
  publishing.begin()
  await new Promise(() => undefined)
})
