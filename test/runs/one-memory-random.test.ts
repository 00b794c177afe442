import fc from 'fast-check'
import { expect, it } from 'vitest'
import { memoryAdapter } from '../../src/adapters/memory.ts'
import type { AdapterSource } from '../../src/kernel/port.ts'
import { type Lifechart, openLifechart } from '../../src/lifechart.ts'
import type { RunEvent } from '../../src/runs/events.ts'
import { testEnvironment } from '../../src/testing/environment.ts'
import { settled, simulatedClock } from '../../src/testing/simulated-clock.ts'
import { emits, errorOf, numbers, upTo } from './support.ts'

type Step =
  | { do: 'subscribe'; at: number; exact: boolean }
  | { do: 'pull'; who: number; times: number }
  | { do: 'leave'; who: number }
  | { do: 'pass'; time: number }
  | { do: 'open' }
  | { do: 'end'; at: number; way: 'close' | 'crash' }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('subscribe' as const), at: fc.nat(3), exact: fc.boolean() }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('pull' as const), who: fc.nat(5), times: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('leave' as const), who: fc.nat(5) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('pass' as const), time: fc.constantFrom(100, 999, 1_000, 1_001) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('open' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('end' as const), at: fc.nat(3), way: fc.constantFrom('close' as const, 'crash' as const) }),
  },
)

const window = 1_000
/** Events of the run. */
const length = 9

/** A memory adapter that gives two events at a time, so that a replay takes a while. */
function narrow(): AdapterSource {
  const memory = memoryAdapter()
  return {
    ...memory,
    async open(environment) {
      const adapter = await memory.open(environment)
      return { ...adapter, read: (stream, page) => adapter.read(stream, { ...page, limit: Math.min(2, page.limit) }) }
    },
  }
}

interface Replay {
  place: Lifechart
  /** It keeps the run in the memory of its owner. */
  own: boolean
  batches: AsyncIterableIterator<Iterable<RunEvent>>
  seen: RunEvent[]
}

async function play(steps: readonly Step[]): Promise<void> {
  const clock = simulatedClock()
  const source = narrow()
  let seed = 0
  const open = () =>
    openLifechart({ ...testEnvironment({ seed: ++seed, clock }), adapter: source, retention: { window }, limits: { windowRecords: 1 } })
  const owner = await open()
  const places = [owner, await open()]
  const run = owner.runs.start('chat', emits(...upTo(length - 2)))
  await run.ended

  let replays: Replay[] = []
  let due: number | undefined = clock.now() + window
  let evicted = false
  /** Those that were there when it was forgotten, and know. */
  let knowing: Lifechart[] | undefined
  const look = () => {
    if (due !== undefined && due <= clock.now()) {
      due = undefined
      evicted = true
    }
    if (evicted && replays.length === 0) knowing ??= [...places]
  }
  const left = (gone: Replay) => {
    replays = replays.filter(replay => replay !== gone)
    if (gone.own && !replays.some(({ own }) => own) && places.includes(owner)) due = clock.now() + window
  }

  const perform = async (next: Step) => {
    if (next.do === 'subscribe') {
      const place = places[next.at % places.length]!
      const batches = place.runs.subscribe('chat', next.exact ? { runId: run.runId } : {}).batches()
      if (knowing) {
        expect(await errorOf(() => batches.next())).toMatchObject({ code: knowing.includes(place) ? 'RUN_EVICTED' : 'RUN_NOT_FOUND' })
        return
      }
      const own = place === owner && !evicted
      if (own) due = undefined
      replays.push({ place, own, batches, seen: [] })
    } else if (next.do === 'pull') {
      const replay = replays[next.who % Math.max(1, replays.length)]
      for (let i = 0; replay && i < next.times; i++) {
        const { value, done } = await replay.batches.next()
        replay.seen.push(...(value ?? []))
        expect(numbers(replay.seen)).toEqual(upTo(replay.seen.length))
        if (!done) continue
        expect(replay.seen).toHaveLength(length)
        left(replay)
        break
      }
    } else if (next.do === 'leave') {
      const replay = replays[next.who % Math.max(1, replays.length)]
      if (!replay) return
      await replay.batches.return?.()
      left(replay)
    } else if (next.do === 'pass') await clock.advance(next.time)
    else if (next.do === 'open') places.push(await open())
    else if (places.length > 1) {
      const [place] = places.splice(next.at % places.length, 1) as [Lifechart]
      if (next.way === 'close') await place.close()
      else place.kernel.crash()
      replays = replays.filter(replay => replay.place !== place)
      if (place === owner) due = undefined
    }
  }

  for (const next of steps) {
    await perform(next)
    await settled()
    look()
    const stored = await places[0]!.kernel.adapter.load(`run/${run.runId}`)
    expect(stored === undefined).toBe(knowing !== undefined)
  }
  for (const replay of [...replays]) await perform({ do: 'leave', who: replays.indexOf(replay) })
  await clock.advance(window)
  const alive = [...places]
  for (const lifechart of alive) {
    expect(lifechart.stats()).toMatchObject({ 'streams.followed': 0, 'runs.retained': 0, 'runs.subscribers': 0, 'windows.bytes': 0 })
    await lifechart.close()
  }
}

it('a run in memory that runtimes share is there exactly as long as its owner keeps it or anybody replays it', async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 30 }), play), { numRuns: 500 })
}, 120_000)
