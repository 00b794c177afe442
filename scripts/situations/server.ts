import type { AgentCard, Message, SendMessageRequest, Task } from '@a2a-js/sdk'
import { type A2ARequestHandler, type AgentExecutor, ServerCallContext } from '@a2a-js/sdk/server'

/** A handler that is looked at from outside, with what a situation may do to its store and its process. */
export interface Server {
  readonly handler: A2ARequestHandler
  readonly store: Store
  /** How many follow the task, as far as the handler knows; 50 at most. */
  followers(taskId: string): Promise<number>
  /** The process dies, and another one serves what is stored. */
  restart(executor: AgentExecutor): Promise<Server>
}

export interface Store {
  /** What is written waits until the function is called that is returned. */
  holdWrites(): () => void
  /** The next read waits until the function is called that is returned. */
  holdNextRead(): () => void
}

/** What is compared. */
export interface Subject {
  readonly name: string
  /** `mortal`: its process is going to die, and that is to be noticed soon. */
  open(executor: AgentExecutor, options?: { mortal?: boolean }): Promise<Server>
}

/** Milliseconds that a cancelled executor has where there is a grace. */
export const cancelGrace = 100

export const agentCard: AgentCard = {
  name: 'agent',
  description: 'An agent for situations.',
  version: '1',
  supportedInterfaces: [],
  provider: undefined,
  capabilities: { streaming: true, pushNotifications: false, extensions: [], extendedAgentCard: false },
  securitySchemes: {},
  securityRequirements: [],
  defaultInputModes: ['text/plain'],
  defaultOutputModes: ['text/plain'],
  skills: [],
  signatures: [],
}

export function calledBy(userName: string): ServerCallContext {
  return new ServerCallContext({ user: { isAuthenticated: true, userName } })
}

/** Who calls when nothing is said about it. */
export const ann = calledBy('ann')

let count = 0

/** A message with an id of its own. */
export function says(text: string, more: Partial<Message> & { returnImmediately?: boolean } = {}): SendMessageRequest {
  const { returnImmediately = false, ...message } = more
  return {
    tenant: '',
    message: {
      messageId: `message-${++count}`,
      contextId: '',
      taskId: '',
      role: 1,
      parts: [textPart(text)],
      metadata: undefined,
      extensions: [],
      referenceTaskIds: [],
      ...message,
    },
    configuration: { acceptedOutputModes: [], taskPushNotificationConfig: undefined, returnImmediately },
    metadata: undefined,
  }
}

export function textPart(value: string): Message['parts'][number] {
  return { content: { $case: 'text', value }, metadata: undefined, filename: '', mediaType: '' }
}

export function textOf(parts: Message['parts'] | undefined): string {
  return (parts ?? []).map(({ content }) => (content?.$case === 'text' ? content.value : '')).join('')
}

/** A send that does not wait; the task it led to. */
export async function begin({ handler }: Server, text = 'go'): Promise<Task> {
  const sent = await handler.sendMessage(says(text, { returnImmediately: true }), ann)
  if ('messageId' in sent) throw new Error('A message was the answer.')
  return sent
}

export function taskOf({ handler }: Server, id: string, context = ann): Promise<Task> {
  return handler.getTask({ tenant: '', id }, context)
}
