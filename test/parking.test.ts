import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { assign, setup } from 'xstate'
import { memoryAdapter } from '../src/adapters/memory.ts'
import { type Lifechart, openLifechart } from '../src/lifechart.ts'
import type { Lifecycle } from '../src/lifecycle.ts'
import { type TestEnvironment, testEnvironment } from '../src/testing/environment.ts'
import { type FaultyAdapter, faultyAdapter } from './support/faulty-adapter.ts'

const lampMachine = setup({
  types: {
    context: {} as { flashes: number; touches: number },
    events: {} as { type: 'lamp.touched' },
  },
  actions: {
    countFlash: assign({ flashes: ({ context }) => context.flashes + 1 }),
    countTouch: assign({ touches: ({ context }) => context.touches + 1 }),
  },
  delays: { interval: 1_000 },
}).createMachine({
  id: 'lamp',
  context: { flashes: 0, touches: 0 },
  initial: 'lit',
  states: {
    lit: {
      on: { 'lamp.touched': { actions: 'countTouch' } },
      after: { interval: { target: 'lit', reenter: true, actions: 'countFlash' } },
    },
  },
})

type Lamp = Lifecycle<typeof lampMachine>

/** Its first two deadlines pass and change nothing. */
const doubtfulMachine = setup({ guards: { never: () => false } }).createMachine({
  id: 'doubtful',
  initial: 'waiting',
  states: {
    waiting: {
      after: { 1000: { guard: 'never', target: 'sure' }, 1010: { guard: 'never', target: 'sure' }, 60000: 'sure' },
    },
    sure: {},
  },
})

let environment: TestEnvironment
let adapter: FaultyAdapter
let lifechart: Lifechart
beforeEach(async () => {
  environment = testEnvironment()
  adapter = faultyAdapter(memoryAdapter())
  lifechart = await openLifechart({ adapter, charts: [lampMachine, doubtfulMachine], ...environment })
})
afterEach(() => {
  adapter.latency = 0
  return lifechart.close()
})

async function parkedLamp(): Promise<void> {
  const lamp = lifechart.actors.spawn(lampMachine, { id: 'hall' })
  await lamp.started
  await lamp[Symbol.asyncDispose]()
}

/** The causes of the steps so far. */
async function causes(lamp: Lamp): Promise<string[]> {
  const last = lamp.dispatch({ type: 'lamp.touched' })
  const seen: string[] = []
  const { context } = await last
  for await (const step of lamp.steps()) {
    if (step.type === 'gap') continue
    seen.push(step.cause)
    if (seen.filter(cause => cause === 'command').length === context.touches) break
  }
  return seen
}

