import { isLifechartError } from '../errors.ts'
import type { Host } from '../kernel/host/host.ts'
import type { StepRecord } from '../kernel/stream/record.ts'
import type { TaskContext, TaskMachineEvent } from '../machines/task-setup.ts'
import type { Agent, Behalf, ExecutionContext } from './agent.ts'
import type { StoredTask } from './codec.ts'
import { type Destination, Execution, type ExecutionHouse } from './execution.ts'
import type { FoldedStream } from './folded.ts'
import { encodeRecord, type Intake, tooMany } from './intake.ts'
import type { Task } from './model.ts'
import { type DataRecord, type Ids, isImport, statusOf } from './records.ts'
import { type Caller, callerOf, restoreRequest } from './request.ts'
import { eventOfState, isInterrupted, stateOf } from './states.ts'

const taken = Promise.resolve(true)
const yes = (): true => true

/** What a live task asks of the service. */
export interface TaskKeeper {
  readonly house: ExecutionHouse
  /** The tasks among these that exist for the caller. */
  references(ids: readonly string[], caller: Caller): Promise<Task[] | undefined>
  /** Something ended that had kept it here. */
  loosened(task: LiveTask): void
}

/** A task that is held by this process: with its chart, its view and the execution that is under way. */
export class LiveTask implements Destination, Behalf {
  readonly id: string
  readonly contextId: string
  readonly caller: Caller
  /** Of its caller. */
  readonly scope: string
  readonly agent: Agent
  readonly host: Host
  readonly folded: FoldedStream
  /** What the callers' side passed along, by request. */
  readonly contexts = new Map<string, unknown>()
  /** Of the messages that arrived here. */
  readonly keys = new Set<string>()
  readonly #keeper: TaskKeeper
  readonly #artifacts: Set<string>
  #execution: Execution | undefined
  #uses = 0
  #ending = false
  #idlers: (() => void)[] = []

  constructor(parts: {
    id: string
    contextId: string
    scope: string
    agent: Agent
    host: Host
    folded: FoldedStream
    artifacts: Iterable<string>
    statusAt: number
    keeper: TaskKeeper
    /** The one that created it. */
    execution?: Execution
  }) {
    this.id = parts.id
    this.contextId = parts.contextId
    this.scope = parts.scope
    this.caller = callerOf(parts.scope)
    this.agent = parts.agent
    this.host = parts.host
    this.folded = parts.folded
    this.#artifacts = new Set(parts.artifacts)
    this.#keeper = parts.keeper
    this.#execution = parts.execution
    this.#statusAt(parts.statusAt)
    this.host.stream.onAudience = followers => followers === 0 && this.#keeper.loosened(this)
  }

  get over(): boolean {
    return this.host.over
  }

