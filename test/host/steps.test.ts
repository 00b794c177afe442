import { describe, expect, it } from 'vitest'
import { assign, createMachine, fromCallback, fromPromise, raise, setup, spawnChild } from 'xstate'
import { settled } from '../../src/testing/simulated-clock.ts'
import { freshRuntimes, published } from '../support/runtimes.ts'

const runtimes = freshRuntimes()

function orderChart(effects: string[]) {
  return setup({
    types: {
      context: {} as { n: number; out?: string },
      input: {} as { n: number },
      events: {} as { type: 'go' } | { type: 'raised' } | { type: 'kid.hello' } | { type: 'finish' },
    },
    actors: {
      work: fromPromise<string, { n: number }>(async ({ input }) => {
        await settled(1)
        return `work on ${input.n}`
      }),
      kid: fromCallback(({ sendBack }) => {
        effects.push('kid started')
        setImmediate(() => sendBack({ type: 'kid.hello' }))
        return () => effects.push('kid stopped')
      }),
    },
    actions: {
      effect: () => effects.push('effect'),
      count: assign({ n: ({ context }) => context.n + 1 }),
      keepOutput: assign({ out: ({ event }) => (event as unknown as { output: string }).output }),
    },
    guards: { counted: ({ context }) => context.n > 0 },
  }).createMachine({
    id: 'order',
    type: 'parallel',
    context: ({ input }) => ({ n: input.n }),
    states: {
      left: {
        initial: 'idle',
        states: {
          idle: { on: { go: 'busy' } },
          busy: {
            entry: [raise({ type: 'raised' }), 'effect'],
            invoke: { id: 'w', src: 'work', input: ({ context }) => ({ n: context.n }), onDone: { target: 'rest', actions: 'keepOutput' } },
          },
          rest: { after: { 1000: 'late' } },
          late: { always: { guard: 'counted', target: 'end' } },
          end: { type: 'final' },
        },
      },
      right: {
        initial: 'quiet',
        states: {
          quiet: { on: { raised: { target: 'listening', actions: ['count', spawnChild('kid', { id: 'kid' })] } } },
          listening: { on: { 'kid.hello': 'greeted' } },
          greeted: { on: { finish: 'end' } },
          end: { type: 'final' },
        },
      },
    },
  })
}

