import type { TaskStatusEvent } from '../machines/task-setup.ts'
import { TaskState } from './model.ts'

/** The event of the chart that moves a task to the state, by the number of the state in A2A. */
const events: Readonly<Record<number, TaskStatusEvent>> = {
  [TaskState.TASK_STATE_SUBMITTED]: 'status.submitted',
  [TaskState.TASK_STATE_WORKING]: 'status.working',
  [TaskState.TASK_STATE_COMPLETED]: 'status.completed',
  [TaskState.TASK_STATE_FAILED]: 'status.failed',
  [TaskState.TASK_STATE_CANCELED]: 'status.canceled',
  [TaskState.TASK_STATE_INPUT_REQUIRED]: 'status.inputRequired',
  [TaskState.TASK_STATE_REJECTED]: 'status.rejected',
  [TaskState.TASK_STATE_AUTH_REQUIRED]: 'status.authRequired',
}

const numbers: Readonly<Record<string, number>> = {
  submitted: TaskState.TASK_STATE_SUBMITTED,
  working: TaskState.TASK_STATE_WORKING,
  completed: TaskState.TASK_STATE_COMPLETED,
  failed: TaskState.TASK_STATE_FAILED,
  canceled: TaskState.TASK_STATE_CANCELED,
  rejected: TaskState.TASK_STATE_REJECTED,
  inputRequired: TaskState.TASK_STATE_INPUT_REQUIRED,
  authRequired: TaskState.TASK_STATE_AUTH_REQUIRED,
}

/** Undefined for what is no state of a task. */
export function eventOfState(state: number): TaskStatusEvent | undefined {
  return Object.hasOwn(events, state) ? events[state] : undefined
}

/** The A2A state of a state value of the task chart; failed for the value of a chart that was ended by a fault. */
export function stateOf(value: unknown): number {
  let at = (value as { status?: unknown } | undefined)?.status
  while (typeof at === 'object' && at !== null) at = Object.values(at)[0]
  return numbers[at as string] ?? TaskState.TASK_STATE_FAILED
}

export function isTerminal(state: number): boolean {
  return (
    state === TaskState.TASK_STATE_COMPLETED ||
    state === TaskState.TASK_STATE_FAILED ||
    state === TaskState.TASK_STATE_CANCELED ||
    state === TaskState.TASK_STATE_REJECTED
  )
}

export function isInterrupted(state: number): boolean {
  return state === TaskState.TASK_STATE_INPUT_REQUIRED || state === TaskState.TASK_STATE_AUTH_REQUIRED
}

/** The name of the state that a task is found by: `working`, `inputRequired` ... */
export function stateName(state: number): string {
  for (const name in numbers) if (numbers[name] === state) return name
  return ''
}
