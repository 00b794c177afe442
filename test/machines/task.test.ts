import { TaskState } from '@a2a-js/sdk'
import { type TaskContext, taskMachine } from 'lifechart/machines'
import { describe, expect, it } from 'vitest'
import { transition } from 'xstate'
import {
  after,
  type ChartName,
  charts,
  type EventName,
  events,
  faults,
  input,
  leafIn,
  leavesOf,
  statesBelow,
  statusEvents,
} from './task-chart.ts'

type Outcome = { status?: string; work?: string } & Partial<TaskContext>
type Accepted = Partial<Record<EventName, Outcome>>

const both = ['default', 'strict'] as const
const names = Object.keys(events) as EventName[]
const finals: Accepted = {
  'status.completed': { status: 'completed', work: 'settled' },
  'status.failed': { status: 'failed', work: 'settled' },
  'status.canceled': { status: 'canceled', work: 'settled' },
  'status.rejected': { status: 'rejected', work: 'settled' },
}
const interruptions: Accepted = {
  'status.inputRequired': { status: 'open.interrupted.inputRequired' },
  'status.authRequired': { status: 'open.interrupted.authRequired' },
}
const requeued: Accepted = { 'request.requeued': { status: 'open.submitted' } }
const anywhere: Accepted = {
  ...finals,
  ...interruptions,
  ...requeued,
  'status.submitted': { status: 'open.submitted' },
  'status.working': { status: 'open.working' },
}
const calledOff: Outcome = { status: 'canceled', work: 'settled' }
const failed: Outcome = { status: 'failed', work: 'settled' }

/** How a task that is working comes to each state of its work. */
const working = {
  'waiting.idle': after('default', { ...input, returnOpen: 'leave' }, 'status.working', 'executor.returned'),
  'waiting.parked': after('default', input, 'status.inputRequired', 'executor.returned', 'status.working'),
  'waiting.scheduled': after('default', { ...input, startDelay: 1_000 }, 'status.working'),
  'waiting.backingOff': after('default', { ...input, retry: { max: 1, backoff: 100 } }, 'executor.threw', 'status.working'),
  'waiting.queued': after('default', { ...input, takesTurns: true }, 'status.working'),
  'executing.running': after('default', input, 'status.working'),
  'executing.cancelling': after('default', input, 'status.working', 'cancel.requested'),
  'executing.expiring': after('default', input, 'status.working', 'limit.exceeded'),
  settled: after('default', input, 'status.working', 'status.completed'),
}
type Work = keyof typeof working

/** What each state of the work accepts, where that leads and what is noted. What is not here is refused. */
const acceptedByWork: Record<Work, Accepted> = {
  'waiting.idle': {
    ...anywhere,
    'status.inputRequired': { status: 'open.interrupted.inputRequired', work: 'waiting.parked' },
    'status.authRequired': { status: 'open.interrupted.authRequired', work: 'waiting.parked' },
    'request.arrived': { work: 'executing.running', current: 'r-2', attempt: 2 },
    'cancel.requested': calledOff,
  },
  'waiting.parked': {
    ...anywhere,
    'request.arrived': { work: 'executing.running', current: 'r-2', attempt: 2 },
    'cancel.requested': calledOff,
    'interruptedTimeout passed': { ...failed, fault: faults.unanswered },
  },
  'waiting.scheduled': {
    ...anywhere,
    'request.arrived': { pending: ['r-1', 'r-2'] },
    'cancel.requested': calledOff,
    'startDelay passed': { work: 'executing.running', current: 'r-1', pending: [], attempt: 1 },
  },
  'waiting.backingOff': {
    ...anywhere,
    'request.arrived': { pending: ['r-1', 'r-2'] },
    'cancel.requested': calledOff,
    'backoff passed': { work: 'executing.running', current: 'r-1', pending: [], attempt: 2 },
  },
  'waiting.queued': {
    ...anywhere,
    'request.arrived': { pending: ['r-1', 'r-2'] },
    'cancel.requested': calledOff,
    'turn.granted': { work: 'executing.running', current: 'r-1', pending: [], attempt: 1 },
  },
  'executing.running': {
    ...anywhere,
    'request.arrived': { pending: ['r-2'] },
    'cancel.requested': { work: 'executing.cancelling' },
    'limit.exceeded': { work: 'executing.expiring', fault: faults.timedOut },
    'wallTimeout passed': { work: 'executing.expiring', fault: faults.timedOut },
    'executor.returned': { ...failed, fault: faults.returnedOpen },
    'executor.threw': { ...failed, fault: faults.thrown },
    'store.failed': { ...failed, fault: faults.store },
    'owner.lost: fail': { ...failed, fault: faults.orphaned },
    'owner.lost: resume': { attempt: 2 },
    'owner.lost: requeue': { status: 'open.submitted', attempt: 2 },
  },
  // Whatever the executor does once it was told to stop, short of a result, the task is canceled.
  'executing.cancelling': {
    ...anywhere,
    'request.arrived': { pending: ['r-2'] },
    'executor.returned': calledOff,
    'executor.threw': calledOff,
    'store.failed': { ...failed, fault: faults.store },
    'owner.lost: fail': calledOff,
    'owner.lost: resume': calledOff,
    'owner.lost: requeue': calledOff,
    'grace of the cancellation passed': { ...calledOff, forced: true },
  },
  'executing.expiring': {
    ...anywhere,
    'request.arrived': { pending: ['r-2'] },
    'cancel.requested': { work: 'executing.cancelling' },
    'executor.returned': failed,
    'executor.threw': failed,
    'store.failed': { ...failed, fault: faults.store },
    'owner.lost: fail': failed,
    'owner.lost: resume': failed,
    'owner.lost: requeue': failed,
    'grace of the expiry passed': { ...failed, forced: true },
  },
  settled: {},
}

