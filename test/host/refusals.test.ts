import { describe, expect, it } from 'vitest'
import { assign, createMachine, fromPromise, setup } from 'xstate'
import { settled } from '../../src/testing/simulated-clock.ts'
import { freshRuntimes, published } from '../support/runtimes.ts'

const runtimes = freshRuntimes()

const door = createMachine({
  id: 'door',
  initial: 'shut',
  states: { shut: { on: { open: 'open', 'xstate.after.5.door.shut': 'open' } }, open: { on: { shut: 'shut' } } },
})

describe('an event the chart does not take', () => {
  it('is refused and changes nothing', async () => {
    const { lifechart, store } = await runtimes().open()
    const one = lifechart.actors.spawn(door, { id: 'a' })
    await one.started
    const before = one.snapshot
    expect(one.can({ type: 'shut' })).toBe(false)
    await expect(one.dispatch({ type: 'shut' })).rejects.toMatchObject({ code: 'EVENT_REFUSED', retryable: false })
    await expect(one.dispatch({ type: 'no.such.event' })).rejects.toMatchObject({ code: 'EVENT_REFUSED' })
    expect(one.snapshot).toBe(before)
    expect(store.calls.commit).toBe(1)
    await one.dispatch({ type: 'open' })
    expect(one.snapshot.value).toBe('open')
  })

  it('is refused when its name is reserved, also where the chart has a transition for it', async () => {
    const { lifechart, store } = await runtimes().open()
    const one = lifechart.actors.spawn(door, { id: 'a' })
    await one.started
    for (const type of [
      'xstate.stop',
      'xstate.init',
      'xstate.done.actor.x',
      'xstate.error.actor.x',
      'xstate.after.5.door.shut',
      'lifechart.restore',
    ]) {
      await expect(one.dispatch({ type })).rejects.toMatchObject({ code: 'EVENT_RESERVED' })
      expect(one.can({ type })).toBe(false)
    }
    expect(one.snapshot).toMatchObject({ value: 'shut', status: 'active' })
    expect(store.calls.commit).toBe(1)
  })

  it('is refused in a final state that has a transition at the root', async () => {
    const { lifechart } = await runtimes().open()
    const chart = createMachine({
      id: 'rooted',
      initial: 'a',
      on: { again: '.a' },
      states: { a: { on: { end: 'z' } }, z: { type: 'final' } },
    })
    const one = lifechart.actors.spawn(chart, { id: 'a' })
    await one.dispatch({ type: 'end' })
    expect(one.can({ type: 'again' })).toBe(false)
    await expect(one.dispatch({ type: 'again' })).rejects.toMatchObject({ code: 'LIFECYCLE_ENDED' })
  })

  it('is refused although an eventless transition would move meanwhile', async () => {
    const { lifechart } = await runtimes().open()
    let ready = false
    const chart = setup({ guards: { ready: () => ready } }).createMachine({
      id: 'restless',
      initial: 'a',
      states: { a: { always: { guard: 'ready', target: 'b' }, on: { poke: { guard: 'ready', target: 'b' } } }, b: {} },
    })
    const one = lifechart.actors.spawn(chart, { id: 'a' })
    await one.started
    ready = true
    await expect(one.dispatch({ type: 'unknown' })).rejects.toMatchObject({ code: 'EVENT_REFUSED' })
    expect(one.snapshot.value).toBe('a')
  })
})

