import fc from 'fast-check'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { memoryAdapter } from '../../src/adapters/memory.ts'
import { type Lifechart, openLifechart } from '../../src/lifechart.ts'
import type { RunEvent } from '../../src/runs/events.ts'
import type { Run } from '../../src/runs/live-run.ts'
import type { ProducerContext } from '../../src/runs/producer.ts'
import { testEnvironment } from '../../src/testing/environment.ts'
import { simulatedClock } from '../../src/testing/simulated-clock.ts'
import { type Fate, scheduledStore } from './scheduled-store.ts'
import { numbers, Reader, upTo } from './support.ts'

const schedules = Number(process.env.LIFECHART_SCHEDULES ?? 5_000)
/** Of a failure that was printed: plays that one schedule again. */
const path = process.env.LIFECHART_PATH
const seed = Number(process.env.LIFECHART_SEED ?? Date.now() % 2 ** 31)

type Step =
  | { do: 'start'; policy: 'interrupt' | 'enqueue'; at: 0 | 1; manner: 'yields' | 'emits' | 'deaf' | 'throws'; chunks: number }
  | { do: 'subscribe'; at: 0 | 1; after: number; kind: 'reader' | 'sink' | 'leaves' }
  | { do: 'stop'; at: 0 | 1 }
  | { do: 'time'; passes: number }
  | { do: 'crash' }

const at = fc.constantFrom(0 as const, 1 as const)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('start' as const),
      policy: fc.constantFrom('interrupt' as const, 'enqueue' as const),
      at,
      manner: fc.constantFrom('yields' as const, 'emits' as const, 'deaf' as const, 'throws' as const),
      chunks: fc.nat(4),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('subscribe' as const),
      at,
      after: fc.constantFrom(0, 0, 1, 2),
      kind: fc.constantFrom('reader' as const, 'sink' as const, 'leaves' as const),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('stop' as const), at }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('time' as const), passes: fc.constantFrom(20, 1_000, 5_001, 7_000) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('crash' as const) }) },
)
const fates = fc.array(fc.constantFrom<Fate>('answered', 'answered', 'answered', 'refused', 'unanswered'), { maxLength: 24 })

/** Short times, so that few timers pass; the store's grace is over before a session is. */
const limits = { windowRecords: 3, sessionTtl: 6_000, storeGrace: 5_000, commandPatience: 8_000, stopGrace: 2_000 }

interface Stage {
  scheduler: fc.Scheduler
  witness: Witness
}

/** What the world saw of one schedule. */
interface Witness {
  runs: Run[]
  readers: { after: number; events: RunEvent[]; error: unknown; over: boolean; left: boolean }[]
  /** The numbers of the runs whose producers are at work. */
  atWork: Set<number>
  /** Who began while another was at work, and where that one's run was then. */
  overlaps: { name: string; other: Run; status: string }[]
  /** Streams of runs that were taken over from an owner that was gone. */
  lost: Set<string>
  /** What happened, for whoever has to find out why it failed. */
  trace: string[]
}

