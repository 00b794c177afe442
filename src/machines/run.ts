import { assign, fromCallback, fromPromise, sendTo, setup } from 'xstate'

/** Why a run was stopped. */
export type StopReason = 'user' | 'replaced' | 'idle_timeout' | 'wall_timeout' | 'shutdown' | 'orphaned' | 'audience_left'

/** What becomes of a run whose owner is gone. */
export type OrphanPolicy = 'stop' | 'error' | 'resume'

/** What subscribers are told of a failure: a code and a text that is safe to show. */
export interface RunFailure {
  code: string
  message: string
}

export interface RunInput {
  runId: string
  /** Runs of the same id that have not ended yet. */
  predecessors: readonly string[]
  /** Milliseconds a stopped producer has for its clean-up. */
  stopGrace: number
  /** Milliseconds of execution, at most; none by default. */
  wallTimeout?: number
}

export interface RunContext extends RunInput {
  /** 1 for the first execution, one more for each owner that took it over. */
  attempt: number
  reason?: StopReason
  /** The run that replaced this one. */
  by?: string
  forced?: true
  error?: RunFailure
}

export type RunMachineEvent =
  | { type: 'run.stop'; reason: StopReason; by?: string }
  | { type: 'owner.lost'; policy: OrphanPolicy }
  | { type: 'store.failed'; error: RunFailure }
  | { type: 'producer.returned'; result?: unknown }
  | { type: 'producer.threw'; error: RunFailure }

function provided(name: string): never {
  throw new Error(`The runtime provides "${name}".`)
}

/** One execution of a producer, detached from whoever listens. */
export const runMachine = setup({
  types: {
    context: {} as RunContext,
    events: {} as RunMachineEvent,
    input: {} as RunInput,
    tags: {} as 'live' | 'terminal',
    meta: {} as { status: 'waiting' | 'running' | 'stopping' | 'done' | 'error' | 'stopped' },
  },
  actors: {
    predecessors: fromPromise<void, { runId: string }>(async () => provided('predecessors')),
    producer: fromCallback<{ type: 'producer.abort' }, { runId: string }>(() => provided('producer')),
  },
  delays: {
    stopGrace: ({ context }) => context.stopGrace,
    wallTimeout: ({ context }) => context.wallTimeout ?? Number.POSITIVE_INFINITY,
  },
  guards: {
    hasPredecessors: ({ context }) => context.predecessors.length > 0,
    resumes: ({ event }) => event.type === 'owner.lost' && event.policy === 'resume',
    failsOrphaned: ({ event }) => event.type === 'owner.lost' && event.policy === 'error',
  },
  actions: {
    noteStop: assign(({ event }) => (event.type === 'run.stop' ? { reason: event.reason, by: event.by } : {})),
    noteWallTimeout: assign({ reason: 'wall_timeout' }),
    noteOrphaned: assign({ reason: ({ context }) => context.reason ?? 'orphaned' }),
    noteOrphanError: assign({ error: { code: 'RUN_ORPHANED', message: 'The process that executed this run is gone.' } }),
    noteForced: assign({ forced: true }),
    noteAttempt: assign({ attempt: ({ context }) => context.attempt + 1 }),
    noteError: assign(({ event }) => (event.type === 'producer.threw' || event.type === 'store.failed' ? { error: event.error } : {})),
    abortProducer: sendTo('producer', { type: 'producer.abort' }),
  },
}).createMachine({
  id: 'run',
  description: 'One execution of a producer, detached from whoever listens.',
  context: ({ input }) => ({ ...input, attempt: 1 }),
  initial: 'registered',
  states: {
    registered: {
      description: 'Decides at once whether it has to wait.',
      tags: 'live',
      meta: { status: 'waiting' },
      always: [{ guard: 'hasPredecessors', target: 'waiting' }, { target: 'executing' }],
    },
    waiting: {
      description: 'Earlier runs of the same id are still cleaning up.',
      tags: 'live',
      meta: { status: 'waiting' },
      invoke: {
        id: 'predecessors',
        src: 'predecessors',
        input: ({ context }) => ({ runId: context.runId }),
        onDone: { target: 'executing' },
        onError: { target: 'executing' },
      },
      on: {
        'run.stop': { target: 'stopped', actions: 'noteStop' },
        'store.failed': { target: 'error', actions: 'noteError' },
        'owner.lost': [
          { guard: 'resumes', actions: 'noteAttempt' },
          { guard: 'failsOrphaned', target: 'error', actions: 'noteOrphanError' },
          { target: 'stopped', actions: 'noteOrphaned' },
        ],
      },
    },
    executing: {
      description: 'The producer belongs to this run until its clean-up is over.',
      tags: 'live',
      invoke: { id: 'producer', src: 'producer', input: ({ context }) => ({ runId: context.runId }) },
      on: { 'store.failed': { target: 'error', actions: 'noteError' } },
      initial: 'running',
      states: {
        running: {
          description: 'The producer is at work.',
          meta: { status: 'running' },
          on: {
            'run.stop': { target: 'stopping', actions: 'noteStop' },
            'producer.returned': { target: '#run.done' },
            'producer.threw': { target: '#run.error', actions: 'noteError' },
            'owner.lost': [
              { guard: 'resumes', actions: 'noteAttempt' },
              { guard: 'failsOrphaned', target: '#run.error', actions: 'noteOrphanError' },
              { target: '#run.stopped', actions: 'noteOrphaned' },
            ],
          },
          after: { wallTimeout: { target: 'stopping', actions: 'noteWallTimeout' } },
        },
        stopping: {
          description: 'The producer was told to stop; its clean-up has the grace.',
          meta: { status: 'stopping' },
          entry: 'abortProducer',
          on: {
            'producer.returned': { target: '#run.stopped' },
            'producer.threw': { target: '#run.stopped' },
            'owner.lost': { target: '#run.stopped', actions: 'noteOrphaned' },
          },
          after: { stopGrace: { target: '#run.stopped', actions: 'noteForced' } },
        },
      },
    },
    done: { type: 'final', description: 'The producer returned.', tags: 'terminal', meta: { status: 'done' } },
    error: { type: 'final', description: 'The producer threw, or the store failed.', tags: 'terminal', meta: { status: 'error' } },
    stopped: {
      type: 'final',
      description: 'Ended by a stop, a limit or a lost owner.',
      tags: 'terminal',
      meta: { status: 'stopped' },
    },
  },
})
