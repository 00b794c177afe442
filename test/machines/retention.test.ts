import { retentionMachine } from 'lifechart/machines'
import { describe, expect, it } from 'vitest'
import { createActor, initialTransition, SimulatedClock, transition } from 'xstate'
import { getShortestPaths } from 'xstate/graph'

const retention = 180_000

const events = [{ type: 'audience.arrived' }, { type: 'audience.left' }, { type: 'xstate.after.retention.retention.unwatched' }] as {
  type: 'audience.arrived' | 'audience.left'
}[]

/** Where each event leads; undefined where it is refused. */
const table: Record<string, (string | undefined)[]> = {
  unwatched: ['watched', undefined, 'evicted'],
  watched: [undefined, 'unwatched', undefined],
  evicted: [undefined, undefined, undefined],
}

describe('the retention chart', () => {
  it('describes every state', () => {
    const states = [retentionMachine.root, ...Object.values(retentionMachine.root.states)]
    expect(states.filter(({ description }) => !description)).toEqual([])
  })

  it('starts with somebody watching, or with nobody', () => {
    expect(initialTransition(retentionMachine, { retention, watched: true })[0].value).toBe('watched')
    expect(initialTransition(retentionMachine, { retention, watched: false })[0].value).toBe('unwatched')
  })

  it('reaches every state but the first, which is left at once, and takes in each exactly what the table says', () => {
    const paths = getShortestPaths(retentionMachine, {
      input: { retention, watched: false },
      events,
      serializeState: ({ value }) => JSON.stringify(value),
    })
    const found = paths.map(({ state }) => [
      state.value,
      events.map(event => {
        const [next] = transition(retentionMachine, state, event)
        expect(next.value !== state.value).toBe(state.status === 'active' && state.can(event))
        return next.value === state.value ? undefined : next.value
      }),
    ])
    expect(Object.fromEntries(found)).toEqual(table)
    expect(Object.keys(table).sort()).toEqual(
      Object.keys(retentionMachine.root.states)
        .sort()
        .filter(name => name !== 'ended'),
    )
  })
})

describe('a run that has ended', () => {
  it('is kept for 179,999 ms after its end and forgotten at 180,000 ms', () => {
    const { actor, clock } = start({ watched: false })
    clock.increment(179_999)
    expect(actor.getSnapshot()).toMatchObject({ value: 'unwatched', status: 'active' })
    clock.increment(1)
    expect(actor.getSnapshot()).toMatchObject({ value: 'evicted', status: 'done' })
  })

  it('is kept for as long as somebody watches', () => {
    const { actor, clock } = start({ watched: true })
    clock.increment(100 * retention)
    expect(actor.getSnapshot().value).toBe('watched')
  })

  it('is kept for the whole retention again after the last one has left', () => {
    const { actor, clock } = start({ watched: false })
    clock.increment(179_999)
    actor.send({ type: 'audience.arrived' })
    clock.increment(retention)
    expect(actor.getSnapshot().value).toBe('watched')
    actor.send({ type: 'audience.left' })
    clock.increment(179_999)
    expect(actor.getSnapshot().value).toBe('unwatched')
    clock.increment(1)
    expect(actor.getSnapshot().value).toBe('evicted')
  })

  it('is not brought back by somebody who comes too late', () => {
    const { actor, clock } = start({ watched: false })
    clock.increment(retention)
    actor.send({ type: 'audience.arrived' })
    expect(actor.getSnapshot()).toMatchObject({ value: 'evicted', status: 'done' })
  })
})

function start({ watched }: { watched: boolean }) {
  const clock = new SimulatedClock()
  return { actor: createActor(retentionMachine, { input: { retention, watched }, clock }).start(), clock }
}
