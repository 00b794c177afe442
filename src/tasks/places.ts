import type { AnyEventObject } from 'xstate'
import { isLifechartError, LifechartError } from '../errors.ts'
import type { ChartSpec } from '../kernel/host/chart.ts'
import type { Host } from '../kernel/host/host.ts'
import { watchIdle } from '../kernel/host/idle.ts'
import type { Stored } from '../kernel/port.ts'
import type { Stream } from '../kernel/stream/stream.ts'
import { type Agent, machineInput } from './agent.ts'
import { readTask, type TaskFacts } from './chart.ts'
import { taskPresentation } from './events.ts'
import type { Execution } from './execution.ts'
import { FoldedStream, loadView } from './folded.ts'
import type { TaskHouse } from './house.ts'
import { LiveTask, type TaskKeeper } from './live-task.ts'
import { taskIdOf, taskStream } from './names.ts'
import type { StartInput } from './records.ts'
import { type Caller, messageKey, scopeOf } from './request.ts'
import { TaskView } from './view.ts'

/** Where a task is: held here, executed by another process, or over. It is not let go of before `letGo`. */
export interface Place {
  readonly taskId: string
  readonly folded: FoldedStream
  /** Set while it is held here. */
  readonly live?: LiveTask
  /** Resolves when the step is committed. */
  dispatch(event: AnyEventObject): Promise<void>
  letGo(): void
}

/** What a new task begins with. */
export interface Founding {
  agent: Agent
  taskId: string
  caller: Caller
  input: StartInput
  /** Of the first request, and what its caller's side passed along. */
  execution?: Execution
  context?: unknown
  key?: string | undefined
}

/** How often the owner of a task may change under us before we follow it where it is. */
const attempts = 3

/** Finds tasks, and brings those that nobody has to this process when something is to happen to them. */
export class Places {
  readonly #house: TaskHouse
  readonly #charts: Record<'free' | 'strict', ChartSpec>
  readonly #keeper: TaskKeeper

  constructor(house: TaskHouse, charts: Record<'free' | 'strict', ChartSpec>, keeper: TaskKeeper) {
    this.#house = house
    this.#charts = charts
    this.#keeper = keeper
  }

  /** `TASK_NOT_FOUND` when there is no such task for the caller. */
  async find(taskId: string, caller: Caller): Promise<Place> {
    const stream = taskStream(taskId)
    const scope = scopeOf(caller)
    const here = this.#house.live(stream)
    if (here && !here.host.released && here.host.begun) return this.#here(this.#assertScope(here, scope))
    const known = await this.load(taskId, caller)
    return this.#house.inTurn(stream, () => this.#locate(known, scope))
  }

  /** What is stored of it. `TASK_NOT_FOUND`. */
  async load(taskId: string, caller: Caller): Promise<Stored> {
    const { kernel } = this.#house
    const stored = isTaskId(taskId) ? await kernel.insist(() => kernel.adapter.load(taskStream(taskId))) : undefined
    if (stored?.kind !== 'task' || stored.index.scope !== scopeOf(caller)) throw notFound(taskId)
    return stored
  }

  /** Resolves when its first record is committed. `VERSION_CONFLICT`, `OWNED` when there is such a task, `KEY_TAKEN`. */
  async create({ agent, taskId, caller, input, execution, context, key }: Founding): Promise<LiveTask> {
    const { kernel, clock } = this.#house
    const { policy } = agent
    const { contextId, requestId, task } = input
    const scope = scopeOf(caller)
    const chart = this.spec(policy.strict === true)
    const host = kernel.create(taskStream(taskId), chart, taskPresentation, machineInput(agent, taskId, requestId))
    host.journal.facts = {
      agent: agent.name,
      orphan: policy.orphan ?? 'fail',
      ...(policy.strict && { strict: true }),
      ...(policy.idleTimeout !== undefined && { idleTimeout: policy.idleTimeout }),
    } satisfies TaskFacts
    const folded = new FoldedStream(kernel, host.stream, new TaskView(taskId))
    const artifacts = task?.artifacts?.map(({ artifactId }) => artifactId) ?? []
    const at = clock.now()
    const live = this.admit(host, { id: taskId, contextId, scope, agent, folded, artifacts, statusAt: at, ...(execution && { execution }) })
    if (requestId !== undefined) live.contexts.set(requestId, context)
    if (key !== undefined) live.keys.add(key)
    const index = { scope, context: contextId, created: at }
    const draft = { change: { index, ...(key !== undefined && { claim: [{ key }] }) } }
    await this.opened(
      live,
      host.opening(begin => begin(draft, { input })),
    )
    return live
  }

