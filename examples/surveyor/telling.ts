import { randomUUID } from 'node:crypto'
import { type Part, Role, type TaskState } from '@a2a-js/sdk'
import type { ExecutionEventBus, RequestContext } from '@a2a-js/sdk/server'

/** Says what becomes of a task. Each promise resolves when the next thing may be said. */
export interface Telling {
  status(state: TaskState, text?: string, metadata?: Record<string, unknown>): Promise<void>
  artifact(artifactId: string, part: Part, more: { append: boolean; lastChunk: boolean }): Promise<void>
}

export function tellingOf({ taskId, contextId }: RequestContext, bus: ExecutionEventBus): Telling {
  const message = (text: string) => ({
    messageId: randomUUID(),
    taskId,
    contextId,
    role: Role.ROLE_AGENT,
    parts: [textPart(text)],
    metadata: undefined,
    extensions: [],
    referenceTaskIds: [],
  })
  return {
    async status(state, text, metadata) {
      const status = { state, message: text === undefined ? undefined : message(text), timestamp: undefined }
      await bus.publish({ kind: 'statusUpdate', data: { taskId, contextId, status, metadata } })
    },
    async artifact(artifactId, part, more) {
      const artifact = { artifactId, name: artifactId, description: '', parts: [part], metadata: undefined, extensions: [] }
      await bus.publish({ kind: 'artifactUpdate', data: { taskId, contextId, artifact, ...more, metadata: undefined } })
    },
  }
}

export function textPart(value: string, mediaType = 'text/plain'): Part {
  return { content: { $case: 'text', value }, metadata: undefined, filename: '', mediaType }
}

export function dataPart(value: unknown): Part {
  return { content: { $case: 'data', value }, metadata: undefined, filename: '', mediaType: 'application/json' }
}
