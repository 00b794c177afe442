import { readJson } from '../kernel/json.ts'
import type { Json } from '../kernel/port.ts'
import { type Entry, Step, type StepRecord } from '../kernel/stream/record.ts'
import { decodeTask, type StoredArtifact, type StoredMessage, type StoredStatus, type StoredTask } from './codec.ts'
import { type JsonObject, Role, type Task } from './model.ts'
import {
  type ArtifactRecord,
  contextOf,
  type DataRecord,
  isExecuting,
  type RequestEvent,
  type StartInput,
  type StatusPayload,
  statusOf,
} from './records.ts'
import type { StoredRequest } from './request.ts'
import { isTerminal } from './states.ts'

/** An artifact that is being put together. */
interface OpenArtifact extends StoredArtifact {
  parts: StoredArtifact['parts'][number][]
}

/** The view as it is stored. */
interface StoredView {
  contextId: string
  task: StoredTask
  requests: Record<string, StoredRequest>
  current?: string
  attempt: number
  executing?: true
  /** Messages of the history that are older than the status. */
  said: number
}

/** So many records behind the stored view make it worth a new one. */
const worthKeeping = 32

/** A task, folded from the records of its stream one by one; none of them costs more for those before it. */
export class TaskView {
  readonly id: string
  /** The number of the last record that is folded in. */
  seq = 0
  contextId = ''
  /** The number of the last record in the view as it is stored. */
  #kept = 0
  /** The request that is executed, or was last. */
  current: string | undefined
  /** Executions begun so far. */
  attempt = 0
  /** The current request is executed right now. */
  executing = false
  status: StoredStatus = { state: 0, at: 0 }
  /** Requests that are not done with, by id. */
  readonly requests = new Map<string, StoredRequest>()
  readonly #artifacts = new Map<string, OpenArtifact>()
  #history: StoredMessage[] = []
  /** How long the history was when the status was set: its message belongs there. */
  #said = 0
  #metadata: JsonObject | undefined

  constructor(id: string) {
    this.id = id
  }

  /** As it was stored as of the record `through`. `STORE_CORRUPT` when it can not be read. */
  static restore(id: string, { through, data }: { through: number; data: Json }): TaskView {
    const view = new TaskView(id)
    const { contextId, task, requests, current, attempt, executing = false, said } = readJson(data, `The view of task ${id}`) as StoredView
    view.seq = through
    view.#kept = through
    view.contextId = contextId
    view.current = current
    view.attempt = attempt
    view.executing = executing
    for (const [requestId, request] of Object.entries(requests)) view.requests.set(requestId, request)
    view.#replace(task)
    view.#said = said
    return view
  }

  /** One that goes on by itself. */
  copy(): TaskView {
    return TaskView.restore(this.id, { through: this.seq, data: this.encode() })
  }

