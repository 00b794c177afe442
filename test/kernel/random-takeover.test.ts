import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { assign, setup } from 'xstate'
import type { Lifecycle } from '../../src/index.ts'
import { settled } from '../../src/testing/simulated-clock.ts'
import { type PausableClock, pausableClock } from '../support/pausable-clock.ts'
import { type Runtime, Runtimes } from '../support/runtimes.ts'

const ttl = 15_000

interface Happening {
  what: 'count' | 'pause' | 'resume' | 'crash' | 'wait' | 'park' | 'settle'
  who: number
}

const happening: fc.Arbitrary<Happening> = fc.record({
  what: fc.constantFrom('count', 'count', 'count', 'pause', 'resume', 'crash', 'wait', 'wait', 'park', 'settle'),
  who: fc.nat(2),
})

function counterChart(effects: number[]) {
  return setup({
    types: { context: {} as { counted: number[] }, events: {} as { type: 'count'; id: number } },
    actions: {
      count: assign({ counted: ({ context, event }) => [...context.counted, event.id] }),
      effect: ({ event }) => effects.push(event.id),
    },
  }).createMachine({ id: 'counter', context: { counted: [] }, on: { count: { actions: ['count', 'effect'] } } })
}

interface Process {
  runtime: Runtime
  clock: PausableClock
  counter: Lifecycle<ReturnType<typeof counterChart>>
}

describe('three processes over one store, of which any may stand still or die', () => {
  it('agree on one history: every acknowledged command is in it once, and nothing is done twice', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(happening, { minLength: 5, maxLength: 30 }), async plan => {
        const effects: number[] = []
        const chart = counterChart(effects)
        const runtimes = new Runtimes()
        const acknowledged: number[] = []
        let sent = 0
        const enter = async (): Promise<Process> => {
          const clock = pausableClock(runtimes.clock)
          const runtime = await runtimes.open({ clock, charts: [chart] })
          return { runtime, clock, counter: (await runtime.lifechart.actors.get(chart, 'a'))! }
        }
        const founder = await runtimes.open()
        await founder.lifechart.actors.spawn(chart, { id: 'a' }).started
        await founder.lifechart.close()
        const processes = [await enter(), await enter(), await enter()]

        for (const { what, who } of plan) {
          const { runtime, clock, counter } = processes[who] as Process
          if (what === 'count') {
            const id = ++sent
            counter.dispatch({ type: 'count', id }).then(
              () => acknowledged.push(id),
              () => undefined,
            )
          } else if (what === 'pause') clock.pause()
          else if (what === 'resume') clock.resume()
          else if (what === 'wait') await runtimes.clock.advance(4_000)
          else if (what === 'settle') await settled(2)
          else {
            if (what === 'park') await counter[Symbol.asyncDispose]()
            runtimes.crash(runtime)
            processes[who] = await enter()
          }
        }
        for (const { clock } of processes) clock.resume()
        await runtimes.clock.advance(3 * ttl)

        const views = processes.map(({ counter }) => counter.snapshot.context.counted)
        const counted = views[0] as number[]
        for (const view of views) expect(view).toEqual(counted)
        expect(new Set(counted).size).toBe(counted.length)
        expect(acknowledged.filter(id => !counted.includes(id))).toEqual([])
        expect(new Set(effects).size).toBe(effects.length)
        expect(effects.filter(id => !counted.includes(id))).toEqual([])
        expect(processes.reduce((sum, { runtime }) => sum + runtime.lifechart.kernel.size, 0)).toBe(1)
        runtimes.end()
      }),
      { numRuns: 150 },
    )
  })
})
