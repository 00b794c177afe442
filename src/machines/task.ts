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
  /** Milliseconds that a cancelled or timed out executor has for its clean-up. */
  cancelGrace: number
  /** What it means that an executor returns while the task is submitted or working. */
  returnOpen: 'fail' | 'leave'
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
  | { type: 'owner.lost'; policy: TaskOrphanPolicy }

export type ExecutorMachineEvent = { type: 'executor.abort'; reason: 'cancel' | 'timeout' }

const timedOut: TaskFault = { code: 'TASK_TIMEOUT', message: 'The task took too long.' }
const returnedOpen: TaskFault = { code: 'EXECUTOR_RETURNED', message: 'The agent ended without a result.' }
const orphaned: TaskFault = { code: 'TASK_ORPHANED', message: 'The process that worked on this task is gone.' }
const unanswered: TaskFault = { code: 'TASK_UNANSWERED', message: 'The task waited too long for an answer.' }

/** A final status settles the work in the same step; both regions are final then, and with them the task. */
const settled = { target: '#task.work.settled' } as const
const settling = {
  'status.completed': settled,
  'status.failed': settled,
  'status.canceled': settled,
  'status.rejected': settled,
} as const

/** A unit of agent work with the lifecycle of an A2A task: what the world sees of it, and who is doing it. */
export const taskMachine = setup({
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
    cancelGrace: ({ context }) => context.cancelGrace,
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
    failsOpenReturn: ({ context }) => context.returnOpen === 'fail',
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
    noteThrown: assign({ thrown: ({ context }) => context.thrown + 1 }),
    forgetThrown: assign(({ context }) => (context.thrown === 0 ? {} : { thrown: 0 })),
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
}).createMachine({
  id: 'task',
  type: 'parallel',
  description: 'A unit of agent work: what the world sees of it, and who is doing it.',
  context: ({ input }) => ({ ...input, pending: input.pending ?? [], attempt: 0, thrown: 0 }),
  states: {
    status: {
      description: 'What the world sees.',
      initial: 'open',
      states: {
        open: {
          description: 'Not decided yet.',
          initial: 'submitted',
          on: {
            'status.submitted': { guard: 'movesFreely', target: '.submitted' },
            'status.working': { guard: 'movesFreely', target: '.working' },
            'status.inputRequired': { guard: 'movesFreely', target: '.interrupted.inputRequired' },
            'status.authRequired': { guard: 'movesFreely', target: '.interrupted.authRequired' },
            'status.completed': { target: 'completed' },
            'status.failed': { target: 'failed' },
            'status.canceled': { target: 'canceled' },
            'status.rejected': { target: 'rejected' },
            'request.requeued': { target: '.submitted' },
          },
          states: {
            submitted: {
              description: 'Accepted; no executor has begun to work on it.',
              meta: { a2a: 'TASK_STATE_SUBMITTED' },
              on: { 'status.working': { target: 'working' } },
            },
            working: {
              description: 'An executor is at work.',
              meta: { a2a: 'TASK_STATE_WORKING' },
              on: {
                'status.inputRequired': { target: 'interrupted.inputRequired' },
                'status.authRequired': { target: 'interrupted.authRequired' },
              },
            },
            interrupted: {
              description: 'Somebody has to do something first.',
              tags: 'interrupted',
              initial: 'inputRequired',
              on: {
                'status.working': { target: 'working' },
                'status.inputRequired': { target: '.inputRequired' },
                'status.authRequired': { target: '.authRequired' },
              },
              states: {
                inputRequired: { description: 'The user has to answer.', meta: { a2a: 'TASK_STATE_INPUT_REQUIRED' } },
                authRequired: { description: 'The user has to authorise something.', meta: { a2a: 'TASK_STATE_AUTH_REQUIRED' } },
              },
            },
          },
        },
        completed: { type: 'final', tags: 'terminal', description: 'The result is final.', meta: { a2a: 'TASK_STATE_COMPLETED' } },
        failed: { type: 'final', tags: 'terminal', description: 'It could not be done.', meta: { a2a: 'TASK_STATE_FAILED' } },
        canceled: { type: 'final', tags: 'terminal', description: 'It was called off.', meta: { a2a: 'TASK_STATE_CANCELED' } },
        rejected: { type: 'final', tags: 'terminal', description: 'The agent refused it.', meta: { a2a: 'TASK_STATE_REJECTED' } },
      },
    },
    work: {
      description: 'Who is doing it.',
      initial: 'waiting',
      states: {
        waiting: {
          description: 'No executor holds the task.',
          initial: 'idle',
          on: {
            ...settling,
            'request.arrived': { actions: 'enqueueRequest' },
            'cancel.requested': { actions: 'cancel' },
            'owner.lost': {},
          },
          states: {
            idle: {
              description: 'The next request is waited for.',
              always: [
                { guard: 'isDelayed', target: 'scheduled' },
                { guard: 'awaitsTurn', target: 'queued' },
                { guard: 'hasPending', target: '#task.work.executing' },
              ],
            },
            parked: {
              description: 'The answer of the user is waited for.',
              always: [
                { guard: 'awaitsTurn', target: 'queued' },
                { guard: 'hasPending', target: '#task.work.executing' },
              ],
              after: { interruptedTimeout: { actions: ['noteUnanswered', 'fail'] } },
            },
            scheduled: {
              description: 'Its time has not come.',
              after: { startDelay: [{ guard: 'takesTurns', target: 'queued' }, { target: '#task.work.executing' }] },
            },
            backingOff: {
              description: 'Its executor threw, and is tried again after a while.',
              after: { backoff: [{ guard: 'takesTurns', target: 'queued' }, { target: '#task.work.executing' }] },
            },
            queued: {
              description: 'As many as may be are executed already.',
              on: { 'turn.granted': { target: '#task.work.executing' } },
            },
          },
        },
        executing: {
          description: 'One executor holds the task.',
          entry: 'takeRequest',
          invoke: {
            id: 'executor',
            src: 'executor',
            input: ({ context }) => ({ taskId: context.taskId, requestId: context.current ?? '', attempt: context.attempt }),
          },
          initial: 'running',
          on: {
            ...settling,
            'request.arrived': { actions: 'enqueueRequest' },
            'store.failed': { actions: ['noteFault', 'fail'] },
          },
          states: {
            running: {
              description: 'The executor is at work.',
              on: {
                'cancel.requested': { target: 'cancelling' },
                'limit.exceeded': { target: 'expiring' },
                'executor.returned': [
                  { guard: 'isInterrupted', target: '#task.work.waiting.parked', actions: 'forgetThrown' },
                  { guard: 'failsOpenReturn', actions: ['noteReturnedOpen', 'fail'] },
                  { target: '#task.work.waiting.idle', actions: 'forgetThrown' },
                ],
                'executor.threw': [
                  { guard: 'retries', target: '#task.work.waiting.backingOff', actions: ['noteThrown', 'giveBackRequest', 'requeue'] },
                  { actions: ['noteFault', 'fail'] },
                ],
                'owner.lost': [
                  { guard: 'resumes', actions: 'noteAttempt' },
                  { guard: 'requeues', target: '#task.work.waiting.idle', actions: ['giveBackRequest', 'requeue'] },
                  { actions: ['noteOrphaned', 'fail'] },
                ],
              },
              after: { wallTimeout: { target: 'expiring' } },
            },
            cancelling: {
              description: 'The executor was told to stop; its clean-up has the grace.',
              entry: 'cancelExecutor',
              on: {
                'executor.returned': { actions: 'cancel' },
                'executor.threw': { actions: 'cancel' },
                'owner.lost': { actions: 'cancel' },
              },
              after: { cancelGrace: { actions: ['noteForced', 'cancel'] } },
            },
            expiring: {
              description: 'It took too long; the clean-up has the grace.',
              entry: ['noteTimeout', 'stopExecutor'],
              on: {
                'cancel.requested': { target: 'cancelling' },
                'executor.returned': { actions: 'fail' },
                'executor.threw': { actions: 'fail' },
                'owner.lost': { actions: 'fail' },
              },
              after: { cancelGrace: { actions: ['noteForced', 'fail'] } },
            },
          },
        },
        settled: { type: 'final', description: 'Nothing more will be executed.' },
      },
    },
  },
})

/** The same, but a task that is submitted only begins, and only one that works is interrupted. */
export const strictTaskMachine = taskMachine.provide({ guards: { movesFreely: () => false } })