/** How a task that is executed comes to each status, in both charts. */
const towards: Record<string, EventName[]> = {
  'open.submitted': [],
  'open.working': ['status.working'],
  'open.interrupted.inputRequired': ['status.working', 'status.inputRequired'],
  'open.interrupted.authRequired': ['status.working', 'status.authRequired'],
  completed: ['status.completed'],
  failed: ['status.failed'],
  canceled: ['status.canceled'],
  rejected: ['status.rejected'],
}

/** Where each status may go. What is not here is refused. */
const acceptedByStatus: Record<ChartName, Record<string, Accepted>> = {
  default: {
    'open.submitted': anywhere,
    'open.working': anywhere,
    'open.interrupted.inputRequired': anywhere,
    'open.interrupted.authRequired': anywhere,
  },
  strict: {
    'open.submitted': { ...finals, ...requeued, 'status.working': { status: 'open.working' } },
    'open.working': { ...finals, ...requeued, ...interruptions },
    'open.interrupted.inputRequired': { ...finals, ...requeued, ...interruptions, 'status.working': { status: 'open.working' } },
    'open.interrupted.authRequired': { ...finals, ...requeued, ...interruptions, 'status.working': { status: 'open.working' } },
  },
}

describe('the task chart', () => {
  it('describes every state', () => {
    expect(statesBelow(taskMachine.root).filter(({ description }) => !description)).toEqual([])
  })

  it('says of every status which of the states of A2A it is, and whether it is final or interrupted', () => {
    expect(Object.fromEntries(leavesOf('status').map(leaf => [leaf.path.slice(1).join('.'), leaf.meta?.a2a]))).toEqual({
      'open.submitted': 'TASK_STATE_SUBMITTED',
      'open.working': 'TASK_STATE_WORKING',
      'open.interrupted.inputRequired': 'TASK_STATE_INPUT_REQUIRED',
      'open.interrupted.authRequired': 'TASK_STATE_AUTH_REQUIRED',
      completed: 'TASK_STATE_COMPLETED',
      failed: 'TASK_STATE_FAILED',
      canceled: 'TASK_STATE_CANCELED',
      rejected: 'TASK_STATE_REJECTED',
    })
    const tagsOf = (status: string) => [...after('strict', input, ...(towards[status] ?? [])).tags]
    expect(Object.fromEntries(Object.keys(towards).map(status => [status, tagsOf(status)]))).toEqual({
      'open.submitted': [],
      'open.working': [],
      'open.interrupted.inputRequired': ['interrupted'],
      'open.interrupted.authRequired': ['interrupted'],
      completed: ['terminal'],
      failed: ['terminal'],
      canceled: ['terminal'],
      rejected: ['terminal'],
    })
  })

  it('knows every state of A2A, once', () => {
    const known = Object.values(TaskState).filter(name => typeof name === 'string' && !/_UNSPECIFIED$|^UNRECOGNIZED$/.test(name))
    expect(known).toHaveLength(8)
    expect(
      leavesOf('status')
        .map(({ meta }) => meta?.a2a)
        .sort(),
    ).toEqual(known.sort())
  })

  it('is checked here in every state of both regions', () => {
    expect(Object.keys(working)).toEqual(leavesOf('work').map(({ path }) => path.slice(1).join('.')))
    expect(Object.keys(towards)).toEqual(leavesOf('status').map(({ path }) => path.slice(1).join('.')))
  })
})

describe('the work of a task that is working', () => {
  const works = Object.keys(working) as Work[]
  it.each(works.filter(work => work !== 'settled'))('is %s where the table says so', work => {
    expect([leafIn(working[work], 'status'), leafIn(working[work], 'work')]).toEqual(['open.working', work])
  })

  const pairs = works.flatMap(work => names.map(event => ({ work, event })))
  it.each(pairs)('when $work, takes or refuses $event', ({ work, event }) => {
    expectOutcome('default', working[work], event, acceptedByWork[work][event])
  })
})

describe.each(both)('the status of a task that is executed, in the %s chart', chart => {
  const moves = [...(Object.keys(statusEvents) as EventName[]), 'request.requeued' as const]
  const pairs = Object.keys(towards).flatMap(status => moves.map(event => ({ status, event })))
  it.each(pairs)('when $status, takes or refuses $event', ({ status, event }) => {
    const before = after(chart, input, ...(towards[status] ?? []))
    expect(leafIn(before, 'status')).toBe(status)
    expectOutcome(chart, before, event, acceptedByStatus[chart][status]?.[event])
  })
})

function expectOutcome(chart: ChartName, before: ReturnType<typeof after>, event: EventName, outcome: Outcome | undefined) {
  const { status = leafIn(before, 'status'), work = leafIn(before, 'work'), ...noted } = outcome ?? {}
  expect(before.can(events[event])).toBe(outcome !== undefined)
  const [next] = transition(charts[chart], before, events[event])
  expect([leafIn(next, 'status'), leafIn(next, 'work')]).toEqual([status, work])
  expect(next.context).toEqual({ ...before.context, ...noted })
  expect(next.status).toBe(work === 'settled' ? 'done' : 'active')
}
