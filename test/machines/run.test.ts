import { type RunContext, type RunInput, type RunMachineEvent, runMachine } from 'lifechart/machines'
import { describe, expect, it } from 'vitest'
import { type AnyStateNode, createActor, fromCallback, fromPromise, initialTransition, SimulatedClock, transition, waitFor } from 'xstate'
import { getShortestPaths } from 'xstate/graph'

const input: RunInput = { runId: 'run-1', predecessors: [], stopGrace: 5_000 }
const behindAnother: RunInput = { ...input, predecessors: ['run-0'] }

const pureMachine = runMachine.provide({
  actors: { predecessors: fromPromise(async () => {}), producer: fromCallback(() => {}) },
})
type RunSnapshot = ReturnType<typeof initialTransition<typeof pureMachine>>[0]

const failure = { code: 'STORE_UNAVAILABLE', message: 'The store does not answer.' }
const thrown = { code: 'PRODUCER_FAILED', message: 'The producer failed.' }
const orphaned = { code: 'RUN_ORPHANED', message: 'The process that executed this run is gone.' }

/** Everything that can reach the chart: what it declares, and what its timers and invoked actors raise. */
const events = {
  'run.stop': { type: 'run.stop', reason: 'replaced', by: 'run-2' },
  'owner.lost: stop': { type: 'owner.lost', policy: 'stop' },
  'owner.lost: error': { type: 'owner.lost', policy: 'error' },
  'owner.lost: resume': { type: 'owner.lost', policy: 'resume' },
  'store.failed': { type: 'store.failed', error: failure },
  'producer.returned': { type: 'producer.returned', result: 42 },
  'producer.threw': { type: 'producer.threw', error: thrown },
  'predecessors done': raised({ type: 'xstate.done.actor.predecessors', output: undefined }),
  'predecessors failed': raised({ type: 'xstate.error.actor.predecessors', error: new Error('gone') }),
  'wallTimeout passed': raised({ type: 'xstate.after.wallTimeout.run.executing.running' }),
  'stopGrace passed': raised({ type: 'xstate.after.stopGrace.run.executing.stopping' }),
} satisfies Record<string, RunMachineEvent>
type EventName = keyof typeof events

/** XState types the events that it raises itself as no events of the machine's. */
function raised(event: { type: string; output?: unknown; error?: unknown }): RunMachineEvent {
  return event as RunMachineEvent
}

type Outcome = { to: string } & Partial<RunContext>

/** What each state accepts, where that leads and what is noted. What is not here is refused. */
const accepted: Record<string, Partial<Record<EventName, Outcome>>> = {
  waiting: {
    'run.stop': { to: 'stopped', reason: 'replaced', by: 'run-2' },
    'owner.lost: stop': { to: 'stopped', reason: 'orphaned' },
    'owner.lost: error': { to: 'error', error: orphaned },
    'owner.lost: resume': { to: 'waiting', attempt: 2 },
    'store.failed': { to: 'error', error: failure },
    'predecessors done': { to: 'executing.running' },
    'predecessors failed': { to: 'executing.running' },
  },
  'executing.running': {
    'run.stop': { to: 'executing.stopping', reason: 'replaced', by: 'run-2' },
    'owner.lost: stop': { to: 'stopped', reason: 'orphaned' },
    'owner.lost: error': { to: 'error', error: orphaned },
    'owner.lost: resume': { to: 'executing.running', attempt: 2 },
    'store.failed': { to: 'error', error: failure },
    'producer.returned': { to: 'done' },
    'producer.threw': { to: 'error', error: thrown },
    'wallTimeout passed': { to: 'executing.stopping', reason: 'wall_timeout' },
  },
  // Whatever the producer does once it was told to stop, the run is stopped, for the reason that came first.
  'executing.stopping': {
    'owner.lost: stop': { to: 'stopped' },
    'owner.lost: error': { to: 'stopped' },
    'owner.lost: resume': { to: 'stopped' },
    'store.failed': { to: 'error', error: failure },
    'producer.returned': { to: 'stopped' },
    'producer.threw': { to: 'stopped' },
    'stopGrace passed': { to: 'stopped', forced: true },
  },
  done: {},
  error: {},
  stopped: {},
}

