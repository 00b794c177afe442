import { describe, expect, it } from 'vitest'
import { assign, createMachine, fromCallback, fromPromise, setup } from 'xstate'
import { settled } from '../../src/testing/simulated-clock.ts'
import { freshRuntimes, published } from '../support/runtimes.ts'

const runtimes = freshRuntimes()
/** Sessions lapse after 15 s; until then a crashed owner still counts as alive. */
const ttl = 15_000

const lamp = createMachine({
  id: 'lamp',
  initial: 'on',
  states: { on: { after: { 60000: 'off' }, on: { hold: 'held' } }, off: {}, held: { on: { free: 'on' } } },
})

describe('a deadline over a crash', () => {
  it('keeps its absolute time', async () => {
    const first = await runtimes().open()
    await first.lifechart.actors.spawn(lamp, { id: 'a' }).started
    await runtimes().clock.advance(10_000)
    runtimes().crash(first)
    await runtimes().clock.advance(30_000)
    const second = await runtimes().open({ charts: [lamp] })
    const one = await second.lifechart.actors.get(lamp, 'a')
    await runtimes().clock.advance(19_999)
    expect(one?.snapshot.value).toBe('on')
    await runtimes().clock.advance(1)
    expect(one?.snapshot.value).toBe('off')
    expect(await published(one!)).toEqual(['1 start lifechart.start', '2 restore lifechart.restore', '3 timer xstate.after.60000.lamp.on'])
  })

  it('that passed while nobody was there fires when somebody opens', async () => {
    const first = await runtimes().open()
    await first.lifechart.actors.spawn(lamp, { id: 'a' }).started
    runtimes().crash(first)
    await runtimes().clock.advance(100_000)
    const second = await runtimes().open({ charts: [lamp] })
    await runtimes().clock.advance(1)
    const stored = await second.lifechart.kernel.adapter.load('lifecycle/lamp/a')
    expect(stored).toMatchObject({ index: { state: '"off"', due: null } })
    expect(second.lifechart.kernel.size).toBe(0)
  })

  it('that passed while nobody was there fires when somebody attaches', async () => {
    const first = await runtimes().open()
    await first.lifechart.actors.spawn(lamp, { id: 'a' }).started
    runtimes().crash(first)
    await runtimes().clock.advance(100_000)
    const second = await runtimes().open()
    const one = await second.lifechart.actors.get(lamp, 'a')
    await settled()
    expect(one?.snapshot.value).toBe('off')
  })

  it('is cancelled when its state is left, also after the restore', async () => {
    const first = await runtimes().open()
    await first.lifechart.actors.spawn(lamp, { id: 'a' }).started
    runtimes().crash(first)
    await runtimes().clock.advance(ttl)
    const second = await runtimes().open()
    const one = await second.lifechart.actors.get(lamp, 'a')
    await one?.dispatch({ type: 'hold' })
    await runtimes().clock.advance(100_000)
    expect(one?.snapshot.value).toBe('held')
    await one?.dispatch({ type: 'free' })
    await runtimes().clock.advance(59_999)
    expect(one?.snapshot.value).toBe('on')
    await runtimes().clock.advance(1)
    expect(one?.snapshot.value).toBe('off')
  })

  it('that its guard refused does not fire again', async () => {
    let asked = 0
    const chart = setup({ guards: { never: () => ++asked < 0 } }).createMachine({
      id: 'guarded',
      initial: 'a',
      states: { a: { after: { 100: { guard: 'never', target: 'b' }, 500000: 'c' } }, b: {}, c: {} },
    })
    const first = await runtimes().open()
    await first.lifechart.actors.spawn(chart, { id: 'a' }).started
    await runtimes().clock.advance(1000)
    const before = asked
    expect(before).toBeGreaterThan(0)
    runtimes().crash(first)
    await runtimes().clock.advance(ttl)
    const second = await runtimes().open({ charts: [chart] })
    const one = await second.lifechart.actors.get(chart, 'a')
    await runtimes().clock.advance(10_000)
    expect(asked).toBe(before)
    expect(one?.snapshot.value).toBe('a')
  })
})

