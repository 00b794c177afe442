import type { Message, Task, TaskState } from '@a2a-js/sdk'
import { AgentEvent, type AgentExecutor, type ExecutionEventBus, type RequestContext } from '@a2a-js/sdk/server'
import { textOf, textPart } from './server.ts'

export const state = {
  submitted: 1,
  working: 2,
  completed: 3,
  failed: 4,
  canceled: 5,
  inputRequired: 6,
  rejected: 7,
  authRequired: 8,
} satisfies Record<string, TaskState>

const names = ['unspecified', 'submitted', 'working', 'completed', 'failed', 'canceled', 'input-required', 'rejected', 'auth-required']

export function nameOf(task: Pick<Task, 'status'> | undefined): string {
  return names[task?.status?.state ?? 0] ?? 'unrecognized'
}

/** What an executor of a situation has at hand. */
export class Script {
  readonly context: RequestContext
  readonly bus: ExecutionEventBus

  constructor(context: RequestContext, bus: ExecutionEventBus) {
    this.context = context
    this.bus = bus
  }

  /** What the user said. */
  get said(): string {
    return textOf(this.context.userMessage.parts)
  }

  get #ids() {
    return { taskId: this.context.taskId, contextId: this.context.contextId }
  }

  /** Begins as the SDK asks it of executors: each execution publishes the task first. */
  begin(at: TaskState = state.working): void {
    const { taskId: id, contextId } = this.#ids
    const status = { state: at, message: undefined, timestamp: new Date().toISOString() }
    const { artifacts = [], history = [], metadata } = this.context.task ?? {}
    this.bus.publish(AgentEvent.task({ id, contextId, status, artifacts, history, metadata }))
  }

  status(at: TaskState): void {
    const status = { state: at, message: undefined, timestamp: new Date().toISOString() }
    this.bus.publish(AgentEvent.statusUpdate({ ...this.#ids, status, metadata: undefined }))
  }

  artifact(artifactId: string, text: string, { append = false, taskId = this.#ids.taskId } = {}): void {
    const artifact = { artifactId, name: '', description: '', parts: [textPart(text)], metadata: undefined, extensions: [] }
    const contextId = taskId === this.#ids.taskId ? this.#ids.contextId : ''
    this.bus.publish(AgentEvent.artifactUpdate({ taskId, contextId, artifact, append, lastChunk: false, metadata: undefined }))
  }

  message(text: string): void {
    const message: Message = {
      messageId: 'answer',
      ...this.#ids,
      role: 2,
      parts: [textPart(text)],
      metadata: undefined,
      extensions: [],
      referenceTaskIds: [],
    }
    this.bus.publish(AgentEvent.message(message))
  }
}

/** An executor that does what the function says; what `cancelTask` does is nothing by default. */
export function agent(
  execute: (script: Script) => Promise<void> | void,
  cancelTask: AgentExecutor['cancelTask'] = async () => {},
): AgentExecutor {
  return { execute: async (context, bus) => execute(new Script(context, bus)), cancelTask }
}

/** A promise that somebody else settles. */
export function gate(): { opened: Promise<void>; open: () => void } {
  let open = () => {}
  const opened = new Promise<void>(resolve => {
    open = resolve
  })
  return { opened, open }
}
