import fc from 'fast-check'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { memoryAdapter } from '../../src/adapters/memory.ts'
import { type Lifechart, openLifechart } from '../../src/lifechart.ts'
import type { CloseMode } from '../../src/runs/closing.ts'
import type { RunEvent } from '../../src/runs/events.ts'
import type { ProducerContext } from '../../src/runs/producer.ts'
import { testEnvironment } from '../../src/testing/environment.ts'
import { simulatedClock } from '../../src/testing/simulated-clock.ts'
import { type Fate, scheduledStore } from './scheduled-store.ts'
import { codeOf, Reader } from './support.ts'
import { type Execution, judge, Witness } from './witness.ts'

const schedules = Number(process.env.LIFECHART_SCHEDULES ?? 5_000)
/** Of a failure that was printed: plays that one schedule again. */
const path = process.env.LIFECHART_PATH
const seed = Number(process.env.LIFECHART_SEED ?? Date.now() % 2 ** 31)

interface Start {
  do: 'start'
  policy: 'interrupt' | 'enqueue'
  at: 0 | 1
  manner: 'yields' | 'emits' | 'deaf' | 'throws'
  chunks: number
  /** Of a type that every runtime knows: whoever owns it next goes on with it. */
  resumes: boolean
}

/** The second runtime may leave, and come back as a new one over the same store. */
type Step =
  | Start
  | { do: 'subscribe'; at: 0 | 1; after: number; kind: 'reader' | 'sink' | 'leaves' }
  | { do: 'stop'; at: 0 | 1 }
  | { do: 'time'; passes: number }
  | { do: 'crash'; reopens: boolean }
  | { do: 'close'; mode: CloseMode | undefined; reopens: boolean }

const at = fc.constantFrom(0 as const, 1 as const)
const does = <T extends Step['do']>(name: T) => fc.constant(name)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: does('start'),
      policy: fc.constantFrom('interrupt' as const, 'enqueue' as const),
      at,
      manner: fc.constantFrom('yields' as const, 'emits' as const, 'deaf' as const, 'throws' as const),
      chunks: fc.nat(4),
      resumes: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: does('subscribe'),
      at,
      after: fc.constantFrom(0, 0, 1, 2),
      kind: fc.constantFrom('reader' as const, 'sink' as const, 'leaves' as const),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: does('stop'), at }) },
  { weight: 2, arbitrary: fc.record({ do: does('time'), passes: fc.constantFrom(20, 1_000, 5_001, 7_000) }) },
  { weight: 1, arbitrary: fc.record({ do: does('crash'), reopens: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: does('close'),
      mode: fc.constantFrom(undefined, 'handover' as const, 'stop' as const, 'drain' as const),
      reopens: fc.boolean(),
    }),
  },
)
const fates = fc.array(fc.constantFrom<Fate>('answered', 'answered', 'answered', 'refused', 'unanswered'), { maxLength: 24 })

/** Short times, so that few timers pass; the store's grace is over before a session is. */
const limits = { windowRecords: 3, sessionTtl: 6_000, storeGrace: 5_000, commandPatience: 8_000, stopGrace: 2_000 }

interface Stage {
  scheduler: fc.Scheduler
  witness: Witness
}

/** What is done for a run, wherever that is: the input of the type that can be resumed. */
interface Work extends Pick<Start, 'manner' | 'chunks'> {
  number: number
}

function producer({ manner, chunks, number }: Work, place: Lifechart, { scheduler, witness }: Stage) {
  const name = `run ${number}`
  return async function* ({ signal, emit, chunks: made }: ProducerContext) {
    const execution: Execution = { number, place }
    witness.begins(execution)
    signal.addEventListener('abort', async () => {
      await undefined
      witness.aborted(execution)
    })
    try {
      for (let i = made + 1; i <= chunks && (!signal.aborted || manner === 'deaf'); i++) {
        await scheduler.schedule(Promise.resolve(), `${name} makes a chunk`)
        if (manner === 'emits') void emit(`${name} ${i}`)
        else yield `${name} ${i}`
      }
      if (manner === 'throws') throw new Error(name)
      if (manner === 'deaf') await new Promise(() => undefined)
    } finally {
      await scheduler.schedule(Promise.resolve(), `${name} cleans up`)
      witness.through(execution)
    }
  }
}

const unheard: unknown[] = []
const listen = (reason: unknown) => unheard.push(reason)
beforeEach(() => process.on('unhandledRejection', listen))
afterEach(() => {
  process.off('unhandledRejection', listen)
  expect(unheard).toEqual([])
})

const turn = () => new Promise<void>(resolve => setImmediate(resolve))

