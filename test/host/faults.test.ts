import { describe, expect, it } from 'vitest'
import { assign, createMachine, fromCallback, fromPromise, setup } from 'xstate'
import { LifechartError } from '../../src/errors.ts'
import { settled } from '../../src/testing/simulated-clock.ts'
import { freshRuntimes, published } from '../support/runtimes.ts'

const runtimes = freshRuntimes()
const explode = () => {
  throw new Error('boom')
}

describe('a guard or an assign that throws', () => {
  it('is a fault of the command that met it, and nothing changed', async () => {
    const { lifechart, store } = await runtimes().open()
    const chart = setup({ guards: { explode }, actions: { fail: assign(explode) } }).createMachine({
      id: 'brittle',
      initial: 'a',
      states: { a: { on: { guarded: { guard: 'explode', target: 'b' }, assigned: { actions: 'fail', target: 'b' }, move: 'b' } }, b: {} },
    })
    const one = lifechart.actors.spawn(chart, { id: 'a' })
    await one.started
    expect(one.can({ type: 'guarded' })).toBe(false)
    for (const type of ['guarded', 'assigned'] as const) {
      await expect(one.dispatch({ type })).rejects.toMatchObject({
        code: 'CHART_FAULT',
        cause: { message: expect.stringContaining('boom') },
      })
    }
    expect(one.snapshot).toMatchObject({ value: 'a', status: 'active' })
    expect(store.calls.commit).toBe(1)
    expect((await one.dispatch({ type: 'move' })).value).toBe('b')
  })

  it('is a fault of the command also behind an eventless transition', async () => {
    const { lifechart } = await runtimes().open()
    const chart = setup({ guards: { explode } }).createMachine({
      id: 'eventless',
      initial: 'a',
      states: { a: { on: { go: 'b' } }, b: { always: { guard: 'explode', target: 'c' } }, c: {} },
    })
    const one = lifechart.actors.spawn(chart, { id: 'a' })
    await expect(one.dispatch({ type: 'go' })).rejects.toMatchObject({ code: 'CHART_FAULT' })
    expect(one.snapshot.value).toBe('a')
  })

  it('ends the lifecycle as an error when the event was the chart’s own', async () => {
    const stopped: string[] = []
    const { lifechart } = await runtimes().open()
    const chart = setup({
      guards: { explode },
      actors: { kid: fromCallback(() => () => void stopped.push('kid')) },
    }).createMachine({
      id: 'timed',
      initial: 'a',
      invoke: { src: 'kid', id: 'kid' },
      states: { a: { after: { 100: { guard: 'explode', target: 'b' } } }, b: {} },
    })
    const one = lifechart.actors.spawn(chart, { id: 'a' })
    await one.started
    const ended = expect(one.ended).rejects.toMatchObject({ code: 'CHART_FAULT', cause: { code: 'CHART_FAULT' } })
    await runtimes().clock.advance(100)
    await ended
    expect(stopped).toEqual(['kid'])
    expect(one.snapshot).toMatchObject({ status: 'error', value: 'a' })
    expect(await published(one)).toEqual(['1 start lifechart.start', '2 timer xstate.after.100.timed.a'])
    await expect(one.dispatch({ type: 'any' })).rejects.toMatchObject({ code: 'LIFECYCLE_ENDED' })
    const stored = await lifechart.kernel.adapter.load('lifecycle/timed/a')
    expect(stored).toMatchObject({ index: { live: false, due: null } })
    const later = await lifechart.actors.get(chart, 'a')
    await expect(later?.ended).rejects.toMatchObject({ code: 'CHART_FAULT' })
  })

  it('refuses the lifecycle when it is in the first snapshot', async () => {
    const { lifechart, store } = await runtimes().open()
    const chart = setup({ guards: { explode } }).createMachine({
      id: 'unborn',
      initial: 'a',
      states: { a: { always: { guard: 'explode', target: 'b' } }, b: {} },
    })
    expect(() => lifechart.actors.spawn(chart, { id: 'a' })).toThrow(expect.objectContaining({ code: 'CHART_FAULT' }))
    expect(lifechart.kernel.size).toBe(0)
    expect(store.calls.commit).toBe(0)
  })
})

