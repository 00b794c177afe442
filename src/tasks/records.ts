import type { AnyEventObject } from 'xstate'
import type { StepRecord } from '../kernel/stream/record.ts'
import type { TaskContext } from '../machines/task-setup.ts'
import type { StoredArtifact, StoredMessage, StoredStatus, StoredTask } from './codec.ts'
import { type JsonObject, Role, TaskState } from './model.ts'
import type { StoredRequest } from './request.ts'
import { stateOf } from './states.ts'

/*
 * What a task's stream holds besides the steps of its chart. `n` is the number of the execution it came from.
 */

/** A part of the result. */
export interface ArtifactRecord {
  artifact: StoredArtifact
  append?: true
  lastChunk?: true
  metadata?: JsonObject
  n: number
}

/** A status that names the state the task is in already. */
export interface StatusRecord {
  status: StoredStatus
  metadata?: JsonObject
  n: number
}

/** The whole task anew, as it is with what was kept of it. */
export interface TaskRecord {
  task: StoredTask
  n: number
}

export type DataRecord = ArtifactRecord | StatusRecord | TaskRecord

/** Of the task that a record belongs to. */
export interface Ids {
  taskId: string
  contextId: string
}

/** What the first step carries. */
export interface StartInput {
  /** Undefined for a task that was imported. */
  requestId?: string
  request?: StoredRequest
  contextId: string
  /** What was said of the task when it was created, or is known of it from elsewhere. */
  task?: Omit<StoredTask, 'status'> & { message?: StoredMessage }
}

/** What the chart is told of a request. */
export interface RequestEvent extends AnyEventObject {
  type: 'request.arrived'
  requestId: string
  request: StoredRequest
}

/** What goes with a status that an executor publishes. */
export interface StatusPayload {
  n: number
  message?: StoredMessage
  metadata?: JsonObject
  /** In place of both: the whole task. */
  task?: StoredTask
}

/** True for the first step of a task that is known from elsewhere. */
export function isImport({ event }: StepRecord): boolean {
  return event.type === 'lifechart.start' && (event.input as StartInput).requestId === undefined
}

/** What a step changed in the chart's context, as far as it is known from the record. */
export function contextOf(record: StepRecord): Partial<TaskContext> {
  return (record.context ?? record.patch?.set ?? {}) as Partial<TaskContext>
}

/** True if an executor holds the task behind the step. */
export function isExecuting({ value, status }: StepRecord): boolean {
  const work = (value as { work?: unknown }).work
  return status === 'active' && typeof work === 'object' && work !== null && 'executing' in work
}

/** The state that a step sets, or undefined when it leaves the status alone. */
export function stateAt({ from, value, event, status }: StepRecord): number | undefined {
  const state = status === 'error' ? TaskState.TASK_STATE_FAILED : stateOf(value)
  const said = event.type.startsWith('status.')
  return from !== undefined && !said && stateOf(from) === state ? undefined : state
}

/** The status that a step sets. */
export function statusOf(record: StepRecord, ids: Ids): StoredStatus | undefined {
  const state = stateAt(record)
  if (state === undefined) return undefined
  const message = messageOf(record, state, ids)
  return { state, at: record.at, ...(message && { message }) }
}

function messageOf(record: StepRecord, state: number, ids: Ids): StoredMessage | undefined {
  const { event, seq } = record
  if (event.type === 'lifechart.start') return (event.input as StartInput).task?.message
  if (event.type.startsWith('status.')) return (event as unknown as StatusPayload).message
  if (state !== TaskState.TASK_STATE_FAILED) return undefined
  const { message = 'The task failed.' } = contextOf(record).fault ?? {}
  return { messageId: `${ids.taskId}/${seq}`, ...ids, role: Role.ROLE_AGENT, parts: [{ text: message }] }
}