describe('a chart on the host', () => {
  it('commits every step, a command or its own, before anything of it happens', async () => {
    const effects: string[] = []
    const { lifechart, store } = await runtimes().open()
    const order = lifechart.actors.spawn(orderChart(effects), { id: 'a', input: { n: 1 } })
    const going = order.dispatch({ type: 'go' })
    expect(effects).toEqual([])
    const after = await going
    expect(effects).toEqual(['effect', 'kid started'])
    expect(after.value).toEqual({ left: 'busy', right: 'listening' })
    await settled()
    expect(order.snapshot).toMatchObject({ value: { left: 'rest', right: 'greeted' }, context: { n: 2, out: 'work on 1' } })
    await runtimes().clock.advance(999)
    expect(order.snapshot.value).toMatchObject({ left: 'rest' })
    await runtimes().clock.advance(1)
    expect(order.snapshot.value).toMatchObject({ left: 'end' })
    const over = await order.dispatch({ type: 'finish' })
    expect(over.status).toBe('done')
    await order.ended
    expect(effects).toEqual(['effect', 'kid started', 'kid stopped'])
    expect(await published(order)).toEqual([
      '1 start lifechart.start',
      '2 command go',
      '3 child xstate.done.actor.w',
      '4 child kid.hello',
      '5 timer xstate.after.1000.order.left.rest',
      '6 command finish',
    ])
    expect(store.calls.commit).toBe(6)
  })

  it('resolves `ended` with the output, and every later command is refused', async () => {
    const { lifechart } = await runtimes().open()
    const chart = setup({ types: { output: {} as { answer: number } } }).createMachine({
      id: 'answering',
      initial: 'open',
      states: { open: { on: { close: 'closed' } }, closed: { type: 'final' } },
      output: { answer: 42 },
    })
    const one = lifechart.actors.spawn(chart, { id: 'a' })
    await one.dispatch({ type: 'close' })
    expect(await one.ended).toEqual({ answer: 42 })
    expect(one.can({ type: 'close' })).toBe(false)
    await expect(one.dispatch({ type: 'close' })).rejects.toMatchObject({ code: 'LIFECYCLE_ENDED' })
    expect(lifechart.kernel.size).toBe(0)
  })

  it('performs the actions of a chart that is over as soon as it starts', async () => {
    const effects: string[] = []
    const { lifechart } = await runtimes().open()
    const chart = setup({ actions: { note: (_, params: string) => effects.push(params) } }).createMachine({
      id: 'brief',
      initial: 'first',
      states: {
        first: { entry: { type: 'note', params: 'first' }, always: 'last' },
        last: { entry: { type: 'note', params: 'last' }, type: 'final' },
      },
      output: 'done at once',
    })
    const brief = lifechart.actors.spawn(chart, { id: 'a' })
    expect(effects).toEqual([])
    expect(await brief.ended).toBe('done at once')
    expect(effects).toEqual(['first', 'last'])
    expect(await published(brief)).toEqual(['1 start lifechart.start'])
  })

  it('starts nothing of a new lifecycle before its first commit', async () => {
    const effects: string[] = []
    const { lifechart, store } = await runtimes().open()
    const chart = setup({
      actors: { kid: fromCallback(() => void effects.push('kid')) },
      actions: { effect: () => effects.push('effect') },
    }).createMachine({ id: 'eager', entry: 'effect', invoke: { src: 'kid', id: 'kid' } })
    store.hold()
    const eager = lifechart.actors.spawn(chart, { id: 'a' })
    await settled()
    expect(effects).toEqual([])
    store.release()
    await eager.started
    expect(effects).toEqual(['effect', 'kid'])
  })

  it('takes a command of the same tick right behind its start', async () => {
    const { lifechart } = await runtimes().open()
    const chart = createMachine({ id: 'door', initial: 'shut', states: { shut: { on: { open: 'open' } }, open: { on: { shut: 'shut' } } } })
    const door = lifechart.actors.spawn(chart, { id: 'a' })
    const commands = [door.dispatch({ type: 'open' }), door.dispatch({ type: 'shut' }), door.dispatch({ type: 'open' })]
    expect((await Promise.all(commands)).map(({ value }) => value)).toEqual(['open', 'shut', 'open'])
    expect(await published(door)).toEqual(['1 start lifechart.start', '2 command open', '3 command shut', '4 command open'])
  })

  it('evaluates an assign once: what lives is what is stored', async () => {
    const { lifechart } = await runtimes().open()
    let rolls = 0
    const chart = setup({
      types: { context: {} as { rolled: number } },
      actions: { roll: assign({ rolled: () => ++rolls }) },
    }).createMachine({
      id: 'die',
      context: { rolled: 0 },
      on: { roll: { actions: 'roll' } },
    })
    const die = lifechart.actors.spawn(chart, { id: 'a' })
    expect((await die.dispatch({ type: 'roll' })).context.rolled).toBe(1)
    expect(rolls).toBe(1)
    const stored = await lifechart.kernel.adapter.load('lifecycle/die/a')
    expect(JSON.parse(stored?.state ?? '').snapshot.context).toEqual({ rolled: 1 })
  })

  it('records of each step what a person needs to replay it', async () => {
    const { lifechart, environment } = await runtimes().open()
    const chart = setup({
      types: {
        context: {} as { n: number; note?: string },
        events: {} as { type: 'count'; by: number } | { type: 'note' } | { type: 'wait' },
      },
      actors: { kid: fromCallback(() => undefined) },
    }).createMachine({
      id: 'log',
      context: { n: 0 },
      initial: 'a',
      states: {
        a: {
          on: {
            count: { actions: assign({ n: ({ context, event }) => context.n + event.by }) },
            note: { actions: assign({ note: () => 'x' }) },
            wait: 'b',
          },
        },
        b: { after: { 500: 'a' }, invoke: { src: 'kid', id: 'kid' } },
      },
    })
    const log = lifechart.actors.spawn(chart, { id: 'a' })
    await log.dispatch({ type: 'count', by: 3 })
    await log.dispatch({ type: 'note' })
    await log.dispatch({ type: 'wait' })
    const at = environment.clock.now()
    const steps = log.steps()
    const records = []
    for (let i = 0; i < 4; i++) records.push((await steps.next()).value)
    await steps.return()
    expect(records).toEqual([
      {
        type: 'step',
        seq: 1,
        at,
        cause: 'start',
        event: { type: 'lifechart.start' },
        from: undefined,
        value: 'a',
        status: 'active',
        context: { n: 0 },
        deadlines: {},
        children: [],
      },
      {
        type: 'step',
        seq: 2,
        at,
        cause: 'command',
        event: { type: 'count', by: 3 },
        from: 'a',
        value: 'a',
        status: 'active',
        patch: { set: { n: 3 } },
      },
      {
        type: 'step',
        seq: 3,
        at,
        cause: 'command',
        event: { type: 'note' },
        from: 'a',
        value: 'a',
        status: 'active',
        patch: { set: { note: 'x' } },
      },
      {
        type: 'step',
        seq: 4,
        at,
        cause: 'command',
        event: { type: 'wait' },
        from: 'a',
        value: 'b',
        status: 'active',
        deadlines: { 'xstate.after.500.log.b': { event: { type: 'xstate.after.500.log.b' }, at: at + 500 } },
        children: ['kid'],
      },
    ])
  })

  it('records the whole context in every 64th step', async () => {
    const { lifechart } = await runtimes().open()
    const chart = setup({ types: { context: {} as { n: number } } }).createMachine({
      id: 'counter',
      context: { n: 0 },
      on: { count: { actions: assign({ n: ({ context }) => context.n + 1 }) } },
    })
    const counter = lifechart.actors.spawn(chart, { id: 'a' })
    for (let i = 0; i < 130; i++) await counter.dispatch({ type: 'count' })
    const full: number[] = []
    for await (const step of counter.steps()) {
      if (step.type === 'step' && step.context !== undefined) full.push(step.seq)
      if (step.type === 'step' && step.seq === 131) break
    }
    expect(full).toEqual([1, 65, 129])
  })
})
