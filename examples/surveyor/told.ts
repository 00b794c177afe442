import { randomUUID } from 'node:crypto'
import {
  type Artifact,
  type Message,
  type Part,
  Role,
  type SendMessageRequest,
  type StreamResponse,
  type Task,
  TaskState,
} from '@a2a-js/sdk'

/** A message of the user, as it is sent. */
export function says(text: string, more: Partial<Message> = {}): SendMessageRequest {
  const parts: Part[] = [{ content: { $case: 'text', value: text }, metadata: undefined, filename: '', mediaType: '' }]
  const ids = { messageId: randomUUID(), contextId: '', taskId: '' }
  const message: Message = { ...ids, role: Role.ROLE_USER, parts, metadata: undefined, extensions: [], referenceTaskIds: [], ...more }
  return { tenant: '', message, configuration: undefined, metadata: undefined }
}

/** What a client has been told of a task: what is appended is appended, and everything else takes the place of what was there. */
export class Told {
  taskId = ''
  contextId = ''
  state: TaskState = TaskState.TASK_STATE_UNSPECIFIED
  /** What the agent said with its last status. */
  said = ''
  findings: unknown[] = []
  report = ''

  take({ payload }: StreamResponse): void {
    if (payload?.$case === 'task') this.takeTask(payload.value)
    else if (payload?.$case === 'statusUpdate') this.#take(payload.value.taskId, payload.value.contextId, payload.value.status)
    else if (payload?.$case === 'artifactUpdate' && payload.value.artifact) this.#takeArtifact(payload.value.artifact, payload.value.append)
  }

  takeTask({ id, contextId, status, artifacts }: Task): this {
    this.#take(id, contextId, status)
    this.findings = []
    this.report = ''
    for (const artifact of artifacts) this.#takeArtifact(artifact, false)
    return this
  }

  #take(taskId: string, contextId: string, status: Task['status']): void {
    this.taskId = taskId
    this.contextId = contextId
    this.state = status?.state ?? TaskState.TASK_STATE_UNSPECIFIED
    this.said = textIn(status?.message?.parts)
  }

  #takeArtifact({ artifactId, parts }: Artifact, append: boolean): void {
    if (artifactId === 'report') this.report = textIn(parts)
    else
      this.findings = [
        ...(append ? this.findings : []),
        ...parts.flatMap(({ content }) => (content?.$case === 'data' ? [content.value] : [])),
      ]
  }

  /** As a word. */
  get status(): string {
    return TaskState[this.state].slice('TASK_STATE_'.length).toLowerCase().replace('_', '-')
  }
}

export function textIn(parts: readonly Part[] = []): string {
  return parts.map(({ content }) => (content?.$case === 'text' ? content.value : '')).join('')
}