function producer(start: Extract<Step, { do: 'start' }>, number: number, { scheduler, witness }: Stage) {
  const name = `run ${number}`
  return async function* ({ signal, emit }: ProducerContext) {
    const { atWork } = witness
    // Only one that was given up may still be at it: its end says that it was forced, unless its owner was gone.
    for (const other of atWork) witness.overlaps.push({ name, other: witness.runs[other - 1]!, status: witness.runs[other - 1]!.status })
    atWork.add(number)
    witness.trace.push(`${name} begins`)
    signal.addEventListener('abort', async () => {
      witness.trace.push(`${name} is aborted`)
      await undefined
      // One that lost its owner or its store has no grace: what it still writes is refused.
      if (witness.runs[number - 1]?.status !== 'stopping') atWork.delete(number)
    })
    try {
      for (let i = 1; i <= start.chunks && (!signal.aborted || start.manner === 'deaf'); i++) {
        await scheduler.schedule(Promise.resolve(), `${name} makes a chunk`)
        if (start.manner === 'emits') void emit(`${name} ${i}`)
        else yield `${name} ${i}`
      }
      if (start.manner === 'throws') throw new Error(name)
      if (start.manner === 'deaf') await new Promise(() => undefined)
    } finally {
      await scheduler.schedule(Promise.resolve(), `${name} cleans up`)
      atWork.delete(number)
      witness.trace.push(`${name} is through`)
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
  const witness: Witness = { runs: [], readers: [], atWork: new Set(), overlaps: [], lost: new Set(), trace: [] }
  const open = async () => {
    const { ids, logger } = testEnvironment({ seed: lifecharts.length + 1, clock })
    const lifechart = await openLifechart({
      adapter: { ...store, open: store.open },
      clock,
      ids,
      logger,
      limits,
      retention: { window: 2_000 },
    })
    const place = lifecharts.push(lifechart) - 1
    lifechart.transitions$.subscribe(({ lifecycle, event, value }) => {
      if (event.type === 'owner.lost') witness.lost.add(lifecycle)
      witness.trace.push(`${clock.now() % 1_000_000} at ${place}: ${lifecycle} ${JSON.stringify(event)} → ${JSON.stringify(value)}`)
    })
    return lifechart
  }
  const places = [await open(), await open()]
  store.healed = false

  const perform = async (step: Step): Promise<void> => {
    witness.trace.push(JSON.stringify(step))
    if (step.do === 'start') {
      const run = places[step.at]!.runs.start('id', producer(step, witness.runs.length + 1, { scheduler, witness }), {
        policy: step.policy,
      })
      witness.runs.push(run)
    } else if (step.do === 'subscribe') subscribe(places[step.at]!, step, witness)
    else if (step.do === 'stop') places[step.at]!.runs.stop('id').catch(() => undefined)
    else if (step.do === 'time') {
      clock.tick(step.passes)
      // Whoever stood still for so long owns nothing any more and does not know it yet.
      if (step.passes > limits.sessionTtl) witness.atWork.clear()
    } else if (places[1] && places[0] && places[1] !== places[0]) {
      places[1].kernel.crash()
      witness.atWork.clear()
      places[1] = places[0]
    }
  }
  scheduler.scheduleSequence(steps.map(next => ({ builder: () => perform(next), label: JSON.stringify(next) })))
  for (let idle = 0; idle < 3; idle = scheduler.count() > 0 ? 0 : idle + 1) {
    while (scheduler.count() > 0) await scheduler.waitOne()
    await turn()
  }
  // Everything settles: the store is well, what still runs is stopped, time passes.
  store.healed = true
  const [keeper] = lifecharts
  for (let i = 0; i < 30; i++) {
    // What was refused at first has begun by then.
    if (i === 8) for (const { runId } of witness.runs) keeper?.runs.stop('id', { runId }).catch(() => undefined)
    while (scheduler.count() > 0) await scheduler.waitOne()
    clock.tick(1_000)
    await turn()
  }
  await judge(witness, lifecharts[0] as Lifechart, scheduler, async passes => {
    clock.tick(passes)
    for (let i = 0; i < 4; i++) await turn()
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

async function judge(
  witness: Witness,
  lifechart: Lifechart,
  scheduler: fc.Scheduler,
  pass: (time: number) => Promise<void>,
): Promise<void> {
  const settle = async <T>(promise: Promise<T>) => {
    void promise.catch(() => undefined)
    for (let i = 0; i < 8; i++) {
      await turn()
      while (scheduler.count() > 0) await scheduler.waitOne()
    }
    return promise
  }
  for (const { name, other, status } of witness.overlaps) {
    if (witness.lost.has(`run/${other.runId}`)) continue
    const end = status === 'stopped' ? await settle(other.ended) : undefined
    expect(end, [`${name} begins beside ${other.runId}, ${status}`, ...witness.trace].join('\n')).toMatchObject({ forced: true })
  }
  const stored: RunEvent[][] = []
  for (const run of witness.runs) {
    const info = await settle(lifechart.runs.get('id', { runId: run.runId }))
    if (!info) continue
    expect(['done', 'error', 'stopped']).toContain(info.status)
    const events = new Reader(lifechart.runs.subscribe('id', { runId: run.runId }))
    await settle(events.done)
    expect(events.error).toBeUndefined()
    expect(numbers(events.events)).toEqual(upTo(info.head))
    expect(events.events.filter(event => event.type === 'end')).toEqual([events.events.at(-1)])
    stored.push(events.events)
  }
  for (const { after, events, error, over, left } of witness.readers) {
    expect(over).toBe(true)
    if (events.length === 0) continue
    const whole = stored.find(all => same(events, all.slice(after, after + events.length)))
    expect(whole, `a subscriber saw ${JSON.stringify(events)}`).toBeDefined()
    if (error === undefined && !left) expect(after + events.length).toBe(whole?.length)
  }
  await pass(3_000)
  await pass(3_000)
  expect(lifechart.stats(), witness.trace.join('\n')).toMatchObject({
    'lifecycles.loaded': 0,
    'runs.live': 0,
    'runs.subscribers': 0,
    'runs.retained': 0,
    'streams.followed': 0,
    'timers.armed': 0,
    'windows.bytes': 0,
  })
}

const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b)

it(`every subscriber sees each event once and in order, whatever comes in between (${schedules} schedules, seed ${seed})`, async () => {
  await fc.assert(fc.asyncProperty(fc.scheduler(), fc.array(step, { minLength: 1, maxLength: 10 }), fates, play), {
    seed,
    numRuns: schedules,
    ...(path !== undefined && { path }),
  })
}, 300_000)
