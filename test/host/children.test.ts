import { describe, expect, it } from 'vitest'
import { assign, createMachine, fromCallback, fromPromise, sendTo, setup, stopChild } from 'xstate'
import { settled } from '../../src/testing/simulated-clock.ts'
import { freshRuntimes, published } from '../support/runtimes.ts'

const runtimes = freshRuntimes()

describe('children of a chart', () => {
  it('keep a step each for the same event object sent twice in one tick', async () => {
    const inc = { type: 'inc' }
    const chart = setup({
      types: { context: {} as { n: number } },
      actors: {
        twice: fromCallback(({ sendBack }) => {
          sendBack(inc)
          sendBack(inc)
        }),
      },
    }).createMachine({
      id: 'double',
      context: { n: 0 },
      invoke: { src: 'twice', id: 'twice' },
      on: { inc: { actions: assign({ n: ({ context }) => context.n + 1 }) } },
    })
    const { lifechart } = await runtimes().open()
    const double = lifechart.actors.spawn(chart, { id: 'a' })
    await double.started
    await settled()
    expect(double.snapshot.context.n).toBe(2)
    expect(await published(double)).toEqual(['1 start lifechart.start', '2 child inc', '3 child inc'])
  })

  it('keep the order of what they send while a commit is held', async () => {
    const chart = setup({
      types: { context: {} as { order: number[] }, events: {} as { type: 'said'; n: number } | { type: 'poke' } },
      actors: {
        speaker: fromCallback<{ type: 'go' }>(({ sendBack, receive }) => {
          receive(() => {
            for (let n = 1; n <= 5; n++) setImmediate(() => sendBack({ type: 'said', n }))
          })
        }),
      },
    }).createMachine({
      id: 'ordered',
      context: { order: [] },
      invoke: { src: 'speaker', id: 'speaker' },
      on: {
        poke: { actions: sendTo('speaker', { type: 'go' }) },
        said: { actions: assign({ order: ({ context, event }) => [...context.order, event.n] }) },
      },
    })
    const { lifechart, store } = await runtimes().open()
    const ordered = lifechart.actors.spawn(chart, { id: 'a' })
    await ordered.dispatch({ type: 'poke' })
    store.hold()
    await settled()
    expect(ordered.snapshot.context.order).toEqual([])
    expect(store.holding).toBe(1)
    const late = ordered.dispatch({ type: 'said', n: 6 })
    store.release()
    await late
    expect(ordered.snapshot.context.order).toEqual([1, 2, 3, 4, 5, 6])
  })

  it('that have no transition for their error end the chart as a committed fault', async () => {
    const chart = setup({ actors: { failing: fromPromise(() => Promise.reject(new Error('child died'))) } }).createMachine({
      id: 'failing',
      invoke: { src: 'failing', id: 'p' },
    })
    const { lifechart } = await runtimes().open()
    const failing = lifechart.actors.spawn(chart, { id: 'a' })
    await expect(failing.ended).rejects.toMatchObject({ code: 'CHART_FAULT', cause: { message: 'child died' } })
    const steps = failing.steps()
    await steps.next()
    expect((await steps.next()).value).toMatchObject({
      seq: 2,
      cause: 'child',
      status: 'error',
      event: { type: 'xstate.error.actor.p', error: { name: 'Error', message: 'child died' } },
    })
    expect((await steps.next()).done).toBe(true)
  })

  it('may fail where the chart has a transition for it', async () => {
    const chart = setup({ actors: { failing: fromPromise(() => Promise.reject(new Error('child died'))) } }).createMachine({
      id: 'ready',
      initial: 'a',
      states: { a: { invoke: { src: 'failing', id: 'p', onError: 'b' } }, b: {} },
    })
    const { lifechart } = await runtimes().open()
    const ready = lifechart.actors.spawn(chart, { id: 'a' })
    await ready.started
    await settled()
    expect(ready.snapshot).toMatchObject({ value: 'b', status: 'active' })
  })

  it('that were stopped in the meantime report to nobody', async () => {
    const ends: ((value: string) => void)[] = []
    const chart = setup({
      types: { context: {} as { out: string[] } },
      actors: { work: fromPromise<string>(() => new Promise(resolve => ends.push(resolve))) },
      actions: { keep: assign({ out: ({ context, event }) => [...context.out, (event as unknown as { output: string }).output] }) },
    }).createMachine({
      id: 'restarted',
      context: { out: [] },
      initial: 'a',
      states: { a: { invoke: { src: 'work', id: 'w', onDone: { actions: 'keep' } }, on: { again: { target: 'a', reenter: true } } } },
    })
    const { lifechart, store } = await runtimes().open()
    const restarted = lifechart.actors.spawn(chart, { id: 'a' })
    await restarted.started
    store.hold()
    const again = restarted.dispatch({ type: 'again' })
    await settled()
    ends[0]?.('of the first')
    await settled()
    store.release()
    await again
    await settled()
    expect(restarted.snapshot.context.out).toEqual([])
    ends[1]?.('of the second')
    await settled()
    expect(restarted.snapshot.context.out).toEqual(['of the second'])
  })

  it('may be machines with a life of their own', async () => {
    const inner = createMachine({ id: 'inner', initial: 'a', states: { a: { on: { step: 'b' } }, b: { type: 'final' } } })
    const chart = setup({ actors: { inner } }).createMachine({
      id: 'outer',
      initial: 'a',
      states: {
        a: { invoke: { src: 'inner', id: 'inner', onDone: 'b' }, on: { step: { actions: sendTo('inner', { type: 'step' }) } } },
        b: { entry: stopChild('inner') },
      },
    })
    const { lifechart } = await runtimes().open()
    const outer = lifechart.actors.spawn(chart, { id: 'a' })
    await outer.dispatch({ type: 'step' })
    await settled()
    expect(outer.snapshot).toMatchObject({ value: 'b', children: {} })
  })

  it('can not be of a source that is not registered', async () => {
    const chart = createMachine({
      id: 'inline',
      initial: 'a',
      states: { a: { on: { go: 'b' } }, b: { invoke: { src: fromCallback(() => undefined), id: 'x' } } },
    })
    const { lifechart } = await runtimes().open()
    const inline = lifechart.actors.spawn(chart.provide({}), { id: 'a' })
    await inline.started
    const spawning = createMachine({
      id: 'spawning',
      context: {},
      on: {
        go: {
          actions: assign(({ spawn }) => ({
            ref: spawn(
              fromCallback(() => undefined),
              { id: 'x' },
            ),
          })),
        },
      },
    })
    const other = lifechart.actors.spawn(spawning, { id: 'a' })
    await expect(other.dispatch({ type: 'go' })).rejects.toMatchObject({ code: 'CHART_FAULT', message: expect.stringContaining('setup()') })
    expect(other.snapshot.children).toEqual({})
  })

  it('can not be of a source that is not registered in a step of the chart itself: it ends as an error', async () => {
    const chart = setup({
      actors: { soon: fromPromise(async () => 1) },
      actions: {
        spawnInline: assign(({ spawn }) => ({ ref: spawn(fromCallback(() => undefined) as never, { id: 'x' } as never) })) as never,
      },
    }).createMachine({
      id: 'spawning',
      context: {},
      invoke: { src: 'soon', id: 'soon', onDone: { actions: 'spawnInline' } },
    })
    const { lifechart } = await runtimes().open()
    const spawning = lifechart.actors.spawn(chart, { id: 'a' })
    await expect(spawning.ended).rejects.toMatchObject({ code: 'CHART_FAULT' })
  })
})
