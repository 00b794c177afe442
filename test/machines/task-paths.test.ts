import type { TaskInput, TaskMachineEvent } from 'lifechart/machines'
import { describe, expect, it } from 'vitest'
import { transition } from 'xstate'
import { getShortestPaths } from 'xstate/graph'
import { type ChartName, charts, type EventName, events, input, leafIn, leavesOf, type TaskSnapshot } from './task-chart.ts'

/** Together they open every way: with and without a delay, a turn, further tries, and an end without a result. */
const inputs: TaskInput[] = [
  input,
  { ...input, pending: [], returnOpen: 'leave' },
  { ...input, retry: { max: 2, backoff: 100 } },
  { ...input, startDelay: 1_000, takesTurns: true, returnOpen: 'leave', retry: { max: 1, backoff: 100 } },
]
const finals = ['canceled', 'completed', 'failed', 'rejected']
const interruptions = ['open.interrupted.inputRequired', 'open.interrupted.authRequired']

interface Step {
  before: TaskSnapshot
  event: TaskMachineEvent
  next: TaskSnapshot
}

const walked = { default: walk('default'), strict: walk('strict') }

describe.each(['default', 'strict'] as const)('every path through the %s chart', chart => {
  const { reached, steps } = walked[chart]

  it('leads, among them all, to every state of both regions', () => {
    for (const region of ['status', 'work'] as const) {
      const leaves = leavesOf(region).map(({ path }) => path.slice(1).join('.'))
      expect([...new Set(reached.map(snapshot => leafIn(snapshot, region)))].sort()).toEqual(leaves.sort())
    }
  })

  it('ends at a final status, which takes nothing and never changes', () => {
    const ended = steps.filter(({ before }) => isFinal(before))
    expect([...new Set(ended.map(({ before }) => leafIn(before, 'status')))].sort()).toEqual(finals)
    expect(ended.filter(({ before, event }) => before.can(event)).map(tell)).toEqual([])
    expect(ended.filter(({ before, next }) => next.status !== 'done' || keyOf(before) !== keyOf(next)).map(tell)).toEqual([])
  })

  it('settles the work exactly when the status is final, and ends the task with both', () => {
    for (const snapshot of reached) {
      const final = isFinal(snapshot)
      expect([leafIn(snapshot, 'work') === 'settled', snapshot.hasTag('terminal')], keyOf(snapshot)).toEqual([final, final])
      expect(snapshot.status, keyOf(snapshot)).toBe(final ? 'done' : 'active')
    }
  })

  it('has an executor exactly while it executes, and then always a request for it', () => {
    for (const snapshot of reached) {
      expect(Object.keys(snapshot.children), keyOf(snapshot)).toEqual(isExecuting(snapshot) ? ['executor'] : [])
      if (isExecuting(snapshot)) expect(snapshot.context.current, keyOf(snapshot)).toMatch(/^r-/)
    }
  })

  it('loses and repeats no request, and overtakes none', () => {
    const expected = ({ before, event }: Step) => {
      const queue = outstanding(before)
      if (event.type === 'request.arrived') return [...queue, event.requestId]
      return event.type === 'executor.returned' && isExecuting(before) ? queue.slice(1) : queue
    }
    const wrong = steps.filter(step => !isFinal(step.next) && String(outstanding(step.next)) !== String(expected(step)))
    expect(wrong.map(tell)).toEqual([])
  })

  it('counts everything that an executor begins as an attempt', () => {
    const begun = steps.filter(
      ({ before, next }) => next.children.executor !== undefined && next.children.executor !== before.children.executor,
    )
    expect(new Set(begun.map(({ event }) => event.type))).toContain('request.arrived')
    expect(begun.filter(({ before, next }) => next.context.attempt !== before.context.attempt + 1).map(tell)).toEqual([])
  })

  it('leads back to submitted when a request is to be executed again', () => {
    const again = steps.filter(
      ({ before, event, next }) =>
        next.context.thrown > before.context.thrown ||
        (event === events['owner.lost: requeue'] && before.matches({ work: { executing: 'running' } })),
    )
    expect(new Set(again.map(({ event }) => event.type))).toEqual(new Set(['executor.threw', 'owner.lost']))
    expect(new Set(again.map(({ before }) => leafIn(before, 'status')))).toEqual(
      new Set(['open.submitted', 'open.working', ...interruptions]),
    )
    expect(again.filter(({ next }) => leafIn(next, 'status') !== 'open.submitted').map(tell)).toEqual([])
  })
})

describe('what an agent tells of its task', () => {
  it.each(interruptions)('leads from submitted to %s in the default chart alone', interruption => {
    expect(toldMoves('default')).toContain(`open.submitted → ${interruption}`)
    expect(toldMoves('strict')).not.toContain(`open.submitted → ${interruption}`)
    expect(toldMoves('strict')).toContain(`open.working → ${interruption}`)
  })

  it.each(['open.working', ...interruptions])('leads from %s back to submitted in the default chart alone', status => {
    expect(toldMoves('default')).toContain(`${status} → open.submitted`)
    expect(toldMoves('strict')).not.toContain(`${status} → open.submitted`)
  })
})

/** Every step from every state that a shortest path leads to: together, all that any path is made of. */
function walk(chart: ChartName): { reached: TaskSnapshot[]; steps: Step[] } {
  const machine = charts[chart]
  const paths = inputs.flatMap(given => getShortestPaths(machine, { input: given, events: Object.values(events), serializeState: keyOf }))
  const reached = paths.map(({ state }) => state)
  const names = Object.keys(events) as EventName[]
  const steps = reached.flatMap(before =>
    names.map(name => ({ before, event: events[name], next: transition(machine, before, events[name])[0] })),
  )
  return { reached, steps }
}

/** All that decides what can happen next. Requests and attempts may grow for ever: no guard tells apart more than these. */
function keyOf(snapshot: TaskSnapshot): string {
  const { current, pending, attempt, thrown } = snapshot.context
  return [leafIn(snapshot, 'status'), leafIn(snapshot, 'work'), current, pending.slice(0, 2), Math.min(attempt, 1), thrown].join(' ')
}

function outstanding(snapshot: TaskSnapshot): (string | undefined)[] {
  const { current, pending } = snapshot.context
  return isExecuting(snapshot) ? [current, ...pending] : [...pending]
}

function isExecuting(snapshot: TaskSnapshot): boolean {
  return snapshot.matches({ work: 'executing' })
}

function isFinal(snapshot: TaskSnapshot): boolean {
  return finals.includes(leafIn(snapshot, 'status'))
}

function toldMoves(chart: ChartName): string[] {
  const told = walked[chart].steps.filter(({ event }) => event.type.startsWith('status.'))
  return [...new Set(told.map(({ before, next }) => `${leafIn(before, 'status')} → ${leafIn(next, 'status')}`))]
}

function tell({ before, event, next }: Step): string {
  return `${keyOf(before)}: ${event.type} → ${keyOf(next)}`
}
