import { taskSetup } from './task-setup.ts'

/** A final status settles the work in the same step; both regions are final then, and with them the task. */
const settled = { target: '#task.work.settled' } as const
const settling = {
  'status.completed': settled,
  'status.failed': settled,
  'status.canceled': settled,
  'status.rejected': settled,
} as const

/** A unit of agent work with the lifecycle of an A2A task: what the world sees of it, and who is doing it. */
export const taskMachine = taskSetup.createMachine({
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
                { guard: 'isInterrupted', target: 'parked' },
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
                  { guard: 'isInterrupted', target: '#task.work.waiting.parked', actions: 'forgetTries' },
                  { guard: 'failsOpenReturn', actions: ['noteReturnedOpen', 'fail'] },
                  { target: '#task.work.waiting.idle', actions: 'forgetTries' },
                ],
                'executor.threw': [
                  { guard: 'retries', target: '#task.work.waiting.backingOff', actions: ['noteThrown', 'giveBackRequest', 'requeue'] },
                  { actions: ['noteFault', 'fail'] },
                ],
                'owner.lost': [
                  { guard: 'isDeadly', actions: ['noteOrphaned', 'fail'] },
                  { guard: 'resumes', actions: ['noteAttempt', 'noteDeath'] },
                  { guard: 'requeues', target: '#task.work.waiting.idle', actions: ['noteDeath', 'giveBackRequest', 'requeue'] },
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
