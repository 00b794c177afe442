/* Read by the compiler alone: each expectation of an error is an error when there is none. */
import { createMachine, setup } from 'xstate'
import type { Gap, Lifecycle, LifecycleStep, RunEnd, RunEvent, StopReason } from '../src/index.ts'
import { openLifechart } from '../src/index.ts'

const door = setup({
  types: {
    context: {} as { opened: number; reason?: string },
    input: {} as { opened: number },
    output: {} as { opened: number },
    events: {} as { type: 'door.open' } | { type: 'door.shut'; reason: 'wind' | 'hand' },
    tags: {} as 'passable',
  },
}).createMachine({
  id: 'door',
  context: ({ input }) => ({ opened: input.opened }),
  initial: 'shut',
  states: {
    shut: { on: { 'door.open': 'open' } },
    open: { tags: 'passable', initial: 'wide', states: { wide: {}, ajar: {} }, on: { 'door.shut': 'shut' } },
  },
  output: ({ context }) => ({ opened: context.opened }),
})

const lifechart = await openLifechart()
const one = lifechart.actors.spawn(door, { id: 'a', input: { opened: 0 } })

one satisfies Lifecycle<typeof door>
void one.dispatch({ type: 'door.open' }).then(snapshot => {
  snapshot.context.reason satisfies string | undefined
  snapshot.matches({ open: 'wide' }) satisfies boolean
  snapshot.hasTag('passable') satisfies boolean
  // @ts-expect-error not a state of the chart
  snapshot.matches('nowhere')
})
one.can({ type: 'door.shut', reason: 'wind' }) satisfies boolean
one.started satisfies Promise<void>
one.ended satisfies Promise<{ opened: number }>
one.snapshot.context.opened satisfies number

// @ts-expect-error no such event
void one.dispatch({ type: 'door.paint' })
// @ts-expect-error the payload is missing
void one.dispatch({ type: 'door.shut' })
// @ts-expect-error another payload
void one.dispatch({ type: 'door.shut', reason: 'because' })
// @ts-expect-error no such event
one.can({ type: 'door.paint' })
// @ts-expect-error the input is required
lifechart.actors.spawn(door, { id: 'b' })
// @ts-expect-error another input
lifechart.actors.spawn(door, { id: 'b', input: { opened: 'never' } })
// @ts-expect-error an id is required
lifechart.actors.spawn(door, { input: { opened: 0 } })
// @ts-expect-error the output is another
one.ended satisfies Promise<{ closed: number }>

for await (const step of one.steps({ after: 1 })) {
  step satisfies LifecycleStep<typeof door> | Gap
  if (step.type === 'gap') {
    step.from satisfies number
    continue
  }
  step.seq satisfies number
  step.cause satisfies 'start' | 'command' | 'child' | 'timer' | 'restore'
  if (step.event.type === 'door.shut') step.event.reason satisfies 'wind' | 'hand'
  // @ts-expect-error no such event
  if (step.event.type === 'door.paint') break
}

const found = await lifechart.actors.get(door, 'a')
// @ts-expect-error there may be none
void found.dispatch({ type: 'door.open' })
void found?.dispatch({ type: 'door.open' })

const plain = lifechart.actors.spawn(createMachine({ id: 'plain', initial: 'a', states: { a: { on: { x: 'b' } }, b: {} } }), { id: 'p' })
void plain.dispatch({ type: 'x' })

const answering = setup({ types: { output: {} as { n: number } } }).createMachine({
  initial: 'a',
  states: { a: { type: 'final' } },
  output: { n: 1 },
})
lifechart.actors.spawn(answering, { id: 'o' }).ended satisfies Promise<{ n: number }>
lifechart.transitions$.subscribe(({ lifecycle, chart, seq }) => {
  lifecycle satisfies string
  chart satisfies string
  seq satisfies number
})

lifechart.runs.define('survey', async function* ({ input, signal, attempt, lastChunk }) {
  input satisfies unknown
  signal satisfies AbortSignal
  attempt satisfies number
  yield { more: lastChunk }
})
const run = lifechart.runs.start('chat', { type: 'survey', input: { dir: '.' } }, { orphan: 'resume', policy: 'enqueue' })
run.ended satisfies Promise<RunEnd>
run.stop({ reason: 'user' }) satisfies Promise<boolean>
lifechart.runs.start('chat', async ({ emit }) => void (await emit('a')))
lifechart.runs.start('chat', new ReadableStream<string>() satisfies AsyncIterable<unknown>)
for await (const event of lifechart.runs.subscribe('chat', { after: 1 })) {
  event satisfies RunEvent
  if (event.type === 'gap') event.to satisfies number
  else event.seq satisfies number
  if (event.type === 'end') event.reason satisfies StopReason | undefined
  // @ts-expect-error only an end has a status
  if (event.type === 'chunk') void event.status
}
lifechart.runs.follow('chat', batch => batch.length satisfies number).close()

// @ts-expect-error no such policy
lifechart.runs.start('chat', async () => 1, { policy: 'queue' })
// @ts-expect-error no such limit
lifechart.runs.start('chat', async () => 1, { limits: { timeout: 1 } })
// @ts-expect-error nothing to execute
lifechart.runs.start('chat', { input: 1 })
// @ts-expect-error no such reason
void run.stop({ reason: 'because' })
// @ts-expect-error not for users
void lifechart.runs.adopt
// @ts-expect-error not for users
void lifechart.actors.stepped