describe('an action that throws', () => {
  it('leaves what was committed: the lifecycle goes on from it and the action is not repeated', async () => {
    let booms = 0
    const { lifechart, environment } = await runtimes().open()
    const chart = setup({
      actions: {
        boom: () => {
          booms++
          explode()
        },
      },
    }).createMachine({
      id: 'mail',
      initial: 'a',
      states: { a: { on: { go: { target: 'b', actions: 'boom' } } }, b: { on: { go: 'c' } }, c: {} },
    })
    const mail = lifechart.actors.spawn(chart, { id: 'a' })
    expect((await mail.dispatch({ type: 'go' })).value).toBe('b')
    expect(mail.snapshot).toMatchObject({ value: 'b', status: 'active' })
    expect((await mail.dispatch({ type: 'go' })).value).toBe('c')
    expect(booms).toBe(1)
    expect(environment.log).toContainEqual(expect.objectContaining({ level: 'error', message: expect.stringContaining('action threw') }))
  })

  it('leaves a new lifecycle alive: children start, deadlines are armed', async () => {
    let booms = 0
    let kids = 0
    const { lifechart } = await runtimes().open()
    const chart = setup({
      actors: { kid: fromCallback(() => void kids++) },
      actions: {
        boom: () => {
          booms++
          explode()
        },
      },
    }).createMachine({
      id: 'start',
      entry: 'boom',
      invoke: { src: 'kid', id: 'kid' },
      initial: 'a',
      states: { a: { after: { 10: 'b' } }, b: {} },
    })
    const one = lifechart.actors.spawn(chart, { id: 'a' })
    await one.started
    expect({ booms, kids }).toEqual({ booms: 1, kids: 1 })
    await runtimes().clock.advance(10)
    expect(one.snapshot).toMatchObject({ value: 'b', status: 'active' })
    expect({ booms, kids }).toEqual({ booms: 1, kids: 1 })
  })

  it('starts running children again', async () => {
    const ends: (() => void)[] = []
    const { lifechart } = await runtimes().open()
    const chart = setup({
      actors: { slow: fromPromise<string>(() => new Promise(resolve => ends.push(() => resolve('slow')))) },
      actions: { explode },
    }).createMachine({
      id: 'slow',
      initial: 'a',
      states: { a: { invoke: { src: 'slow', id: 'slow', onDone: 'b' }, on: { go: { actions: 'explode' } } }, b: {} },
    })
    const one = lifechart.actors.spawn(chart, { id: 'a' })
    await one.dispatch({ type: 'go' })
    expect(ends).toHaveLength(2)
    ends[0]?.()
    await settled()
    expect(one.snapshot.value).toBe('a')
    ends[1]?.()
    await settled()
    expect(one.snapshot.value).toBe('b')
  })

  it('is not the cause that a later end reports', async () => {
    const { lifechart } = await runtimes().open()
    const chart = setup({
      actors: { dying: fromPromise(() => Promise.reject(new Error('child died'))) },
      actions: { explode },
    }).createMachine({
      id: 'later',
      initial: 'a',
      states: { a: { on: { go: { target: 'b', actions: 'explode' } } }, b: { invoke: { src: 'dying', id: 'dying' } } },
    })
    const one = lifechart.actors.spawn(chart, { id: 'a' })
    await one.dispatch({ type: 'go' })
    await expect(one.ended).rejects.toMatchObject({ code: 'CHART_FAULT', cause: { message: 'child died' } })
  })

  it('leaves an end of a child standing that waits for its turn', async () => {
    const ends: (() => void)[] = []
    let runs = 0
    const { lifechart, store } = await runtimes().open()
    const chart = setup({
      types: { context: {} as { out?: string } },
      actors: {
        quick: fromPromise<string>(() => {
          runs++
          return new Promise(resolve => ends.push(() => resolve('quick')))
        }),
      },
      actions: { explode, keep: assign({ out: ({ event }) => (event as unknown as { output: string }).output }) },
    }).createMachine({
      id: 'undecided',
      context: {},
      invoke: { src: 'quick', id: 'quick', onDone: { actions: 'keep' } },
      on: { go: { actions: 'explode' }, wait: {}, pass: { actions: 'keep' } },
    })
    const one = lifechart.actors.spawn(chart, { id: 'a' })
    await one.started
    store.hold()
    const first = one.dispatch({ type: 'pass' })
    const second = one.dispatch({ type: 'go' })
    await settled()
    ends[0]?.()
    await settled()
    store.release()
    await first
    await second
    await settled()
    expect(one.snapshot).toMatchObject({ status: 'active', context: { out: 'quick' } })
    expect(runs).toBe(1)
  })

  it('that is the last one does not take the end back', async () => {
    const { lifechart } = await runtimes().open()
    const chart = setup({ actions: { explode } }).createMachine({
      id: 'last',
      initial: 'a',
      states: { a: { on: { end: { target: 'z', actions: 'explode' } } }, z: { type: 'final' } },
      output: 'reached',
    })
    const one = lifechart.actors.spawn(chart, { id: 'a' })
    await one.dispatch({ type: 'end' })
    expect(await one.ended).toBe('reached')
    expect(one.snapshot.status).toBe('done')
  })
})

describe('a commit that the store refuses for good', () => {
  const tooLarge = () => new LifechartError('COMMIT_TOO_LARGE', 'More than 8 MiB.')

  it('is the caller’s error, and nothing changed', async () => {
    const { lifechart, store } = await runtimes().open()
    const effects: string[] = []
    const chart = setup({ actions: { effect: () => effects.push('effect') } }).createMachine({
      id: 'large',
      initial: 'a',
      states: { a: { on: { go: { target: 'b', actions: 'effect' } } }, b: {} },
    })
    const one = lifechart.actors.spawn(chart, { id: 'a' })
    await one.started
    store.fail('commit', tooLarge())
    await expect(one.dispatch({ type: 'go' })).rejects.toMatchObject({ code: 'COMMIT_TOO_LARGE' })
    expect(one.snapshot.value).toBe('a')
    expect(effects).toEqual([])
    await one.dispatch({ type: 'go' })
    expect(effects).toEqual(['effect'])
  })

  it('ends the lifecycle as an error when the step was the chart’s own', async () => {
    const { lifechart, store } = await runtimes().open()
    const chart = createMachine({ id: 'own', initial: 'a', states: { a: { after: { 10: 'b' } }, b: {} } })
    const one = lifechart.actors.spawn(chart, { id: 'a' })
    await one.started
    store.fail('commit', tooLarge())
    const ended = expect(one.ended).rejects.toMatchObject({ code: 'CHART_FAULT', cause: { code: 'COMMIT_TOO_LARGE' } })
    await runtimes().clock.advance(10)
    await ended
    expect(one.snapshot).toMatchObject({ status: 'error', value: 'a' })
  })
})