  /** To be stored; nothing when it is hardly more than what is stored: a few records are folded in no time. */
  keep(): { view?: Json } {
    if (this.seq - this.#kept < worthKeeping) return {}
    this.#kept = this.seq
    return { view: this.encode() }
  }

  encode(): Json {
    const { contextId, current, attempt, executing } = this
    const requests = isTerminal(this.status.state) ? {} : Object.fromEntries(this.requests)
    return JSON.stringify({
      contextId,
      task: this.stored(),
      requests,
      ...(current !== undefined && { current }),
      attempt,
      said: this.#said,
      ...(executing && { executing }),
    })
  }

  /** Shares what it holds with the view: not to be kept. */
  stored(): StoredTask {
    return {
      status: this.status,
      artifacts: [...this.#artifacts.values()],
      history: this.#history,
      ...(this.#metadata && { metadata: this.#metadata }),
    }
  }

  /** A copy that is the caller's own. */
  task(): Task {
    return decodeTask(this.id, this.contextId, this.stored())
  }

  hasArtifact(artifactId: string): boolean {
    return this.#artifacts.has(artifactId)
  }

  artifactIds(): IterableIterator<string> {
    return this.#artifacts.keys()
  }

  /** Of the user's messages, also of those that are not executed yet. */
  *messageIds(): Generator<string> {
    for (const { messageId, role } of this.#history) if (role === Role.ROLE_USER) yield messageId
    for (const { message } of this.requests.values()) yield message.messageId
  }

  /** The message is part of the history. */
  heard(id: string): boolean {
    return this.#history.some(({ messageId }) => messageId === id)
  }

  apply(entry: Entry): void {
    this.seq++
    if (entry instanceof Step) this.#step(entry.record)
    else this.#data(entry as DataRecord)
  }

  #data(record: DataRecord): void {
    if ('artifact' in record) {
      this.#artifact(record)
      this.#merge(record.metadata)
    } else if ('status' in record) {
      this.#setStatus(record.status)
      this.#merge(record.metadata)
    } else this.#replace(record.task)
  }

  #artifact({ artifact, append }: ArtifactRecord): void {
    const known = append ? this.#artifacts.get(artifact.artifactId) : undefined
    if (!known) {
      this.#artifacts.set(artifact.artifactId, { ...artifact, parts: [...artifact.parts] })
      return
    }
    for (const part of artifact.parts) known.parts.push(part)
    if (artifact.name !== undefined) known.name = artifact.name
    if (artifact.description !== undefined) known.description = artifact.description
    if (artifact.metadata) known.metadata = merged(known.metadata, artifact.metadata)
    if (artifact.extensions) known.extensions = [...new Set([...(known.extensions ?? []), ...artifact.extensions])]
  }

  #step(record: StepRecord): void {
    const { event } = record
    if (event.type === 'lifechart.start') this.#start(event.input as StartInput)
    else if (event.type === 'request.arrived') {
      const { requestId, request } = event as RequestEvent
      this.requests.set(requestId, request)
    }
    this.#turn(record)
    const payload = event.type.startsWith('status.') ? (event as unknown as StatusPayload) : undefined
    const status = statusOf(record, { taskId: this.id, contextId: this.contextId })
    if (payload?.task) {
      this.#replace(payload.task)
      if (status) this.status = { ...payload.task.status, state: status.state, at: status.at }
      return
    }
    if (status) this.#setStatus(status)
    this.#merge(payload?.metadata)
  }

  #start({ requestId, request, contextId, task }: StartInput): void {
    this.contextId = contextId
    if (requestId !== undefined && request) this.requests.set(requestId, request)
    if (!task) return
    const { artifacts, history, metadata } = task
    this.#replace({ status: this.status, ...(artifacts && { artifacts }), ...(history && { history }), ...(metadata && { metadata }) })
  }

  /** A request is executed from here on: its message is part of the history now. */
  #turn(record: StepRecord): void {
    const { current, attempt } = contextOf(record)
    this.executing = isExecuting(record)
    if (attempt !== undefined) this.attempt = attempt
    if (current === undefined) return
    if (this.current !== undefined && this.current !== current) this.requests.delete(this.current)
    this.current = current
    const message = this.requests.get(current)?.message
    if (message && !this.heard(message.messageId)) this.#history.push(message)
  }

  #setStatus(status: StoredStatus): void {
    const { message } = this.status
    // In front of what was said since.
    if (message) this.#history.splice(this.#said, 0, message)
    this.status = status
    this.#said = this.#history.length
  }

  #merge(metadata: JsonObject | undefined): void {
    if (metadata) this.#metadata = merged(this.#metadata, metadata)
  }

  #replace({ status, artifacts = [], history = [], metadata }: StoredTask): void {
    this.status = status
    this.#artifacts.clear()
    for (const artifact of artifacts) this.#artifacts.set(artifact.artifactId, { ...artifact, parts: [...artifact.parts] })
    this.#history = [...history]
    this.#said = history.length
    this.#metadata = metadata
  }

  /** The task when an executor says all of it anew: what it leaves out is no more, but what the user said stays. */
  replacedBy(said: StoredTask): StoredTask {
    const history = [...(said.history ?? [])]
    const places = new Map(history.map(({ messageId }, place) => [messageId, place]))
    // Each one that it leaves out comes behind what it came behind.
    let kept = 0
    let at = 0
    for (const message of this.#history) {
      const place = places.get(message.messageId)
      if (place !== undefined) at = Math.max(at, place + kept + 1)
      else if (message.role === Role.ROLE_USER) {
        history.splice(at++, 0, message)
        kept++
      }
    }
    const metadata = said.metadata ? merged(this.#metadata, said.metadata) : this.#metadata
    return { ...said, history, ...(metadata && { metadata }) }
  }
}

/** The members of both; later ones win. Nothing is merged by assignment to what is there. */
function merged(known: JsonObject | undefined, added: JsonObject): JsonObject {
  return known ? Object.fromEntries([...Object.entries(known), ...Object.entries(added)]) : added
}
