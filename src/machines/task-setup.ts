import { assign, fromCallback, raise, sendTo, setup, stateIn } from 'xstate'

/** What becomes of an execution whose owner is gone: the task fails, the execution is repeated at once, or it waits for its turn again. */
export type TaskOrphanPolicy = 'fail' | 'resume' | 'requeue'

/** Why a task failed without its executor saying so: a code, and a text that is safe to show. */
export interface TaskFault {
  code: string
  message: string
}

export interface TaskInput {
  taskId: string
  /** Milliseconds that a cancelled or timed out executor has for its clean-up; 5,000 by default. */
  cancelGrace?: number
  /** What it means that an executor returns while the task is submitted or working; `fail` by default. */
  returnOpen?: 'fail' | 'leave'
  /** Requests that are there from the start. */
  pending?: readonly string[]
  /** Milliseconds from now until the first execution may begin; at once by default. */
  startDelay?: number
  /** An execution waits until it is given a turn. */
  takesTurns?: true
  /** Milliseconds of one execution, at most; none by default. */
  wallTimeout?: number
  /** Milliseconds that an interrupted task waits for its user, at most; none by default. */
  interruptedTimeout?: number
  /** How often an executor that throws is tried again, and after how many milliseconds; each time after twice as many. */
  retry?: { max: number; backoff: number }
}

export interface TaskContext extends TaskInput {
  /** Requests that were accepted and are not executed yet, in order. */
  pending: readonly string[]
  /** The request that is executed, or was last. */
  current?: string
  /** Executions begun so far. */
  attempt: number
  /** Executions of the current request that threw. */
  thrown: number
  /** Processes that died while they executed the current request. */
  deaths?: number
  fault?: TaskFault
  /** The executor did not end within the grace; what it publishes later is refused. */
  forced?: true
}

export type TaskStatusEvent =
  | 'status.submitted'
  | 'status.working'
  | 'status.inputRequired'
  | 'status.authRequired'
  | 'status.completed'
  | 'status.failed'
  | 'status.canceled'
  | 'status.rejected'

export type TaskMachineEvent =
  | { type: TaskStatusEvent }
  | { type: 'request.arrived'; requestId: string }
  | { type: 'request.requeued' }
  | { type: 'turn.granted' }
  | { type: 'cancel.requested' }
  | { type: 'limit.exceeded'; fault?: TaskFault }
  | { type: 'executor.returned' }
  | { type: 'executor.threw'; error: TaskFault }
  | { type: 'store.failed'; error: TaskFault }
  | { type: 'owner.lost'; policy: TaskOrphanPolicy; died?: true }

export type ExecutorMachineEvent = { type: 'executor.abort'; reason: 'cancel' | 'timeout' }

/** A request that so many processes died of is not executed again. */
const mostDeaths = 5

const timedOut: TaskFault = { code: 'TASK_TIMEOUT', message: 'The task took too long.' }
const returnedOpen: TaskFault = { code: 'EXECUTOR_RETURNED', message: 'The agent ended without a result.' }
const orphaned: TaskFault = { code: 'TASK_ORPHANED', message: 'The process that worked on this task is gone.' }
const unanswered: TaskFault = { code: 'TASK_UNANSWERED', message: 'The task waited too long for an answer.' }

/** What the task chart is made of; the chart itself says when. */
export const taskSetup = setup({
  types: {
    context: {} as TaskContext,
    events: {} as TaskMachineEvent,
    input: {} as TaskInput,
    tags: {} as 'terminal' | 'interrupted',
    meta: {} as { a2a: string },
  },
  actors: {
    executor: fromCallback<ExecutorMachineEvent, { taskId: string; requestId: string; attempt: number }>(() => {
      throw new Error('The runtime provides "executor".')
    }),
  },
  delays: {
    cancelGrace: ({ context }) => context.cancelGrace ?? 5_000,
    startDelay: ({ context }) => context.startDelay ?? 0,
    backoff: ({ context }) => (context.retry?.backoff ?? 0) * 2 ** (context.thrown - 1),
    wallTimeout: ({ context }) => context.wallTimeout ?? Number.POSITIVE_INFINITY,
    interruptedTimeout: ({ context }) => context.interruptedTimeout ?? Number.POSITIVE_INFINITY,
  },
  guards: {
    movesFreely: () => true,
    isInterrupted: stateIn({ status: { open: 'interrupted' } }),
    isDelayed: ({ context }) => context.pending.length > 0 && context.attempt === 0 && context.startDelay !== undefined,
    awaitsTurn: ({ context }) => context.pending.length > 0 && context.takesTurns === true,
    hasPending: ({ context }) => context.pending.length > 0,
    takesTurns: ({ context }) => context.takesTurns === true,
    retries: ({ context }) => context.thrown < (context.retry?.max ?? 0),
    failsOpenReturn: ({ context }) => context.returnOpen !== 'leave',
    isDeadly: ({ context, event }) => event.type === 'owner.lost' && event.died === true && (context.deaths ?? 0) + 1 >= mostDeaths,
    resumes: ({ event }) => event.type === 'owner.lost' && event.policy === 'resume',
    requeues: ({ event }) => event.type === 'owner.lost' && event.policy === 'requeue',
  },
  actions: {
    enqueueRequest: assign(({ context, event }) =>
      event.type === 'request.arrived' ? { pending: [...context.pending, event.requestId] } : {},
    ),
    takeRequest: assign(({ context: { pending, current, attempt } }) => ({
      current: pending[0] ?? current,
      pending: pending.slice(1),
      attempt: attempt + 1,
    })),
    giveBackRequest: assign(({ context: { pending, current } }) => (current === undefined ? {} : { pending: [current, ...pending] })),
    noteAttempt: assign({ attempt: ({ context }) => context.attempt + 1 }),
    noteDeath: assign(({ context, event }) => (event.type === 'owner.lost' && event.died ? { deaths: (context.deaths ?? 0) + 1 } : {})),
    noteThrown: assign({ thrown: ({ context }) => context.thrown + 1 }),
    forgetTries: assign(({ context }) => ({ ...(context.thrown > 0 && { thrown: 0 }), ...(context.deaths && { deaths: 0 }) })),
    noteFault: assign(({ event }) => (event.type === 'executor.threw' || event.type === 'store.failed' ? { fault: event.error } : {})),
    noteTimeout: assign(({ event }) => ({ fault: (event.type === 'limit.exceeded' ? event.fault : undefined) ?? timedOut })),
    noteReturnedOpen: assign({ fault: returnedOpen }),
    noteOrphaned: assign({ fault: orphaned }),
    noteUnanswered: assign({ fault: unanswered }),
    noteForced: assign({ forced: true }),
    cancelExecutor: sendTo('executor', { type: 'executor.abort', reason: 'cancel' }),
    stopExecutor: sendTo('executor', { type: 'executor.abort', reason: 'timeout' }),
    requeue: raise({ type: 'request.requeued' }),
    fail: raise({ type: 'status.failed' }),
    cancel: raise({ type: 'status.canceled' }),
  },
})
