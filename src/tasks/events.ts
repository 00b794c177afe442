import { LifechartError } from '../errors.ts'
import type { Presentation } from '../kernel/stream/house.ts'
import { type Entry, Step } from '../kernel/stream/record.ts'
import { decodeArtifact, decodeMetadata, decodeStatus, decodeTask } from './codec.ts'
import type { JsonObject, StreamResponse, Task } from './model.ts'
import { contextOf, type DataRecord, type Ids, type StatusPayload, statusOf } from './records.ts'
import { TaskView } from './view.ts'

/** In the metadata of each event: the number of its record in the task's stream, and of the execution it came from. */
export const seqKey = 'lifechart/seq'
export const attemptKey = 'lifechart/attempt'

/** Records are read as they are; {@link eventOf} makes events of them. */
export const taskPresentation: Presentation<undefined> = {
  project: () => undefined,
  gap: () => undefined,
  gone: cause => new LifechartError('TASK_NOT_FOUND', 'The task is no longer kept.', { cause }),
}

function placed(metadata: JsonObject | undefined, seq: number, attempt: number | undefined): JsonObject {
  const own = decodeMetadata(metadata) ?? {}
  own[seqKey] = seq
  if (attempt !== undefined) own[attemptKey] = attempt
  return own
}

/** A task in a stream, as of a record. */
export function taskEvent(task: Task, seq: number, attempt: number | undefined): StreamResponse {
  return { payload: { $case: 'task', value: { ...task, metadata: placed(task.metadata, seq, attempt) } } }
}

/** What subscribers see of a record, made for one of them; undefined for what they do not see. */
export function eventOf(entry: Entry, seq: number, ids: Ids): StreamResponse | undefined {
  return entry instanceof Step ? ofStep(entry, seq, ids) : ofData(entry as DataRecord, seq, ids)
}

function ofData(record: DataRecord, seq: number, { taskId, contextId }: Ids): StreamResponse {
  const { n } = record
  if ('artifact' in record) {
    const { artifact, append = false, lastChunk = false, metadata } = record
    return {
      payload: {
        $case: 'artifactUpdate',
        value: { taskId, contextId, artifact: decodeArtifact(artifact), append, lastChunk, metadata: placed(metadata, seq, n) },
      },
    }
  }
  if ('task' in record) return taskEvent(decodeTask(taskId, contextId, record.task), seq, n)
  const { status, metadata } = record
  return {
    payload: { $case: 'statusUpdate', value: { taskId, contextId, status: decodeStatus(status), metadata: placed(metadata, seq, n) } },
  }
}

function ofStep({ record }: Step, seq: number, ids: Ids): StreamResponse | undefined {
  const { event } = record
  const { taskId, contextId } = ids
  if (event.type === 'lifechart.start') {
    const view = new TaskView(taskId)
    view.apply(new Step(record))
    return taskEvent(view.task(), seq, view.attempt)
  }
  const status = statusOf(record, ids)
  if (!status) return undefined
  const { n, metadata, task } = (event.type.startsWith('status.') ? event : {}) as Partial<StatusPayload>
  const attempt = n ?? contextOf(record).attempt
  if (task) return taskEvent(decodeTask(taskId, contextId, { ...task, status: { ...task.status, at: status.at } }), seq, attempt)
  return {
    payload: {
      $case: 'statusUpdate',
      value: { taskId, contextId, status: decodeStatus(status), metadata: placed(metadata, seq, attempt) },
    },
  }
}
