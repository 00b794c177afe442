import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { assign, setup } from 'xstate'
import { memoryAdapter } from '../src/adapters/memory.ts'
import type { AdapterSource } from '../src/kernel/port.ts'
import { type Lifechart, openLifechart } from '../src/lifechart.ts'
import type { Lifecycle } from '../src/lifecycle.ts'
import { type TestEnvironment, testEnvironment } from '../src/testing/environment.ts'

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

let environment: TestEnvironment
let adapter: AdapterSource
let lifechart: Lifechart
beforeEach(async () => {
  environment = testEnvironment()
  adapter = memoryAdapter()
  lifechart = await openLifechart({ adapter, charts: [lampMachine], ...environment })
})
afterEach(() => lifechart.close())

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
