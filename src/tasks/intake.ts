import { LifechartError } from '../errors.ts'
import { assertJson } from '../kernel/json.ts'
import type { Encoded } from '../kernel/stream/record.ts'
import {
  encodeArtifact,
  encodeArtifacts,
  encodeMessage,
  encodeMessages,
  encodeMetadata,
  type StoredMessage,
  type StoredStatus,
  type StoredTask,
} from './codec.ts'
import type { ExecutionEvent, Message, Task, TaskStatus } from './model.ts'
import type { ArtifactRecord, DataRecord, Ids } from './records.ts'
import { eventOfState } from './states.ts'

/** What an executor published, copied and checked. */
export type Intake =
  | { kind: 'message'; message: StoredMessage }
  | { kind: 'artifact'; record: ArtifactRecord }
  | { kind: 'status'; status: Omit<StoredStatus, 'at'>; metadata?: { [key: string]: unknown } }
  | { kind: 'task'; task: Omit<StoredTask, 'status'>; status: Omit<StoredStatus, 'at'> }

/**
 * Takes an event of the execution `n` in. `AGENT_RESPONSE_INVALID` for one of another task, or with a state that is none;
 * `NOT_SERIALIZABLE` for what is not JSON; `CHUNK_TOO_LARGE` beyond `limit` characters.
 */
export function takeIn(event: ExecutionEvent, ids: Ids, n: number, limit: number): Intake {
  const intake = copyOf(event, ids, n)
  // Artifacts are measured when they are encoded, and most statuses say no more than a state.
  if (intake.kind !== 'artifact' && !isBare(intake)) assertSize(JSON.stringify(intake), limit)
  return intake
}

const isBare = (intake: Intake) => intake.kind === 'status' && !intake.status.message && !intake.metadata

function copyOf(event: ExecutionEvent, ids: Ids, n: number): Intake {
  if (typeof event?.data !== 'object' || event.data === null) throw wrong('An event needs data.')
  switch (event.kind) {
    case 'message':
      checkIds(event.data.taskId, event.data.contextId, ids)
      return { kind: 'message', message: answer(event.data, ids.contextId) }
    case 'artifactUpdate': {
      const { taskId, contextId, artifact, append, lastChunk, metadata } = event.data
      checkIds(taskId, contextId, ids)
      if (!artifact) throw wrong('An artifact update needs an artifact.')
      const record: ArtifactRecord = { artifact: encodeArtifact(artifact), n }
      if (append) record.append = true
      if (lastChunk) record.lastChunk = true
      if (metadata) Object.assign(record, encodeMetadata(metadata))
      return { kind: 'artifact', record }
    }
    case 'statusUpdate': {
      const { taskId, contextId, status, metadata } = event.data
      checkIds(taskId, contextId, ids)
      return { kind: 'status', status: encodeStatus(status), ...encodeMetadata(metadata) }
    }
    case 'task': {
      const { id, contextId, status } = event.data
      checkIds(id, contextId, ids)
      const task = encodeTask(event.data)
      // As deep as it may lie in the first step of the task.
      assertJson({ input: { task } }, 'event')
      return { kind: 'task', task, status: encodeStatus(status) }
    }
    default:
      throw wrong('An event is a message, a task, a statusUpdate or an artifactUpdate.')
  }
}

/** It belongs to no task: there is none. */
function answer(message: Message, contextId: string): StoredMessage {
  const { taskId: _none, ...stored } = encodeMessage(message)
  return { ...stored, contextId }
}

function wrong(text: string): LifechartError {
  return new LifechartError('AGENT_RESPONSE_INVALID', text)
}

/** Left out, they are the task's own. */
function checkIds(taskId: string | undefined, contextId: string | undefined, ids: Ids): void {
  if ((taskId && taskId !== ids.taskId) || (contextId && contextId !== ids.contextId)) {
    throw wrong(`An event of task ${ids.taskId} carries the ids of another one.`)
  }
}

function encodeStatus(status: TaskStatus | undefined): Omit<StoredStatus, 'at'> {
  if (!status || eventOfState(status.state) === undefined) throw wrong('A status needs one of the eight states of a task.')
  return { state: status.state, ...(status.message && { message: encodeMessage(status.message) }) }
}

function encodeTask({ artifacts, history, metadata }: Task): Omit<StoredTask, 'status'> {
  return {
    ...(artifacts?.length && { artifacts: encodeArtifacts(artifacts) }),
    ...(history?.length && { history: encodeMessages(history) }),
    ...encodeMetadata(metadata),
  }
}

/** An executor has ignored the back-pressure for too long. */
export function tooMany(events: number): LifechartError {
  return new LifechartError('EMIT_OVERFLOW', `${events} events wait for the store. Await publish() before the next one.`)
}

/** A data record ready for the writer. `CHUNK_TOO_LARGE` beyond `limit` characters. */
export function encodeRecord(record: DataRecord, limit: number): Encoded {
  const text = JSON.stringify(record)
  assertSize(text, limit)
  return { text, entry: record }
}

function assertSize({ length }: string, limit: number): void {
  if (length <= limit) return
  throw new LifechartError('CHUNK_TOO_LARGE', `An event of ${length} characters is over limits.chunkBytes (${limit}). Publish it in parts.`)
}
