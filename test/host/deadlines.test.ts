import { describe, expect, it } from 'vitest'
import { assign, cancel, createMachine, raise, setup } from 'xstate'
import { settled } from '../../src/testing/simulated-clock.ts'
import { freshRuntimes, published } from '../support/runtimes.ts'

const runtimes = freshRuntimes()
const hour = 60 * 60 * 1000
const day = 24 * hour

const lamp = createMachine({
  id: 'lamp',
  initial: 'on',
  states: {
    on: { after: { 1000: 'off' }, on: { press: { target: 'on', reenter: true }, hold: 'held' } },
    off: {},
    held: { on: { free: 'on' } },
  },
})

describe('a deadline', () => {
  it('fires at its time and not before', async () => {
    const { lifechart } = await runtimes().open()
    const one = lifechart.actors.spawn(lamp, { id: 'a' })
    await one.started
    await runtimes().clock.advance(999)
    expect(one.snapshot.value).toBe('on')
    await runtimes().clock.advance(1)
    expect(one.snapshot.value).toBe('off')
    expect(await published(one)).toEqual(['1 start lifechart.start', '2 timer xstate.after.1000.lamp.on'])
  })

  it('is gone when its state is left, and armed anew when it is entered again', async () => {
    const { lifechart } = await runtimes().open()
    const one = lifechart.actors.spawn(lamp, { id: 'a' })
    await one.started
    await runtimes().clock.advance(900)
    await one.dispatch({ type: 'press' })
    await runtimes().clock.advance(900)
    expect(one.snapshot.value).toBe('on')
    await one.dispatch({ type: 'hold' })
    await runtimes().clock.advance(5000)
    expect(one.snapshot.value).toBe('held')
    await one.dispatch({ type: 'free' })
    await runtimes().clock.advance(999)
    expect(one.snapshot.value).toBe('on')
    await runtimes().clock.advance(1)
    expect(one.snapshot.value).toBe('off')
  })

  it('that lost the race against a command under way counts for nothing', async () => {
    const { lifechart, store } = await runtimes().open()
    const one = lifechart.actors.spawn(lamp, { id: 'a' })
    await one.started
    await runtimes().clock.advance(990)
    store.hold()
    const holding = one.dispatch({ type: 'hold' })
    const freeing = one.dispatch({ type: 'free' })
    await runtimes().clock.advance(20)
    store.release()
    await holding
    await freeing
    await settled()
    expect(one.snapshot.value).toBe('on')
    await runtimes().clock.advance(999)
    expect(one.snapshot.value).toBe('on')
    await runtimes().clock.advance(1)
    expect(one.snapshot.value).toBe('off')
  })

  it('that won the race refuses the command behind it', async () => {
    const { lifechart, store } = await runtimes().open()
    const one = lifechart.actors.spawn(lamp, { id: 'a' })
    await one.started
    store.hold()
    await runtimes().clock.advance(1000)
    const late = one.dispatch({ type: 'press' }).catch(error => error)
    await settled()
    expect(one.snapshot.value).toBe('on')
    store.release()
    expect(await late).toMatchObject({ code: 'EVENT_REFUSED' })
    expect(one.snapshot.value).toBe('off')
  })

  it('may be one of two at once: both are steps, in the order of their time', async () => {
    const { lifechart } = await runtimes().open()
    const chart = createMachine({
      id: 'two',
      type: 'parallel',
      states: {
        a: { initial: 'x', states: { x: { after: { 50: 'y' } }, y: {} } },
        b: { initial: 'x', states: { x: { after: { 50: 'y' } }, y: {} } },
        c: { initial: 'x', states: { x: { after: { 49: 'y' } }, y: {} } },
      },
    })
    const two = lifechart.actors.spawn(chart, { id: 'a' })
    await two.started
    runtimes().clock.jump(1000)
    runtimes().clock.tick(60)
    await settled()
    expect(two.snapshot.value).toEqual({ a: 'y', b: 'y', c: 'y' })
    const steps = await published(two)
    expect(steps).toHaveLength(4)
    expect(steps[1]).toBe('2 timer xstate.after.49.two.c.x')
  })

  it('of no delay fires at once, as a step of its own', async () => {
    const { lifechart } = await runtimes().open()
    const chart = createMachine({ id: 'now', initial: 'a', states: { a: { after: { 0: 'b' } }, b: {} } })
    const now = lifechart.actors.spawn(chart, { id: 'a' })
    await now.started
    expect(now.snapshot.value).toBe('a')
    await runtimes().clock.advance(1)
    expect(now.snapshot.value).toBe('b')
  })

  it.each([Number.POSITIVE_INFINITY, Number.NaN])('of a delay that is not finite (%d) is never armed', async delay => {
    const { lifechart } = await runtimes().open()
    const chart = setup({ delays: { never: () => delay } }).createMachine({
      id: 'never',
      initial: 'a',
      states: { a: { after: { never: 'b' }, on: { go: 'b' } }, b: {} },
    })
    const never = lifechart.actors.spawn(chart, { id: 'a' })
    await never.started
    expect(await lifechart.kernel.adapter.load('lifecycle/never/a')).toMatchObject({ index: { due: null } })
    await runtimes().clock.advance(1000)
    expect(never.snapshot.value).toBe('a')
    await never.dispatch({ type: 'go' })
    expect(never.snapshot.value).toBe('b')
  })

  it('of sixty days does not fire early', async () => {
    const { lifechart } = await runtimes().open({ limits: { sessionTtl: 40 * day } })
    const chart = createMachine({ id: 'far', initial: 'a', states: { a: { after: { [60 * day]: 'b' } }, b: {} } })
    const far = lifechart.actors.spawn(chart, { id: 'a' })
    await far.started
    await runtimes().clock.advance(60 * day - 1)
    expect(far.snapshot.value).toBe('a')
    await runtimes().clock.advance(1)
    expect(far.snapshot.value).toBe('b')
  })

  it('that its guard refuses has passed', async () => {
    const { lifechart } = await runtimes().open()
    const chart = setup({ types: { context: {} as { ready: boolean } }, guards: { ready: ({ context }) => context.ready } }).createMachine({
      id: 'guarded',
      context: { ready: false },
      initial: 'a',
      states: { a: { after: { 100: { guard: 'ready', target: 'b' } }, on: { ready: { actions: assign({ ready: true }) } } }, b: {} },
    })
    const one = lifechart.actors.spawn(chart, { id: 'a' })
    await one.started
    await runtimes().clock.advance(100)
    expect(one.snapshot.value).toBe('a')
    expect(await lifechart.kernel.adapter.load('lifecycle/guarded/a')).toMatchObject({ index: { due: null } })
    await one.dispatch({ type: 'ready' })
    await runtimes().clock.advance(10_000)
    expect(one.snapshot.value).toBe('a')
    expect(await published(one)).toEqual(['1 start lifechart.start', '2 command ready'])
  })

  it('that leaves its state as it is fires once', async () => {
    const { lifechart } = await runtimes().open()
    const chart = setup({ types: { context: {} as { n: number } } }).createMachine({
      id: 'inner',
      context: { n: 0 },
      after: { 100: { actions: assign({ n: ({ context }) => context.n + 1 }) } },
    })
    const one = lifechart.actors.spawn(chart, { id: 'a' })
    await one.started
    await runtimes().clock.advance(10_000)
    expect(one.snapshot.context.n).toBe(1)
    expect(await lifechart.kernel.adapter.load('lifecycle/inner/a')).toMatchObject({ index: { due: null } })
  })

  it('may be raised by hand, several of one event at once, and cancelled by id', async () => {
    const { lifechart } = await runtimes().open()
    const chart = setup({
      types: { context: {} as { heard: number[] }, events: {} as { type: 'ring'; n: number } | { type: 'go' } | { type: 'hush' } },
    }).createMachine({
      id: 'bells',
      context: { heard: [] },
      on: {
        go: {
          actions: [
            raise({ type: 'ring', n: 1 }, { delay: 100 }),
            raise({ type: 'ring', n: 2 }, { delay: 50 }),
            raise({ type: 'ring', n: 3 }, { delay: 150, id: 'third' }),
          ],
        },
        hush: { actions: cancel('third') },
        ring: { actions: assign({ heard: ({ context, event }) => [...context.heard, event.n] }) },
      },
    })
    const bells = lifechart.actors.spawn(chart, { id: 'a' })
    await bells.dispatch({ type: 'go' })
    await runtimes().clock.advance(120)
    expect(bells.snapshot.context.heard).toEqual([2, 1])
    await bells.dispatch({ type: 'hush' })
    await runtimes().clock.advance(1000)
    expect(bells.snapshot.context.heard).toEqual([2, 1])
  })

  it('follows a clock that is set: forwards it is noticed within seconds, backwards it waits for its time', async () => {
    const { clock } = runtimes()
    const { lifechart } = await runtimes().open()
    const chart = createMachine({ id: 'soon', initial: 'a', states: { a: { after: { [hour]: 'b' } }, b: {} } })
    const soon = lifechart.actors.spawn(chart, { id: 'a' })
    await soon.started
    clock.jump(-2 * hour)
    await clock.advance(hour)
    expect(soon.snapshot.value).toBe('a')
    clock.jump(2 * hour)
    await clock.advance(10_000)
    expect(soon.snapshot.value).toBe('b')
  })
})
