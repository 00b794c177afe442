import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { assign, setup } from 'xstate'
import { settled } from '../../src/testing/simulated-clock.ts'
import { busy } from '../support/faulty-adapter.ts'
import { type Runtime, Runtimes } from '../support/runtimes.ts'

const ttl = 15_000

type Happening = 'count' | 'count twice' | 'hold' | 'release one' | 'release' | 'busy' | 'cut' | 'crash' | 'park' | 'wait'
const happenings: readonly Happening[] = ['count', 'count twice', 'hold', 'release one', 'release', 'busy', 'cut', 'crash', 'park', 'wait']

describe('whatever happens to the store and to the processes', () => {
  it('nothing that was acknowledged is lost, nothing is done twice, and no number is missing', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom(...happenings), { minLength: 5, maxLength: 30 }), async plan => {
        const effects: number[] = []
        const chart = setup({
          types: { context: {} as { counted: number[] }, events: {} as { type: 'count'; id: number } },
          actions: {
            count: assign({ counted: ({ context, event }) => [...context.counted, event.id] }),
            effect: ({ event }) => effects.push(event.id),
          },
        }).createMachine({ id: 'counter', context: { counted: [] }, on: { count: { actions: ['count', 'effect'] } } })
        const runtimes = new Runtimes()
        const acknowledged: number[] = []
        let runtime: Runtime = await runtimes.open()
        let counter = runtime.lifechart.actors.spawn(chart, { id: 'a' })
        await counter.started
        let sent = 0

        const count = () => {
          const id = ++sent
          counter.dispatch({ type: 'count', id }).then(
            () => acknowledged.push(id),
            () => undefined,
          )
        }
        const reopen = async () => {
          runtime = await runtimes.open()
          counter = (await runtime.lifechart.actors.get(chart, 'a'))!
        }
        for (const what of plan) {
          if (what === 'count') count()
          else if (what === 'count twice') {
            count()
            count()
          } else if (what === 'hold') runtime.store.hold()
          else if (what === 'release one') runtime.store.release(1)
          else if (what === 'release') runtime.store.release()
          else if (what === 'busy') runtime.store.fail('commit', busy(), 3)
          else if (what === 'cut') runtime.store.cut()
          else if (what === 'wait') await runtimes.clock.advance(3_000)
          else if (what === 'crash') {
            runtimes.crash(runtime)
            await runtimes.clock.advance(ttl)
            await reopen()
          } else {
            runtime.store.release()
            const parked = counter[Symbol.asyncDispose]()
            await runtimes.clock.advance(1_000)
            await parked
            await runtime.lifechart.close()
            await reopen()
          }
          await settled(2)
        }
        runtimes.crash(runtime)
        await runtimes.clock.advance(ttl)
        await reopen()
        const { counted } = counter.snapshot.context
        expect(counted.filter((id, i) => counted.indexOf(id) !== i)).toEqual([])
        expect(acknowledged.filter(id => !counted.includes(id))).toEqual([])
        expect(effects.filter((id, i) => effects.indexOf(id) !== i)).toEqual([])
        expect(effects.filter(id => !counted.includes(id))).toEqual([])
        expect(counted).toEqual([...counted].sort((a, b) => a - b))
        const head = (await runtime.lifechart.kernel.adapter.load('lifecycle/counter/a'))?.version ?? 0
        const numbers: number[] = []
        for await (const step of counter.steps()) {
          if (step.type === 'step') numbers.push(step.seq)
          if (numbers.length === head) break
        }
        expect(numbers).toEqual(Array.from({ length: head }, (_, i) => i + 1))
        runtimes.end()
      }),
      { numRuns: 150 },
    )
  })
})
