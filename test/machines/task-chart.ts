import { type ExecutorMachineEvent, strictTaskMachine, type TaskInput, type TaskMachineEvent, taskMachine } from 'lifechart/machines'
import { type AnyStateNode, fromCallback, initialTransition, type StateValue, transition } from 'xstate'

const actors = { executor: fromCallback<ExecutorMachineEvent, { taskId: string; requestId: string; attempt: number }>(() => {}) }

/** Both charts, with an executor that does nothing. */
export const charts = { default: taskMachine.provide({ actors }), strict: strictTaskMachine.provide({ actors }) }
export type ChartName = keyof typeof charts
export type TaskSnapshot = ReturnType<typeof initialTransition<typeof charts.default>>[0]

export const input: TaskInput = { taskId: 'task-1', cancelGrace: 5_000, returnOpen: 'fail', pending: ['r-1'] }

export const faults = {
  thrown: { code: 'EXECUTOR_FAILED', message: 'The executor failed.' },
  store: { code: 'STORE_UNAVAILABLE', message: 'The store does not answer.' },
  timedOut: { code: 'TASK_TIMEOUT', message: 'The task took too long.' },
  returnedOpen: { code: 'EXECUTOR_RETURNED', message: 'The agent ended without a result.' },
  orphaned: { code: 'TASK_ORPHANED', message: 'The process that worked on this task is gone.' },
  unanswered: { code: 'TASK_UNANSWERED', message: 'The task waited too long for an answer.' },
}

export const statusEvents = {
  'status.submitted': { type: 'status.submitted' },
  'status.working': { type: 'status.working' },
  'status.inputRequired': { type: 'status.inputRequired' },
  'status.authRequired': { type: 'status.authRequired' },
  'status.completed': { type: 'status.completed' },
  'status.failed': { type: 'status.failed' },
  'status.canceled': { type: 'status.canceled' },
  'status.rejected': { type: 'status.rejected' },
} satisfies Record<string, TaskMachineEvent>

/** Everything that can reach the chart: what it declares, and what its timers raise. */
export const events = {
  ...statusEvents,
  'request.arrived': { type: 'request.arrived', requestId: 'r-2' },
  'request.requeued': { type: 'request.requeued' },
  'turn.granted': { type: 'turn.granted' },
  'cancel.requested': { type: 'cancel.requested' },
  'limit.exceeded': { type: 'limit.exceeded' },
  'executor.returned': { type: 'executor.returned' },
  'executor.threw': { type: 'executor.threw', error: faults.thrown },
  'store.failed': { type: 'store.failed', error: faults.store },
  'owner.lost: fail': { type: 'owner.lost', policy: 'fail' },
  'owner.lost: resume': { type: 'owner.lost', policy: 'resume' },
  'owner.lost: requeue': { type: 'owner.lost', policy: 'requeue' },
  'startDelay passed': elapsed('startDelay', 'waiting.scheduled'),
  'backoff passed': elapsed('backoff', 'waiting.backingOff'),
  'interruptedTimeout passed': elapsed('interruptedTimeout', 'waiting.parked'),
  'wallTimeout passed': elapsed('wallTimeout', 'executing.running'),
  'grace of the cancellation passed': elapsed('cancelGrace', 'executing.cancelling'),
  'grace of the expiry passed': elapsed('cancelGrace', 'executing.expiring'),
} satisfies Record<string, TaskMachineEvent>
export type EventName = keyof typeof events

/** XState types the events that it raises itself as no events of the machine's. */
function elapsed(delay: string, state: string): TaskMachineEvent {
  const event: { type: string } = { type: `xstate.after.${delay}.task.work.${state}` }
  return event as TaskMachineEvent
}

export function statesBelow(node: AnyStateNode): AnyStateNode[] {
  return [node, ...Object.values(node.states).flatMap(statesBelow)]
}

export function leavesOf(region: 'status' | 'work'): AnyStateNode[] {
  const root: AnyStateNode = charts.default.root
  return statesBelow(root).filter(({ path, type }) => path[0] === region && (type === 'atomic' || type === 'final'))
}

/** The leaf that a region is in, as 'executing.running'. */
export function leafIn({ value }: { value: StateValue }, region: 'status' | 'work'): string {
  const names: string[] = []
  let rest = typeof value === 'string' ? undefined : value[region]
  while (typeof rest === 'object') {
    const [[name, below] = ['']] = Object.entries(rest)
    names.push(name)
    rest = below
  }
  return [...names, rest].join('.')
}

/** Where these events lead, one after the other. */
export function after(chart: ChartName, given: TaskInput, ...names: EventName[]): TaskSnapshot {
  const first: TaskSnapshot = initialTransition(charts[chart], given)[0]
  return names.reduce((snapshot, name) => transition(charts[chart], snapshot, events[name])[0], first)
}