const reached = reachedStates()

describe('the run chart', () => {
  it('describes every state', () => {
    expect(states(runMachine.root).filter(({ description }) => !description)).toEqual([])
  })

  it('tells the status of every state, and whether the run lives', () => {
    const told = [...reached].map(([name, snapshot]) => {
      const [meta] = Object.values(snapshot.getMeta()).filter(Boolean)
      return [name, meta?.status, [...snapshot.tags]]
    })
    expect(Object.fromEntries(told.map(([name, ...rest]) => [name, rest]))).toEqual({
      waiting: ['waiting', ['live']],
      'executing.running': ['running', ['live']],
      'executing.stopping': ['stopping', ['live']],
      done: ['done', ['terminal']],
      error: ['error', ['terminal']],
      stopped: ['stopped', ['terminal']],
    })
  })

  it('can reach every state; the first one is left at once', () => {
    const leaves = states(runMachine.root).filter(({ type }) => type === 'atomic' || type === 'final')
    const names = leaves.map(({ path }) => path.join('.')).filter(name => name !== 'registered')
    expect([...reached.keys()].sort()).toEqual(names.sort())
  })

  it('waits exactly when there are predecessors', () => {
    expect(nameOf(initialTransition(pureMachine, input)[0])).toBe('executing.running')
    expect(nameOf(initialTransition(pureMachine, behindAnother)[0])).toBe('waiting')
  })

  const pairs = [...reached.keys()].flatMap(state => Object.keys(events).map(event => ({ state, event: event as EventName })))
  it.each(pairs.filter(({ state, event }) => accepted[state]?.[event]))('takes $event when $state', ({ state, event }) => {
    const before = at(state)
    expect(isLegal(before, events[event])).toBe(true)
    const [after] = transition(pureMachine, before, events[event])
    const { to, ...noted } = accepted[state]?.[event] ?? { to: 'nowhere' }
    expect(nameOf(after)).toBe(to)
    expect(after.context).toEqual({ ...before.context, ...noted })
    expect(after.status).toBe(['done', 'error', 'stopped'].includes(to) ? 'done' : 'active')
  })

  it.each(pairs.filter(({ state, event }) => !accepted[state]?.[event]))('refuses $event when $state', ({ state, event }) => {
    const before = at(state)
    expect(isLegal(before, events[event])).toBe(false)
    // XState faults a machine over a child's error that it does not take: the check above is all that keeps it out.
    if (event === 'predecessors failed') return
    const [after] = transition(pureMachine, before, events[event])
    expect([nameOf(after), after.context, after.status]).toEqual([nameOf(before), before.context, before.status])
  })

  it('keeps the reason of the stop when the owner is lost during the clean-up', () => {
    const stopping = transition(pureMachine, at('executing.running'), { type: 'run.stop', reason: 'user' })[0]
    const stopped = transition(pureMachine, stopping, { type: 'owner.lost', policy: 'error' })[0]
    expect([nameOf(stopped), stopped.context.reason]).toEqual(['stopped', 'user'])
  })

  it('counts every owner that took the run over', () => {
    const resume = (snapshot: RunSnapshot) => transition(pureMachine, snapshot, { type: 'owner.lost', policy: 'resume' })[0]
    expect(resume(resume(at('executing.running'))).context.attempt).toBe(3)
  })
})

