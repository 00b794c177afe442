/*
 * The data model of A2A 1.0 (specification, section 4), by structure: the types of @a2a-js/sdk fit it, and it fits them, but nothing
 * of that package is needed.
 */

/** The states of a task, by their numbers in the protocol (section 4.1.3). */
export const TaskState = {
  TASK_STATE_UNSPECIFIED: 0,
  TASK_STATE_SUBMITTED: 1,
  TASK_STATE_WORKING: 2,
  TASK_STATE_COMPLETED: 3,
  TASK_STATE_FAILED: 4,
  TASK_STATE_CANCELED: 5,
  TASK_STATE_INPUT_REQUIRED: 6,
  TASK_STATE_REJECTED: 7,
  TASK_STATE_AUTH_REQUIRED: 8,
} as const

/** Who speaks (section 4.1.5). */
export const Role = { ROLE_UNSPECIFIED: 0, ROLE_USER: 1, ROLE_AGENT: 2 } as const

export type JsonObject = { [key: string]: unknown }

export type PartContent =
  | { $case: 'text'; value: string }
  | { $case: 'raw'; value: Buffer }
  | { $case: 'url'; value: string }
  | { $case: 'data'; value: unknown }

export interface Part {
  content?: PartContent | undefined
  metadata: JsonObject | undefined
  filename: string
  mediaType: string
}

export interface Message {
  messageId: string
  contextId: string
  taskId: string
  role: number
  parts: Part[]
  metadata: JsonObject | undefined
  extensions: string[]
  referenceTaskIds: string[]
}

export interface Artifact {
  artifactId: string
  name: string
  description: string
  parts: Part[]
  metadata: JsonObject | undefined
  extensions: string[]
}

export interface TaskStatus {
  /** One of {@link TaskState}. */
  state: number
  message: Message | undefined
  /** ISO 8601, UTC. */
  timestamp: string | undefined
}

export interface Task {
  id: string
  contextId: string
  status: TaskStatus | undefined
  artifacts: Artifact[]
  history: Message[]
  metadata: JsonObject | undefined
}

export interface TaskStatusUpdateEvent {
  taskId: string
  contextId: string
  status: TaskStatus | undefined
  metadata: JsonObject | undefined
}

export interface TaskArtifactUpdateEvent {
  taskId: string
  contextId: string
  artifact: Artifact | undefined
  append: boolean
  lastChunk: boolean
  metadata: JsonObject | undefined
}

/** What an executor publishes. */
export type ExecutionEvent =
  | { kind: 'message'; data: Message }
  | { kind: 'task'; data: Task }
  | { kind: 'statusUpdate'; data: TaskStatusUpdateEvent }
  | { kind: 'artifactUpdate'; data: TaskArtifactUpdateEvent }

/** What a client is sent: one event of a stream (section 4.2). */
export interface StreamResponse {
  payload?:
    | { $case: 'task'; value: Task }
    | { $case: 'message'; value: Message }
    | { $case: 'statusUpdate'; value: TaskStatusUpdateEvent }
    | { $case: 'artifactUpdate'; value: TaskArtifactUpdateEvent }
    | undefined
}

export interface SendRequest {
  message: Message
  metadata?: JsonObject | undefined
  /** Passed on to the executor as it is. */
  configuration?: unknown
}