describe('children over a crash', () => {
  it('that were at work are started again: at least once', async () => {
    const inputs: number[] = []
    const chart = setup({
      types: { context: {} as { n: number; out?: string }, input: {} as { n: number } },
      actors: {
        work: fromPromise<string, { n: number }>(({ input }) => {
          inputs.push(input.n)
          return inputs.length === 1 ? new Promise(() => undefined) : Promise.resolve(`work on ${input.n}`)
        }),
      },
      actions: { keep: assign({ out: ({ event }) => (event as unknown as { output: string }).output }) },
    }).createMachine({
      id: 'worker',
      context: ({ input }) => ({ n: input.n }),
      invoke: { src: 'work', id: 'w', input: ({ context }) => ({ n: context.n }), onDone: { actions: 'keep' } },
    })
    const first = await runtimes().open()
    await first.lifechart.actors.spawn(chart, { id: 'a', input: { n: 7 } }).started
    runtimes().crash(first)
    await runtimes().clock.advance(ttl)
    const second = await runtimes().open({ charts: [chart] })
    await settled()
    const one = await second.lifechart.actors.get(chart, 'a')
    expect(one?.snapshot.context.out).toBe('work on 7')
    expect(inputs).toEqual([7, 7])
  })

  it('that were there under their system id are there again', async () => {
    const heard: string[] = []
    const chart = setup({
      actors: { ear: fromCallback<{ type: 'say' }>(({ receive }) => receive(({ type }) => void heard.push(type))) },
      actions: { say: ({ system }) => system.get('the ear').send({ type: 'say' }) },
    }).createMachine({ id: 'ears', invoke: { src: 'ear', id: 'ear', systemId: 'the ear' }, on: { say: { actions: 'say' } } })
    const first = await runtimes().open()
    await first.lifechart.actors.spawn(chart, { id: 'a' }).dispatch({ type: 'say' })
    runtimes().crash(first)
    await runtimes().clock.advance(ttl)
    const second = await runtimes().open()
    await (await second.lifechart.actors.get(chart, 'a'))?.dispatch({ type: 'say' })
    expect(heard).toEqual(['say', 'say'])
  })

  /** A child that has ended, and whose end waits behind a command that is stored; then the process dies. */
  async function endedAndUndecided() {
    const ends: (() => void)[] = []
    const chart = setup({
      types: { context: {} as { n: number; out?: string }, events: {} as { type: 'count' } },
      actors: { work: fromPromise<string>(() => new Promise(resolve => ends.push(() => resolve('worked')))) },
      actions: {
        count: assign({ n: ({ context }) => context.n + 1 }),
        keep: assign({ out: ({ event }) => (event as unknown as { output: string }).output }),
      },
    }).createMachine({
      id: 'ending',
      context: { n: 0 },
      invoke: { src: 'work', id: 'w', onDone: { actions: 'keep' } },
      on: { count: { actions: 'count' } },
    })
    const first = await runtimes().open()
    const one = first.lifechart.actors.spawn(chart, { id: 'a' })
    await one.started
    first.store.hold()
    const commands = [one.dispatch({ type: 'count' }), one.dispatch({ type: 'count' })]
    await settled()
    ends[0]?.()
    await settled()
    first.store.release(1)
    await commands[0]
    await settled()
    commands[1]?.catch(() => undefined)
    first.store.release(1)
    await commands[1]
    await settled()
    expect(first.store.holding).toBe(1)
    runtimes().crash(first)
    await runtimes().clock.advance(ttl)
    return { chart, ends }
  }

  it('that had ended and were not decided are not run again: their end is', async () => {
    const { chart, ends } = await endedAndUndecided()
    const second = await runtimes().open({ charts: [chart] })
    await settled()
    const one = await second.lifechart.actors.get(chart, 'a')
    expect(one?.snapshot.context).toEqual({ n: 2, out: 'worked' })
    expect(ends).toHaveLength(1)
  })

  it('that had ended and were not decided survive the crash of the next owner as well', async () => {
    const { chart, ends } = await endedAndUndecided()
    const second = await runtimes().open()
    const taken = second.lifechart.actors.get(chart, 'a')
    second.store.hold()
    await settled()
    second.store.release(1)
    await taken
    expect(second.store.holding).toBe(1)
    runtimes().crash(second)
    await runtimes().clock.advance(ttl)
    const third = await runtimes().open()
    const one = await third.lifechart.actors.get(chart, 'a')
    await settled()
    expect(one?.snapshot.context).toEqual({ n: 2, out: 'worked' })
    expect(ends).toHaveLength(1)
  })
})