describe('a run that executes', () => {
  it('aborts its producer once and waits for the clean-up of the same one', () => {
    const { actor, producer } = start(input)
    actor.send({ type: 'run.stop', reason: 'user' })
    actor.send({ type: 'run.stop', reason: 'replaced', by: 'run-2' })
    expect(producer).toEqual(['opened', 'producer.abort'])
    expect(actor.getSnapshot().value).toEqual({ executing: 'stopping' })
    actor.send({ type: 'producer.returned' })
    expect(producer).toEqual(['opened', 'producer.abort', 'closed'])
    expect(actor.getSnapshot()).toMatchObject({ value: 'stopped', status: 'done', context: { reason: 'user', by: undefined } })
  })

  it('is stopped by force when the clean-up outlasts the grace, not a millisecond earlier', () => {
    const { actor, clock, producer } = start(input)
    actor.send({ type: 'run.stop', reason: 'user' })
    clock.increment(4_999)
    expect(actor.getSnapshot().value).toEqual({ executing: 'stopping' })
    clock.increment(1)
    expect(actor.getSnapshot()).toMatchObject({ value: 'stopped', context: { reason: 'user', forced: true } })
    expect(producer).toEqual(['opened', 'producer.abort', 'closed'])
  })

  it('is told to stop when its wall time has passed', () => {
    const { actor, clock, producer } = start({ ...input, wallTimeout: 60_000 })
    clock.increment(59_999)
    expect(actor.getSnapshot().value).toEqual({ executing: 'running' })
    clock.increment(1)
    expect(actor.getSnapshot()).toMatchObject({ value: { executing: 'stopping' }, context: { reason: 'wall_timeout' } })
    expect(producer).toEqual(['opened', 'producer.abort'])
  })

  it('goes on for ever without a wall time', () => {
    const { actor, clock } = start(input)
    clock.increment(10 * 365 * 24 * 3_600_000)
    expect(actor.getSnapshot().value).toEqual({ executing: 'running' })
  })

  it('goes on with the same producer when its owner was lost and it resumes', () => {
    const { actor, producer } = start(input)
    actor.send({ type: 'owner.lost', policy: 'resume' })
    expect(actor.getSnapshot()).toMatchObject({ value: { executing: 'running' }, context: { attempt: 2 } })
    expect(producer).toEqual(['opened'])
  })
})

describe('a run that waits', () => {
  it('executes when its predecessors have ended', async () => {
    const { actor, producer, predecessors } = start(behindAnother)
    expect(producer).toEqual([])
    predecessors.end()
    await waitFor(actor, snapshot => snapshot.matches('executing'))
    expect(producer).toEqual(['opened'])
  })

  it('executes when nobody can tell any more what became of its predecessors', async () => {
    const { actor, producer, predecessors } = start(behindAnother)
    predecessors.fail(new Error('gone'))
    await waitFor(actor, snapshot => snapshot.matches('executing'))
    expect(producer).toEqual(['opened'])
  })

  it('never opens its producer when it is stopped first', async () => {
    const { actor, producer, predecessors } = start(behindAnother)
    actor.send({ type: 'run.stop', reason: 'user' })
    predecessors.end()
    await predecessors.ended
    expect(actor.getSnapshot()).toMatchObject({ value: 'stopped', context: { reason: 'user' } })
    expect(producer).toEqual([])
  })
})

function states(node: AnyStateNode): AnyStateNode[] {
  return [node, ...Object.values(node.states).flatMap(states)]
}

function nameOf({ value }: { value: RunSnapshot['value'] }): string {
  return typeof value === 'string' ? value : Object.entries(value).flat().join('.')
}

/** `can` alone says nothing of an ended machine. */
function isLegal(snapshot: RunSnapshot, event: RunMachineEvent): boolean {
  return snapshot.status === 'active' && snapshot.can(event)
}

function reachedStates(): Map<string, RunSnapshot> {
  const paths = [input, behindAnother].flatMap(given =>
    getShortestPaths(pureMachine, { input: given, events: Object.values(events), serializeState: snapshot => nameOf(snapshot) }),
  )
  return new Map(paths.map(({ state }) => [nameOf(state), state]))
}

function at(name: string): RunSnapshot {
  const snapshot = reached.get(name)
  if (!snapshot) throw new Error(`No path leads to ${name}.`)
  return snapshot
}

function start(given: RunInput) {
  const clock = new SimulatedClock()
  const producer: string[] = []
  let end = () => {}
  let fail = (_error: Error) => {}
  const ended = new Promise<void>((resolve, reject) => {
    end = resolve
    fail = reject
  })
  const machine = runMachine.provide({
    actors: {
      predecessors: fromPromise(() => ended),
      producer: fromCallback(({ receive }) => {
        producer.push('opened')
        receive(({ type }) => producer.push(type))
        return () => producer.push('closed')
      }),
    },
  })
  const actor = createActor(machine, { input: given, clock }).start()
  return { actor, clock, producer, predecessors: { end, fail, ended } }
}
