import type { ExecutionContext, TaskExecutor } from '../../src/tasks/agent.ts'
import type { TaskBus } from '../../src/tasks/bus.ts'
import type { Message, SendRequest, StreamResponse, Task } from '../../src/tasks/model.ts'
import { Role, TaskState } from '../../src/tasks/model.ts'

export const state = TaskState

let count = 0

/** A message of the user, with an id of its own. */
export function says(text: string, more: Partial<Message> = {}): SendRequest {
  const message: Message = {
    messageId: `message-${String(++count).padStart(20, '0')}`,
    contextId: '',
    taskId: '',
    role: Role.ROLE_USER,
    parts: [{ content: { $case: 'text', value: text }, metadata: undefined, filename: '', mediaType: '' }],
    metadata: undefined,
    extensions: [],
    referenceTaskIds: [],
    ...more,
  }
  return { message }
}

export function agentMessage(text: string, ids: { taskId?: string; contextId?: string } = {}): Message {
  return { ...says(text, ids).message, role: Role.ROLE_AGENT }
}

/** What an executor of a test has at hand. */
export class Script {
  readonly context: ExecutionContext
  readonly bus: TaskBus

  constructor(context: ExecutionContext, bus: TaskBus) {
    this.context = context
    this.bus = bus
  }

  get #ids() {
    return { taskId: this.context.taskId, contextId: this.context.contextId }
  }

  task(more: Partial<Task> = {}, at: number = TaskState.TASK_STATE_SUBMITTED): unknown {
    const { taskId: id, contextId } = this.#ids
    const status = { state: at, message: undefined, timestamp: undefined }
    return this.bus.publish({ kind: 'task', data: { id, contextId, status, artifacts: [], history: [], metadata: undefined, ...more } })
  }

  status(at: number, text?: string, metadata?: { [key: string]: unknown }): unknown {
    const message = text === undefined ? undefined : agentMessage(text, this.#ids)
    return this.bus.publish({
      kind: 'statusUpdate',
      data: { ...this.#ids, status: { state: at, message, timestamp: undefined }, metadata },
    })
  }

  artifact(artifactId: string, text: string, append = false): unknown {
    const part = { content: { $case: 'text' as const, value: text }, metadata: undefined, filename: '', mediaType: '' }
    return this.bus.publish({
      kind: 'artifactUpdate',
      data: {
        ...this.#ids,
        artifact: { artifactId, name: '', description: '', parts: [part], metadata: undefined, extensions: [] },
        append,
        lastChunk: false,
        metadata: undefined,
      },
    })
  }

  message(text: string): unknown {
    return this.bus.publish({ kind: 'message', data: agentMessage(text, this.#ids) })
  }
}

/** An executor that does what the function says. */
export function agent(execute: (script: Script) => Promise<void> | void, cancelTask?: TaskExecutor['cancelTask']): TaskExecutor {
  return { execute: async (context, bus) => execute(new Script(context, bus)), ...(cancelTask && { cancelTask }) }
}

/** What a stream said, in short: `task submitted`, `working`, `artifact a+: text`. */
export function brief({ payload }: StreamResponse): string {
  switch (payload?.$case) {
    case 'task':
      return `task ${nameOf(payload.value.status?.state)}`
    case 'message':
      return `message: ${textOf(payload.value.parts)}`
    case 'statusUpdate':
      return nameOf(payload.value.status?.state)
    case 'artifactUpdate': {
      const { artifact, append } = payload.value
      return `artifact ${artifact?.artifactId}${append ? '+' : ''}: ${textOf(artifact?.parts ?? [])}`
    }
    default:
      return 'nothing'
  }
}

export function nameOf(at: number | undefined): string {
  const [name = ''] = Object.entries(TaskState).find(([, value]) => value === at) ?? []
  return name.slice('TASK_STATE_'.length).toLowerCase().replace('_', '-')
}

export function textOf(parts: Message['parts']): string {
  return parts.map(({ content }) => (content?.$case === 'text' ? content.value : `<${content?.$case}>`)).join('')
}

/** Everything that a stream says, in short. */
export async function all(stream: AsyncIterable<StreamResponse>): Promise<string[]> {
  const said: string[] = []
  for await (const event of stream) said.push(brief(event))
  return said
}

/** The task of what a send led to. */
export function taskOf(sent: { message: Message } | { task: Task }): Task {
  if ('task' in sent) return sent.task
  throw new Error(`A message was the answer: ${textOf(sent.message.parts)}`)
}

/** A promise that the test settles. */
export function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {}
  const promise = new Promise<void>(done => {
    resolve = done
  })
  return { promise, resolve }
}