describe('a parked lifecycle', () => {
  it('is woken by its deadline for one step, and parked again', async () => {
    await parkedLamp()
    expect(lifechart.stats()['lifecycles.loaded']).toBe(0)
    await environment.clock.advance(3_500)
    expect(lifechart.stats()['lifecycles.loaded']).toBe(0)
    const lamp = await lifechart.actors.get(lampMachine, 'hall')
    expect(lamp?.snapshot.context.flashes).toBe(3)
    expect(await causes(lamp!)).toEqual(['start', 'restore', 'timer', 'restore', 'timer', 'restore', 'timer', 'restore', 'command'])
  })

  it('stays with whoever attaches to it', async () => {
    await parkedLamp()
    const lamp = (await lifechart.actors.get(lampMachine, 'hall'))!
    await environment.clock.advance(1_000)
    expect((await lamp.dispatch({ type: 'lamp.touched' })).context).toEqual({ flashes: 1, touches: 1 })
    expect(lifechart.stats()['lifecycles.loaded']).toBe(1)
  })

  /** What is stored of it: how many steps, and the deadlines that are to come. */
  async function stored(id: string): Promise<{ version: number; steps: number; deadlines: string[]; due: number | null }> {
    const { version, index, state } = (await lifechart.kernel.adapter.load(id))!
    const { steps, deadlines } = JSON.parse(state!) as { steps: number; deadlines: object }
    return { version, steps, deadlines: Object.keys(deadlines), due: index.due }
  }

  async function parkedDoubt(): Promise<number> {
    const doubt = lifechart.actors.spawn(doubtfulMachine, { id: 'one' })
    await doubt.started
    await doubt[Symbol.asyncDispose]()
    return environment.clock.now()
  }

  it('is parked again when its chart refuses its deadline, which has passed for good', async () => {
    const start = await parkedDoubt()
    await environment.clock.advance(1_005)
    expect(lifechart.stats()['lifecycles.loaded']).toBe(0)
    expect(await stored('lifecycle/doubtful/one')).toMatchObject({ version: 2, steps: 2, due: start + 1_010 })
    await environment.clock.advance(30_000)
    expect(lifechart.stats()['lifecycles.loaded']).toBe(0)
    expect(await stored('lifecycle/doubtful/one')).toEqual({
      version: 3,
      steps: 3,
      deadlines: ['xstate.after.60000.doubtful.waiting'],
      due: start + 60_000,
    })
  })

  it('is parked again when its next deadline comes, and is refused, while the first is dealt with', async () => {
    await parkedDoubt()
    adapter.latency = 6
    await environment.clock.advance(30_000)
    expect(lifechart.stats()['lifecycles.loaded']).toBe(0)
    expect(await stored('lifecycle/doubtful/one')).toMatchObject({ version: 2, deadlines: ['xstate.after.60000.doubtful.waiting'] })
    await environment.clock.advance(31_000)
    expect(lifechart.stats()['lifecycles.loaded']).toBe(0)
    expect(await lifechart.kernel.adapter.load('lifecycle/doubtful/one')).toMatchObject({ index: { state: '"sure"', due: null } })
  })

  it('is given to whoever asks for it while its deadline wakes it, at any moment of that', async () => {
    await parkedLamp()
    for (let turns = 0; turns < 20; turns++) {
      environment.clock.tick(1_000)
      for (let turn = 0; turn < turns; turn++) await Promise.resolve()
      const lamp = (await lifechart.actors.get(lampMachine, 'hall'))!
      await environment.clock.advance(1)
      const { context } = await lamp.dispatch({ type: 'lamp.touched' })
      expect(context.touches, `after ${turns} microtasks`).toBe(turns + 1)
      await lamp[Symbol.asyncDispose]()
    }
  })

  it('is given to whoever asks for it while it is being parked', async () => {
    const lamp = lifechart.actors.spawn(lampMachine, { id: 'hall' })
    const parked = lamp[Symbol.asyncDispose]()
    const again = (await lifechart.actors.get(lampMachine, 'hall'))!
    await parked
    expect((await again.dispatch({ type: 'lamp.touched' })).context.touches).toBe(1)
  })

  it('is not disturbed by one who tries to spawn it anew', async () => {
    await parkedLamp()
    const second = lifechart.actors.spawn(lampMachine, { id: 'hall' })
    await expect(second.started).rejects.toMatchObject({ code: 'LIFECYCLE_EXISTS' })
    const lamp = (await lifechart.actors.get(lampMachine, 'hall'))!
    expect((await lamp.dispatch({ type: 'lamp.touched' })).context.touches).toBe(1)
  })
})

describe('a lifecycle that is to be forgotten', () => {
  const bell = setup({ types: { events: {} as { type: 'bell.rung' } } }).createMachine({
    id: 'bell',
    initial: 'silent',
    states: { silent: { on: { 'bell.rung': 'rung' } }, rung: { type: 'final' } },
  })

  it('is gone when it has ended, and its id is free again', async () => {
    const one = lifechart.actors.spawn(bell, { id: 'door' })
    await one.dispatch({ type: 'bell.rung' })
    await one.ended
    expect(await lifechart.actors.forget(bell, 'door')).toBe(true)
    expect(await lifechart.actors.get(bell, 'door')).toBeUndefined()
    expect(await lifechart.actors.forget(bell, 'door')).toBe(false)
    const another = lifechart.actors.spawn(bell, { id: 'door' })
    await another.started
    expect(another.snapshot.value).toBe('silent')
  })

  it('stays as it is while it has not ended', async () => {
    const one = lifechart.actors.spawn(bell, { id: 'door' })
    await one.started
    await expect(lifechart.actors.forget(bell, 'door')).rejects.toMatchObject({ code: 'LIFECYCLE_ACTIVE' })
    expect((await one.dispatch({ type: 'bell.rung' })).status).toBe('done')
  })
})
