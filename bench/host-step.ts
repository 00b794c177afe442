import { openLifechart } from 'lifechart'
import { assign, createActor, setup } from 'xstate'
import { sideBySide } from './measure.ts'
import { quiet } from './quiet.ts'
import type { Row } from './report.ts'

const steps = 20_000

const machine = setup({
  types: { context: {} as { count: number; last?: string }, events: {} as { type: 'ping'; text: string } | { type: 'pong' } },
  actions: { note: assign(({ context, event }) => ({ count: context.count + 1, ...(event.type === 'ping' && { last: event.text }) })) },
}).createMachine({
  id: 'ping-pong',
  context: { count: 0 },
  initial: 'here',
  states: { here: { on: { ping: { target: 'there', actions: 'note' } } }, there: { on: { pong: { target: 'here', actions: 'note' } } } },
})

const event = (i: number) => (i % 2 === 0 ? ({ type: 'ping', text: 'hello' } as const) : ({ type: 'pong' } as const))

/** A decided, committed and applied step on the memory adapter, beside `actor.send` of the same event. */
export async function hostStep(rounds: number): Promise<Row[]> {
  let next = 0
  const medians = await sideBySide(
    [
      {
        name: 'send',
        run: () => {
          const actor = createActor(machine).start()
          const since = performance.now()
          for (let i = 0; i < steps; i++) actor.send(event(i))
          const took = performance.now() - since
          if (actor.getSnapshot().context.count !== steps) throw new Error('A step is missing.')
          return took
        },
      },
      {
        name: 'host',
        run: async () => {
          const lifechart = await openLifechart({ logger: quiet })
          const lifecycle = lifechart.actors.spawn(machine, { id: `l${next++}` })
          await lifecycle.started
          const since = performance.now()
          for (let i = 0; i < steps; i++) await lifecycle.dispatch(event(i))
          const took = performance.now() - since
          if (lifecycle.snapshot.context.count !== steps) throw new Error('A step is missing.')
          await lifechart.close()
          return took
        },
      },
    ],
    rounds,
  )
  const send = (medians.get('send') as number) / steps
  const host = (medians.get('host') as number) / steps
  return [
    {
      work: 'a decided and committed step of the host',
      ours: `${(host * 1000).toFixed(1)} µs`,
      compared: `actor.send ${(send * 1000).toFixed(1)} µs`,
      ratio: `${(host / send).toFixed(1)} x`,
      reach: '3 x',
      met: host / send <= 3,
    },
  ]
}
