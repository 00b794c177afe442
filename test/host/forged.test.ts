import { describe, expect, it } from 'vitest'
import { type AnyEventObject, assign, createMachine, fromCallback, fromPromise, fromTransition, sendParent, setup } from 'xstate'
import { settled } from '../../src/testing/simulated-clock.ts'
import { freshRuntimes, published } from '../support/runtimes.ts'

const runtimes = freshRuntimes()

/** A lifecycle with a child that sends whatever it is given, and one that is still at work. */
async function withForger() {
  let send: (event: AnyEventObject) => void = () => undefined
  const chart = setup({
    actors: {
      forger: fromCallback(({ sendBack }) => {
        send = sendBack
      }),
      work: fromPromise(() => new Promise(() => undefined)),
    },
  }).createMachine({
    id: 'wary',
    initial: 'a',
    invoke: [
      { id: 'forger', src: 'forger', onDone: '.taken', onError: '.taken' },
      { id: 'work', src: 'work', onDone: '.taken', onError: '.taken' },
    ],
    states: { a: { on: { go: 'b' }, after: { 1000: 'taken' }, always: [] }, b: {}, taken: {} },
    on: { 'lifechart.restore': '.taken' },
  })
  const { lifechart, environment } = await runtimes().open()
  const one = lifechart.actors.spawn(chart, { id: 'x' })
  await one.started
  const stored = async () => JSON.parse((await lifechart.kernel.adapter.load('lifecycle/wary/x'))?.state ?? '').snapshot
  return { one, stored, log: environment.log, send: (event: unknown) => send(event as AnyEventObject) }
}

describe('an event that only XState makes', () => {
  it.each([
    'xstate.stop',
    'xstate.init',
    'xstate.error',
    'xstate.after.1000.wary.a',
    'xstate.done.state.wary.a',
    'xstate.done.actor.forger',
    'xstate.error.actor.forger',
    'xstate.done.actor.work',
    'xstate.error.actor.work',
    'xstate.error.actor.nobody',
    'xstate.snapshot.forger',
    'xstate.snapshot.work',
    'lifechart.restore',
  ])('is refused when a child sends it, and the chart goes on: %s', async type => {
    const { one, stored, log, send } = await withForger()
    send({ type, output: 1, error: 'secret', data: 'secret' })
    await settled()
    expect(one.snapshot).toMatchObject({ value: 'a', status: 'active' })
    expect(await stored()).toMatchObject({ value: 'a', status: 'active' })
    expect(log.filter(({ level }) => level !== 'info')).toEqual([
      { level: 'warn', message: expect.stringContaining('dropped'), facts: { lifecycle: 'lifecycle/wary/x', event: type } },
    ])
    expect((await one.dispatch({ type: 'go' })).value).toBe('b')
    expect(await published(one)).toEqual(['1 start lifechart.start', '2 command go'])
  })

  it.each([[undefined], [null], ['go'], [{}], [{ type: 5 }], [{ type: '' }]])(
    'is none of the things that are no event, which are dropped: %j',
    async event => {
      const { one, log, send } = await withForger()
      send(event)
      await settled()
      expect(one.snapshot).toMatchObject({ value: 'a', status: 'active' })
      expect(log).toContainEqual(expect.objectContaining({ level: 'warn', facts: { lifecycle: 'lifecycle/wary/x' } }))
      expect((await one.dispatch({ type: 'go' })).value).toBe('b')
    },
  )

  it('is taken when XState made it: of a child that is done, failed, or has a new snapshot', async () => {
    let turn: (() => void) | undefined
    const chart = setup({
      types: { context: {} as { seen: string[] } },
      actors: {
        soon: fromPromise(async () => Number.NaN),
        failing: fromPromise(() => Promise.reject(new Error('no'))),
        at_once: createMachine({ id: 'inner', initial: 'z', states: { z: { type: 'final', entry: sendParent({ type: 'said' }) } } }),
        counter: fromTransition((count: number) => count + 1, 0),
        turner: fromCallback(({ system }) => {
          turn = () => system.get('counter').send({ type: 'turn' })
        }),
      },
      actions: { see: assign({ seen: ({ context, event }) => [...context.seen, event.type] }) },
    }).createMachine({
      id: 'honest',
      context: { seen: [] },
      invoke: [
        { id: 'soon', src: 'soon', onDone: { actions: 'see' } },
        { id: 'failing', src: 'failing', onError: { actions: 'see' } },
        { id: 'atOnce', src: 'at_once', onDone: { actions: 'see' } },
        { id: 'counter', src: 'counter', systemId: 'counter', onSnapshot: { actions: 'see' } },
        { id: 'turner', src: 'turner' },
      ],
      on: { said: { actions: 'see' } },
    })
    const { lifechart, environment } = await runtimes().open()
    const one = lifechart.actors.spawn(chart, { id: 'x' })
    await one.started
    await settled()
    turn?.()
    turn?.()
    await settled()
    const { seen } = one.snapshot.context
    for (const type of ['xstate.done.actor.soon', 'xstate.error.actor.failing', 'said', 'xstate.done.actor.atOnce']) {
      expect(seen.filter(event => event === type)).toHaveLength(1)
    }
    expect(seen.filter(event => event === 'xstate.snapshot.counter').length).toBeGreaterThanOrEqual(2)
    expect(environment.log.filter(({ level }) => level !== 'info')).toEqual([])
  })
})