describe('an action over a crash', () => {
  it('is not performed when the process died between the commit and it', async () => {
    const effects: string[] = []
    const chart = setup({ actions: { effect: () => effects.push('effect') } }).createMachine({
      id: 'mail',
      initial: 'a',
      states: { a: { on: { send: { target: 'b', actions: 'effect' } } }, b: { on: { send: { target: 'a', actions: 'effect' } } } },
    })
    const first = await runtimes().open()
    const one = first.lifechart.actors.spawn(chart, { id: 'a' })
    await one.started
    first.store.cut()
    one.dispatch({ type: 'send' }).catch(() => undefined)
    await settled()
    runtimes().crash(first)
    await runtimes().clock.advance(ttl)
    const again = await (await runtimes().open()).lifechart.actors.get(chart, 'a')
    expect(again?.snapshot.value).toBe('b')
    expect(effects).toEqual([])
    await again?.dispatch({ type: 'send' })
    expect(effects).toEqual(['effect'])
  })
})

describe('parking', () => {
  it('stops what runs, and the next owner goes on', async () => {
    const effects: string[] = []
    const chart = setup({
      actors: {
        kid: fromCallback(() => {
          effects.push('started')
          return () => void effects.push('stopped')
        }),
      },
    }).createMachine({ id: 'parent', invoke: { src: 'kid', id: 'kid' }, initial: 'a', states: { a: { on: { go: 'b' } }, b: {} } })
    const first = await runtimes().open()
    const one = first.lifechart.actors.spawn(chart, { id: 'a' })
    await one.dispatch({ type: 'go' })
    const ended = expect(one.ended).rejects.toMatchObject({ code: 'RUNTIME_CLOSED' })
    await one[Symbol.asyncDispose]()
    await ended
    expect(effects).toEqual(['started', 'stopped'])
    expect(first.lifechart.kernel.size).toBe(0)
    expect(one.snapshot).toMatchObject({ value: 'b', status: 'active' })
    expect(one.can({ type: 'go' })).toBe(false)
    await expect(one.dispatch({ type: 'go' })).rejects.toMatchObject({ code: 'RUNTIME_CLOSED' })
    const second = await runtimes().open()
    const again = await second.lifechart.actors.get(chart, 'a')
    expect(again?.snapshot.value).toBe('b')
    expect(effects).toEqual(['started', 'stopped', 'started'])
  })

  it('happens to all that is open when the runtime closes, at once free for another', async () => {
    const first = await runtimes().open()
    await first.lifechart.actors.spawn(lamp, { id: 'a' }).started
    await first.lifechart.close()
    const second = await runtimes().open()
    const one = await second.lifechart.actors.get(lamp, 'a')
    await one?.dispatch({ type: 'hold' })
    expect(one?.snapshot.value).toBe('held')
    expect(() => first.lifechart.actors.spawn(lamp, { id: 'b' })).toThrow(expect.objectContaining({ code: 'RUNTIME_CLOSED' }))
  })

  it('leaves the state of an ended lifecycle where it can be read', async () => {
    const chart = createMachine({ id: 'brief', initial: 'a', states: { a: { on: { end: 'z' } }, z: { type: 'final' } }, output: { n: 1 } })
    const first = await runtimes().open()
    await first.lifechart.actors.spawn(chart, { id: 'a' }).dispatch({ type: 'end' })
    await first.lifechart.close()
    const second = await runtimes().open({ charts: [chart] })
    const one = await second.lifechart.actors.get(chart, 'a')
    expect(one?.snapshot).toMatchObject({ value: 'z', status: 'done' })
    expect(await one?.ended).toEqual({ n: 1 })
    await expect(one?.dispatch({ type: 'end' })).rejects.toMatchObject({ code: 'LIFECYCLE_ENDED' })
    expect(await published(one!)).toEqual(['1 start lifechart.start', '2 command end'])
    expect(second.lifechart.kernel.size).toBe(0)
  })
})