describe('what is not JSON', () => {
  const notes = setup({ types: { context: {} as Record<string, unknown>, events: {} as { type: 'note'; what?: unknown } } }).createMachine({
    id: 'notes',
    context: {},
    on: { note: { actions: assign(({ event }) => ({ what: event.what })) } },
  })

  it.each([
    ['a Date', new Date(0), 'event.what'],
    ['NaN', Number.NaN, 'event.what'],
    ['a function', () => undefined, 'event.what'],
    ['a Map inside an array', [1, new Map()], 'event.what[1]'],
    ['a hole in a list', [undefined], 'event.what[0]'],
    ['a bigint', { deep: 1n }, 'event.what.deep'],
  ])('is refused in an event, with its path: %s', async (_name, what, path) => {
    const { lifechart, store } = await runtimes().open()
    const one = lifechart.actors.spawn(notes, { id: 'a' })
    await one.started
    await expect(one.dispatch({ type: 'note', what })).rejects.toMatchObject({
      code: 'NOT_SERIALIZABLE',
      message: expect.stringContaining(path),
    })
    expect(store.calls.commit).toBe(1)
    await one.dispatch({ type: 'note', what: 'fine' })
    expect(one.snapshot.context).toEqual({ what: 'fine' })
  })

  it('is refused in the context that a command would make, and changes nothing', async () => {
    const { lifechart, store } = await runtimes().open()
    const chart = setup({ types: { context: {} as { when?: unknown } } }).createMachine({
      id: 'dated',
      context: {},
      on: { date: { actions: assign({ when: () => new Date(0) }) }, clear: { actions: assign({ when: undefined }) } },
    })
    const one = lifechart.actors.spawn(chart, { id: 'a' })
    await one.started
    await expect(one.dispatch({ type: 'date' })).rejects.toMatchObject({
      code: 'NOT_SERIALIZABLE',
      message: expect.stringContaining('context.when'),
    })
    expect(one.snapshot.context).toEqual({})
    expect(store.calls.commit).toBe(1)
    await expect(one.dispatch({ type: 'clear' })).resolves.toMatchObject({ status: 'active' })
  })

  it('is refused in the first context', async () => {
    const { lifechart, store } = await runtimes().open()
    const chart = createMachine({ id: 'born', context: { when: new Date(0) } })
    const one = lifechart.actors.spawn(chart, { id: 'a' })
    await expect(one.started).rejects.toMatchObject({ code: 'NOT_SERIALIZABLE', message: expect.stringContaining('context.when') })
    await expect(one.ended).rejects.toMatchObject({ code: 'NOT_SERIALIZABLE' })
    expect(store.calls.commit).toBe(0)
    expect(lifechart.kernel.size).toBe(0)
  })

  it('ends the lifecycle as an error when it comes into the context with an event of its own', async () => {
    const { lifechart } = await runtimes().open()
    const chart = setup({
      types: { context: {} as { out?: unknown } },
      actors: { dates: fromPromise(async () => new Date(0)) },
      actions: { keep: assign({ out: ({ event }) => (event as unknown as { output: unknown }).output }) },
    }).createMachine({ id: 'child', context: {}, invoke: { src: 'dates', id: 'd', onDone: { actions: 'keep' } } })
    const one = lifechart.actors.spawn(chart, { id: 'a' })
    await expect(one.ended).rejects.toMatchObject({ code: 'CHART_FAULT', cause: { code: 'NOT_SERIALIZABLE' } })
    await settled()
    expect(await published(one)).toEqual(['1 start lifechart.start', '2 child xstate.done.actor.d'])
    expect(one.snapshot.status).toBe('error')
  })
})

describe('a lifecycle that exists', () => {
  it('can not be spawned again, open here, stored, or over', async () => {
    const first = await runtimes().open()
    const one = first.lifechart.actors.spawn(door, { id: 'a' })
    expect(() => first.lifechart.actors.spawn(door, { id: 'a' })).toThrow(expect.objectContaining({ code: 'LIFECYCLE_EXISTS' }))
    await one.dispatch({ type: 'open' })
    await one[Symbol.asyncDispose]()
    const again = first.lifechart.actors.spawn(door, { id: 'a' })
    await expect(again.started).rejects.toMatchObject({ code: 'LIFECYCLE_EXISTS' })
    await expect(again.dispatch({ type: 'open' })).rejects.toMatchObject({ code: 'LIFECYCLE_EXISTS' })
    await expect(again.ended).rejects.toMatchObject({ code: 'LIFECYCLE_EXISTS' })
    expect(first.environment.log.filter(({ level }) => level !== 'info')).toEqual([])
    const attached = await first.lifechart.actors.get(door, 'a')
    expect(attached?.snapshot.value).toBe('open')
  })

  it('is of one chart: another chart of the same id is refused', async () => {
    const { lifechart } = await runtimes().open()
    lifechart.actors.spawn(door, { id: 'a' })
    const other = createMachine({ id: 'door', initial: 'x', states: { x: {} } })
    expect(() => lifechart.actors.spawn(other, { id: 'b' })).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
    await expect(lifechart.actors.get(other, 'a')).rejects.toMatchObject({ code: 'INVALID_OPTION' })
    await expect(runtimes().open({ charts: [door, other] })).rejects.toMatchObject({ code: 'INVALID_OPTION' })
  })

  it('is undefined when nobody ever created it', async () => {
    const { lifechart } = await runtimes().open()
    expect(await lifechart.actors.get(door, 'never')).toBeUndefined()
  })
})