  get #ids(): Ids {
    return { taskId: this.id, contextId: this.contextId }
  }

  get context(): unknown {
    return [...this.contexts.values()].at(-1) ?? this.agent.recall?.(this.caller)
  }

  /** As it was committed. */
  get state(): number {
    return stateOf(this.host.snapshot.value)
  }

  /** Milliseconds. */
  get statusAt(): number {
    return this.host.writer.steady?.changed ?? 0
  }

  #statusAt(at: number): void {
    this.host.writer.steady = { changed: at }
  }

  /** Somebody needs it here; returns how to let go. */
  hold(): () => void {
    let held = true
    this.#uses++
    return () => {
      if (!held) return
      held = false
      this.#uses--
      this.#keeper.loosened(this)
    }
  }

  /** Nobody here follows it or is about to. */
  get unwatched(): boolean {
    return this.#uses === 0 && !this.host.stream.needed
  }

  /** Nothing of it is under way, so that it need not be held. */
  get idle(): boolean {
    return this.#waits && this.host.begun && this.host.writer.queued === 0 && this.host.writer.pending === 0
  }

  /** The step that ends it is decided: an executor that goes on has nothing to be told. */
  ending(): void {
    this.#ending = true
  }

  /** Resolves when no execution is under way. */
  whenIdle(): Promise<void> {
    if (this.over || this.#waits) return Promise.resolve()
    return new Promise(resolve => this.#idlers.push(resolve))
  }

  /** No executor holds it. */
  get #waits(): boolean {
    const { work } = this.host.snapshot.value as { work: unknown }
    return typeof work === 'object' && work !== null && 'waiting' in work
  }

  /** A step was committed. */
  stepped(record: StepRecord): void {
    if (this.#idlers.length > 0 && (record.status !== 'active' || this.#waits)) for (const resolve of this.#idlers.splice(0)) resolve()
    const { type, key } = record.event
    if (type === 'request.arrived' && typeof key === 'string') this.keys.add(key)
    const status = statusOf(record, this.#ids)
    if (status) {
      this.#statusAt(status.at)
      if (!isImport(record)) this.agent.onStatus?.(this.id, this)
    }
    if (record.seq - this.folded.seq > 256) this.folded.catchUp()
  }

  /** What needs no step. */
  append(intake: Intake & { kind: 'artifact' }): boolean | Promise<boolean> {
    const { record } = intake
    const { artifactId } = record.artifact
    if (record.append && !this.#artifacts.has(artifactId))
      return this.#refuse(`It appends to the artifact "${artifactId}", which the task does not have.`)
    if (!this.#write(record)) return false
    this.#artifacts.add(artifactId)
    const { writer } = this.host
    const pause = writer.behind ? writer.ready() : this.#keeper.house.turns.next()
    return pause ? pause.then(yes) : true
  }

  take(intake: Intake): Promise<boolean> {
    switch (intake.kind) {
      case 'artifact': {
        const appended = this.append(intake)
        return typeof appended === 'boolean' ? Promise.resolve(appended) : appended
      }
      case 'message':
        return Promise.resolve(this.#refuse('A message can not come behind a task.'))
      case 'status':
        return this.#status(intake)
      case 'task':
        return this.#task(intake)
    }
  }

  #status({ status, metadata }: Intake & { kind: 'status' }): Promise<boolean> {
    const n = this.#attempt
    if (status.state === this.state && !isInterrupted(status.state)) {
      const at = this.host.journal.time()
      if (!this.#write({ status: { ...status, at }, n, ...(metadata && { metadata }) })) return Promise.resolve(false)
      this.#statusAt(at)
      return taken
    }
    return this.#move(status.state, { n, ...(status.message && { message: status.message }), ...(metadata && { metadata }) })
  }

  async #task({ task, status }: Intake & { kind: 'task' }): Promise<boolean> {
    // What was published before it counts: all of that is committed first.
    await this.host.enqueue(() => this.host.writer.commit(undefined, {}))
    const at = this.host.journal.time()
    const view = await this.folded.view()
    const folded: StoredTask = view.replacedBy({ ...task, status: { ...status, at } })
    this.#artifacts.clear()
    for (const { artifactId } of folded.artifacts ?? []) this.#artifacts.add(artifactId)
    const n = this.#attempt
    if (status.state !== this.state || isInterrupted(status.state)) return this.#move(status.state, { n, task: folded })
    if (!this.#write({ task: folded, n })) return false
    this.#statusAt(at)
    return true
  }

  get #attempt(): number {
    return (this.host.snapshot.context as TaskContext).attempt
  }

  #write(record: DataRecord): boolean {
    if (this.over || this.host.released) return this.#refuse('It came behind the end of its task.')
    const encoded = encodeRecord(record, this.#keeper.house.limits.chunkBytes)
    try {
      this.host.writer.append(encoded)
    } catch (error) {
      throw isLifechartError(error, 'EMIT_OVERFLOW') ? tooMany(this.host.writer.pending) : error
    }
    return true
  }

  async #move(state: number, payload: object): Promise<boolean> {
    const type = eventOfState(state) ?? ''
    try {
      await this.host.dispatch({ type, ...payload })
      return true
    } catch (error) {
      if (isLifechartError(error, 'EVENT_REFUSED')) return this.#refuse(error.message)
      if (isLifechartError(error, 'LIFECYCLE_ENDED')) return this.#refuse('It came behind the end of its task.')
      // The commit goes on, or somebody else has it: either way this execution is over.
      if (isLifechartError(error, 'STORE_UNAVAILABLE') || this.host.released) return false
      throw error
    }
  }

  #refuse(reason: string): false {
    this.#keeper.house.refused(this.id, reason)
    return false
  }

  /** The chart gives a request to the executor. */
  execute(
    { requestId, attempt }: { requestId: string; attempt: number },
    sendBack: (event: TaskMachineEvent) => void,
  ): { abort(reason: 'cancel' | 'timeout'): void; close(): void } {
    const execution =
      this.#execution?.requestId === requestId && !this.#execution.attached
        ? this.#execution
        : this.#begin(requestId, Math.max(attempt, this.#attempt))
    // What came with a request is not needed behind its execution.
    if (this.#execution && this.#execution.requestId !== requestId) this.contexts.delete(this.#execution.requestId)
    this.#execution = execution
    execution.attach(sendBack)
    return {
      abort: reason => execution.abort(reason),
      close: () => execution.close(this.#ending || this.over),
    }
  }

  #begin(requestId: string, attempt: number): Execution {
    const { house } = this.#keeper
    const { id: taskId, contextId, agent } = this
    const context = this.contexts.get(requestId) ?? agent.recall?.(this.caller)
    const execution: Execution = new Execution({ house, agent, taskId, contextId, requestId, attempt, context }, this)
    // Behind all that is queued: one that is cancelled there is never called.
    this.host
      .enqueue(() => {
        void execution.run(() => this.#context(requestId, attempt))
      })
      .catch(() => execution.close(false))
    return execution
  }

  /** Of the request, as it is stored. */
  async #context(requestId: string, attempt: number): Promise<Omit<ExecutionContext, 'signal'>> {
    const view = await this.folded.view()
    const stored = view.requests.get(requestId)
    if (!stored) throw new Error(`The request ${requestId} of task ${this.id} is not stored.`)
    const task = view.task()
    const request = restoreRequest(stored)
    const { message } = request
    return {
      request,
      userMessage: message,
      taskId: this.id,
      contextId: this.contextId,
      context: this.contexts.get(requestId) ?? this.agent.recall?.(stored.caller),
      task,
      referenceTasks: await this.#keeper.references(message.referenceTaskIds, stored.caller),
      attempt,
    }
  }

  /** The store does not answer: the executor has to stop. */
  cutOff(): void {
    this.#execution?.close(false)
    this.host.writer.letGo()
  }
}
