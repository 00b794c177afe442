import { type AnyMachineSnapshot, fromCallback } from 'xstate'
import { LifechartError } from '../errors.ts'
import { type Envelope, type PersistedSnapshot, parseEnvelope } from '../kernel/envelope.ts'
import type { ChartSpec } from '../kernel/host/chart.ts'
import type { StreamHead } from '../kernel/port.ts'
import type { Draft } from '../kernel/stream/writer.ts'
import { strictTaskMachine, taskMachine } from '../machines/task.ts'
import type { ExecutorMachineEvent, TaskContext, TaskMachineEvent, TaskOrphanPolicy } from '../machines/task-setup.ts'
import { agentFailed } from './execution.ts'
import type { TaskHouse } from './house.ts'
import type { LiveTask } from './live-task.ts'
import { TaskState } from './model.ts'
import { taskStream } from './names.ts'
import { stateName, stateOf } from './states.ts'

/** What the tasks keep in the envelope. */
export interface TaskFacts {
  agent: string
  orphan: TaskOrphanPolicy
  strict?: true
  idleTimeout?: number
}

export interface StoredLifecycle extends Envelope {
  snapshot: PersistedSnapshot & { context: Record<string, unknown> & TaskContext }
  facts: TaskFacts
}

/** Reads the envelope of a stored task. `ENVELOPE_INVALID` when it is damaged, or not that of a task. */
export function readTask({ stream, state }: StreamHead): StoredLifecycle {
  const envelope = parseEnvelope(stream, state)
  const { agent, orphan } = (envelope.facts ?? {}) as Record<string, unknown>
  const { taskId, pending, attempt } = envelope.snapshot.context
  if (
    typeof agent === 'string' &&
    typeof orphan === 'string' &&
    typeof taskId === 'string' &&
    Array.isArray(pending) &&
    typeof attempt === 'number'
  )
    return envelope as StoredLifecycle
  throw new LifechartError('ENVELOPE_INVALID', `The stored state of ${stream} is not that of a task. Its records are whole: read them.`)
}

/** True if an executor held the task. */
export function wasExecuting({ snapshot }: Envelope): boolean {
  const { work } = (snapshot.value ?? {}) as { work?: unknown }
  return snapshot.status === 'active' && typeof work === 'object' && work !== null && 'executing' in work
}

/** The task chart with everything provided: its executor finds the live task by the id in its input. */
export function taskCharts(house: TaskHouse): Record<'free' | 'strict', ChartSpec> {
  const live = (taskId: string): LiveTask => {
    const task = house.live(taskStream(taskId))
    if (!task) throw new LifechartError('TASK_NOT_FOUND', `The task ${taskId} is not held here.`)
    return task
  }
  const executor = fromCallback<ExecutorMachineEvent, { taskId: string; requestId: string; attempt: number }>(
    ({ input, sendBack, receive }) => {
      try {
        const { abort, close } = live(input.taskId).execute(input, sendBack as (event: TaskMachineEvent) => void)
        receive(({ reason }) => abort(reason))
        return close
      } catch (error) {
        house.logger.warn('An execution could not begin.', { task: input.taskId, error: String(error) })
        sendBack({ type: 'executor.threw', error: agentFailed })
        return undefined
      }
    },
  )
  const spec = (machine: typeof taskMachine): ChartSpec => ({
    kind: 'task',
    machine: machine.provide({ actors: { executor } }),
    index: ({ event, before, next }) => {
      const state = next.status === 'error' ? TaskState.TASK_STATE_FAILED : stateOf(next.value)
      const moved = !before || event.type.startsWith('status.') || stateOf(before.value) !== state
      return { state: stateName(state), ...(!moved && { changed: live((next.context as TaskContext).taskId).statusAt }) }
    },
    draft: ({ event, next, id }) => draft(house, event as { type: string; key?: string }, next, id),
    takeover: (snapshot, { session }, facts) => {
      const { work } = snapshot.value as { work: unknown }
      const executing = typeof work === 'object' && work !== null && 'executing' in work
      if (!executing) return undefined
      // What was handed over has no owner; what a process died of still has.
      return { type: 'owner.lost', policy: (facts as TaskFacts).orphan, ...(session !== undefined && { died: true }) }
    },
    overdue: (id, error) => {
      house.live(id)?.cutOff()
      return { type: 'store.failed', error: { code: 'STORE_UNAVAILABLE', message: error.message } } satisfies TaskMachineEvent
    },
  })
  return { free: spec(taskMachine), strict: spec(strictTaskMachine) }
}

/** What else belongs to a step's commit. `KEY_TAKEN` for a message that is there already, `TASK_CAPACITY` for one too many. */
function draft(house: TaskHouse, { type, key }: { type: string; key?: string }, next: AnyMachineSnapshot, id: string): Draft {
  const { requestsPerTask } = house.limits
  if (type === 'request.arrived' && (next.context as TaskContext).pending.length > requestsPerTask) {
    throw new LifechartError('TASK_CAPACITY', `limits.requestsPerTask (${requestsPerTask}) messages wait for this task.`, {
      retryable: true,
    })
  }
  if (type === 'request.arrived' && key !== undefined) {
    const task = house.live(id)
    if (task?.keys.has(key)) throw new LifechartError('KEY_TAKEN', 'This message has arrived before.', { details: { holder: id } })
    return { change: { claim: [{ key }] } }
  }
  if (next.status === 'active') return {}
  house.live(id)?.ending()
  const { retention, clock } = house
  if (!house.kernel.durable || retention === Number.POSITIVE_INFINITY) return {}
  // Given back: what has a deadline and no owner is found by it, in whatever process.
  return { change: { own: 'release', index: { due: clock.now() + retention } } }
}