  #assertScope(task: LiveTask, scope: string): LiveTask {
    if (task.scope !== scope) throw notFound(task.id)
    return task
  }

  async #locate(found: Stored, scope: string): Promise<Place> {
    const { kernel } = this.#house
    let stored: Stored | undefined = found
    for (let attempt = 1; ; attempt++) {
      const here = this.#house.live(found.stream)
      if (here && !here.host.released) return this.#here(this.#assertScope(here, scope))
      if (attempt > 1) stored = await kernel.insist(() => kernel.adapter.load(found.stream))
      if (!stored) throw notFound(taskIdOf(found.stream))
      if (!stored.index.live) return this.#over(stored)
      try {
        return this.#here(await this.take(stored))
      } catch (error) {
        if (!isLifechartError(error, 'OWNED', 'VERSION_CONFLICT')) throw error
        // With another version it may be anybody's by now.
        if (error.code === 'OWNED' || attempt === attempts) return this.#elsewhere(stored)
      }
    }
  }

  #here(live: LiveTask): Place {
    const letGo = live.hold()
    return {
      taskId: live.id,
      folded: live.folded,
      live,
      dispatch: async event => {
        await live.host.dispatch(event)
      },
      letGo,
    }
  }

  async #over(stored: Stored): Promise<Place> {
    const view = await loadView(this.#house.kernel, stored)
    const stream = this.#house.kernel.tails.borrow(stored.stream, stored.version, false, taskPresentation) as Stream<unknown>
    const ended = () => Promise.reject(new LifechartError('LIFECYCLE_ENDED', `${stored.stream} has ended.`))
    return { taskId: view.id, folded: new FoldedStream(this.#house.kernel, stream, view), dispatch: ended, letGo: stream.hold() }
  }

  async #elsewhere(stored: Stored): Promise<Place> {
    const { kernel } = this.#house
    const view = await loadView(kernel, stored)
    const stream = kernel.tails.borrow(stored.stream, stored.version, true, taskPresentation) as Stream<unknown>
    const letGo = stream.hold()
    await stream.refresh?.()
    return {
      taskId: view.id,
      folded: new FoldedStream(kernel, stream, view),
      dispatch: event => kernel.commands.send(stream, event),
      letGo,
    }
  }

  /** Makes a stored task this process's. `OWNED`, `VERSION_CONFLICT` when somebody else was faster. To be called in its turn. */
  async take(stored: Stored): Promise<LiveTask> {
    const { kernel, clock } = this.#house
    const { facts } = readTask(stored)
    // Its followers stay with the stream if they have read all of it.
    await kernel.tails.get(stored.stream)?.refresh?.()
    const view = await loadView(kernel, stored)
    const host = kernel.takeOver(stored, this.spec(facts.strict === true), taskPresentation)
    const { scope, changed } = stored.index
    const task = this.admit(host, {
      id: view.id,
      contextId: view.contextId,
      scope,
      agent: this.#agent(facts),
      folded: new FoldedStream(kernel, host.stream, view),
      artifacts: view.artifactIds(),
      statusAt: changed,
    })
    // As they were when the messages came; the first one named no task.
    let named = ''
    for (const messageId of view.messageIds()) {
      const key = messageKey(task.caller, messageId, named)
      if (key !== undefined) task.keys.add(key)
      named = view.id
    }
    await this.opened(task, host.open())
    // At once: parked again, it would have no timer.
    host.alarm.wake(clock.now())
    await kernel.commands.receive(host)
    return task
  }

  admit(host: Host, parts: Omit<ConstructorParameters<typeof LiveTask>[0], 'host' | 'keeper'>): LiveTask {
    const task = new LiveTask({ ...parts, host, keeper: this.#keeper })
    this.#house.enter(task)
    task.agent.onActivated?.(task.id, task)
    const { idleTimeout } = host.journal.facts as TaskFacts
    if (idleTimeout !== undefined) {
      const { clock, logger } = this.#house
      const stop = () =>
        host
          .dispatch({ type: 'limit.exceeded' })
          .catch(error => logger.warn('A task could not be stopped.', { task: task.id, error: String(error) }))
      watchIdle(host, { clock, idleTimeout, waiting: () => task.idle, stop })
    }
    return task
  }

  /** Waits for the first commit; one that is refused leaves nothing behind. */
  async opened(task: LiveTask, opening: Promise<void>): Promise<void> {
    try {
      await opening
    } catch (error) {
      // Its commit goes on being tried: what comes of it decides.
      if (!isLifechartError(error, 'STORE_UNAVAILABLE')) this.#house.leave(task)
      throw error
    }
  }

  spec(strict: boolean): ChartSpec {
    return this.#charts[strict ? 'strict' : 'free']
  }

  #agent({ agent: name, idleTimeout }: TaskFacts): Agent {
    const { agents } = this.#house
    return (
      agents.get(name) ?? {
        name,
        policy: { ...(idleTimeout !== undefined && { idleTimeout }) },
        executor: { execute: () => undefinedAgent(name) },
      }
    )
  }
}

async function undefinedAgent(name: string): Promise<void> {
  throw new LifechartError('AGENT_UNKNOWN', `The agent "${name}" is not defined in this process.`)
}

export function notFound(taskId: string): LifechartError {
  return new LifechartError('TASK_NOT_FOUND', `There is no task ${String(taskId).slice(0, 64)}.`)
}

/** False for what can be the id of no task of ours. */
export function isTaskId(taskId: unknown): taskId is string {
  return typeof taskId === 'string' && taskId.length > 0 && taskId.length <= 128 && /^[\w.-]+$/.test(taskId)
}