async function play(scheduler: fc.Scheduler, steps: readonly Step[], dealt: readonly Fate[]): Promise<void> {
  const clock = simulatedClock()
  const memory = memoryAdapter()
  const store = scheduledStore(memory, scheduler, dealt)
  store.healed = true
  const lifecharts: Lifechart[] = []
  const witness = new Witness()
  const stage = { scheduler, witness }
  let seeds = 0
  const open = async () => {
    const { ids, logger } = testEnvironment({ seed: ++seeds, clock })
    const lifechart = await openLifechart({
      adapter: { ...store, open: store.open },
      clock,
      ids,
      logger,
      limits,
      retention: { window: 2_000 },
    })
    const place = lifecharts.push(lifechart) - 1
    lifechart.runs.define('work', context => producer(context.input as Work, lifechart, stage)(context))
    lifechart.transitions$.subscribe(({ lifecycle, event, value }) => {
      witness.trace.push(`${clock.now() % 1_000_000} at ${place}: ${lifecycle} ${JSON.stringify(event)} → ${JSON.stringify(value)}`)
    })
    return lifechart
  }
  const keeper = await open()
  const places: [Lifechart, Lifechart] = [keeper, await open()]
  store.healed = false
  let leaving = false

  const start = (place: Lifechart, { policy, manner, chunks, resumes }: Start): void => {
    const work = { manner, chunks, number: witness.runs.length + 1 }
    try {
      const run = resumes
        ? place.runs.start('id', { type: 'work', input: work }, { policy, orphan: 'resume' })
        : place.runs.start('id', producer(work, place, stage), { policy })
      witness.started(run, place)
    } catch (error) {
      // Nothing begins in a runtime that is being closed.
      if (!leaving || place === keeper) throw error
      expect(error).toEqual(codeOf('RUNTIME_CLOSED'))
    }
  }
  const leave = async (step: Step & { do: 'crash' | 'close' }): Promise<void> => {
    const [, second] = places
    if (leaving || second === keeper) return
    leaving = true
    if (step.do === 'close') await second.close({ mode: step.mode, timeout: 3_000 })
    else {
      second.kernel.crash()
      witness.died(second)
    }
    witness.trace.push(`${clock.now() % 1_000_000} it has left`)
    places[1] = step.reopens ? await open() : keeper
    leaving = false
  }
  const perform = async (step: Step): Promise<void> => {
    witness.trace.push(JSON.stringify(step))
    if (step.do === 'start') start(places[step.at], step)
    else if (step.do === 'subscribe') subscribe(places[step.at], step, witness)
    else if (step.do === 'stop') witness.waits(places[step.at].runs.stop('id'), 'a stop', places[step.at])
    else if (step.do === 'time') {
      clock.tick(step.passes)
      // Whoever stood still for so long owns nothing any more and does not know it yet.
      if (step.passes > limits.sessionTtl) witness.atWork.clear()
    } else witness.waits(leave(step), `${step.do} and what comes after it`, keeper)
  }
  scheduler.scheduleSequence(steps.map(next => ({ builder: () => perform(next), label: JSON.stringify(next) })))
  for (let idle = 0; idle < 3; idle = scheduler.count() > 0 ? 0 : idle + 1) {
    while (scheduler.count() > 0) await scheduler.waitOne()
    await turn()
  }
  // Everything settles: the store is well, what still runs is stopped, time passes.
  store.healed = true
  for (let i = 0; i < 30; i++) {
    // What was refused at first has begun by then.
    if (i === 8) for (const { run } of witness.runs) keeper.runs.stop('id', { runId: run.runId }).catch(() => undefined)
    while (scheduler.count() > 0) await scheduler.waitOne()
    clock.tick(1_000)
    await turn()
  }
  await judge(witness, keeper, scheduler)
  for (const passes of [3_000, 3_000]) {
    clock.tick(passes)
    for (let i = 0; i < 4; i++) await turn()
  }
  expect(keeper.stats(), witness.trace.join('\n')).toMatchObject({
    'lifecycles.loaded': 0,
    'runs.live': 0,
    'runs.subscribers': 0,
    'runs.retained': 0,
    'streams.followed': 0,
    'timers.armed': 0,
    'windows.bytes': 0,
  })
  for (const lifechart of lifecharts) if (!lifechart.kernel.closed) lifechart.kernel.crash()
}

function subscribe(lifechart: Lifechart, { after, kind }: Extract<Step, { do: 'subscribe' }>, { readers }: Witness): void {
  const seen = { after, events: [] as RunEvent[], error: undefined as unknown, over: false, left: kind === 'leaves' }
  readers.push(seen)
  if (kind === 'sink') {
    lifechart.runs.follow('id', batch => seen.events.push(...batch.events), {
      after,
      onClose: error => {
        seen.error = error
        seen.over = true
      },
    })
    return
  }
  const subscription = lifechart.runs.subscribe('id', { after })
  const reader = new Reader(subscription)
  seen.events = reader.events
  if (kind === 'leaves') void turn().then(() => subscription.return())
  void reader.done.then(() => {
    seen.error = reader.error
    seen.over = true
  })
}

it(`every subscriber sees each event once and in order, whatever comes in between (${schedules} schedules, seed ${seed})`, async () => {
  await fc.assert(fc.asyncProperty(fc.scheduler(), fc.array(step, { minLength: 1, maxLength: 10 }), fates, play), {
    seed,
    numRuns: schedules,
    ...(path !== undefined && { path }),
  })
}, 300_000)
