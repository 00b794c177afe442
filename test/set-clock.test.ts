import { describe, expect, it } from 'vitest'
import { createMachine } from 'xstate'
import type { ProducerContext } from '../src/runs/producer.ts'
import { settled } from '../src/testing/simulated-clock.ts'
import { aborted, chunks, codeOf, collect, emits, errorOf, latch, numbers, patient, processes, Reader, upTo } from './runs/support.ts'
import { busy } from './support/faulty-adapter.ts'
import { pausableClock } from './support/pausable-clock.ts'

const minute = 60_000
const hour = 60 * minute
/** A session is over after 15 s, and what is free is looked for twice in that time. */
const sweep = 7_500

const house = processes({ durable: true })
const memory = processes()

async function* counting({ attempt, chunks: count, signal }: ProducerContext) {
  yield `attempt ${attempt} after ${count}`
  if (attempt === 1) await aborted(signal)
}

const alarm = createMachine({
  id: 'alarm',
  initial: 'set',
  states: { set: { after: { [hour]: 'rung' }, on: { touch: { actions: () => undefined } } }, rung: {} },
})

/** A lifecycle with a deadline in an hour that no runtime has in memory. */
async function parkedAlarm() {
  const process = await house.open({ charts: [alarm] })
  const lifecycle = process.lifechart.actors.spawn(alarm, { id: 'a' })
  await lifecycle.started
  await lifecycle[Symbol.asyncDispose]()
  const stored = async () => (await process.lifechart.kernel.adapter.load('lifecycle/alarm/a'))?.index.state
  return { ...process, stored }
}

describe('a clock that jumps back', () => {
  it('neither shortens nor lengthens the time for which an ended run stays in memory', async () => {
    const { runs, clock, lifechart } = await memory.open()
    await runs.start('chat', emits('a')).ended
    await clock.advance(100_000)
    clock.jump(-hour)
    await clock.advance(79_999)
    expect(numbers(await collect(runs.subscribe('chat')))).toEqual(upTo(3))
    await clock.advance(180_001)
    expect(lifechart.stats()).toMatchObject({ 'runs.retained': 0, 'windows.bytes': 0 })
    expect(await errorOf(() => runs.subscribe('chat').next())).toEqual(codeOf('RUN_EVICTED'))
  })

  it('does not shorten the time for which a run is stored, whether it ended before or after', async () => {
    const { runs, clock } = await house.open({ retention: { stored: hour } })
    await runs.start('before', emits('a')).ended
    await clock.advance(30 * minute)
    clock.jump(-30 * minute)
    await runs.start('after', emits('a')).ended
    await clock.advance(hour - 1)
    expect(numbers(await collect(runs.subscribe('before')))).toEqual(upTo(3))
    expect(numbers(await collect(runs.subscribe('after')))).toEqual(upTo(3))
    await clock.advance(sweep)
    expect(await errorOf(() => runs.subscribe('before').next())).toEqual(codeOf('RUN_EVICTED'))
    expect(await errorOf(() => runs.subscribe('after').next())).toEqual(codeOf('RUN_EVICTED'))
  })

  it('does not shorten it for the next process either', async () => {
    const first = await house.open({ retention: { stored: hour } })
    await first.runs.start('chat', emits('a')).ended
    await first.lifechart.close()
    house.clock.jump(-30 * minute)
    const second = await house.open()
    await house.clock.advance(90 * minute - 1)
    expect(numbers(await collect(second.runs.subscribe('chat')))).toEqual(upTo(3))
    await house.clock.advance(1)
    expect(await errorOf(() => second.runs.subscribe('chat').next())).toEqual(codeOf('RUN_EVICTED'))
  })

  it('does not make an evicted run an unknown one before its 24 hours have passed', async () => {
    const { runs, clock } = await memory.open()
    await runs.start('chat', emits('a')).ended
    await clock.advance(180_001)
    clock.jump(-hour)
    clock.jump(24 * hour)
    expect(await errorOf(() => runs.subscribe('chat').next())).toEqual(codeOf('RUN_EVICTED'))
  })

  it('makes no deadline of a parked lifecycle early; it fires at its time of day', async () => {
    const { clock, stored } = await parkedAlarm()
    await clock.advance(50 * minute)
    clock.jump(-hour)
    await clock.advance(70 * minute - 1)
    expect(await stored()).toBe('"set"')
    await clock.advance(1)
    expect(await stored()).toBe('"rung"')
  })

  it('takes no run from its living owner', async () => {
    const first = await house.open()
    const second = await house.open()
    const go = latch()
    const run = first.runs.start('chat', async function* () {
      yield 'a'
      await go.opened
      yield 'b'
    })
    await settled()
    const [here, there] = [new Reader(run.subscribe()), new Reader(second.runs.subscribe('chat'))]
    await settled()
    house.clock.jump(-hour)
    await house.clock.advance(2 * minute)
    expect(await second.runs.get('chat')).toMatchObject({ status: 'running', attempt: 1 })
    go.open()
    await Promise.all([here.done, there.done])
    await house.clock.advance(1_000)
    expect(chunks(here.events)).toEqual(['a', 'b'])
    expect(there.events).toEqual(here.events)
    expect(first.lifechart.stats()['lifecycles.lost']).toBe(0)
  })

  it('revives no owner whose lease had expired: what was taken from it stays taken', async () => {
    const asleep = pausableClock(house.clock)
    const first = await house.open({ clock: asleep })
    first.runs.define('count', counting)
    const run = first.runs.start('chat', { type: 'count' }, { orphan: 'resume' })
    await settled()
    asleep.pause()
    const second = await house.open()
    second.runs.define('count', async function* ({ attempt, signal }: ProducerContext) {
      yield `attempt ${attempt}`
      await aborted(signal)
    })
    await house.clock.advance(minute)
    expect(await second.runs.get('chat')).toMatchObject({ status: 'running', attempt: 2 })
    house.clock.jump(-hour)
    asleep.resume()
    await house.clock.advance(minute)
    expect(await second.runs.get('chat')).toMatchObject({ status: 'running', attempt: 2 })
    expect(first.lifechart.stats()['lifecycles.lost']).toBe(1)
    expect(await run.stop()).toBe(true)
    expect(chunks(await collect(second.runs.subscribe('chat')))).toEqual(['attempt 1 after 0', 'attempt 2'])
  })

  it('revives no owner whose lease had expired: what nobody has taken yet is still free', async () => {
    const first = await house.open()
    first.runs.define('count', counting)
    first.runs.start('chat', { type: 'count' }, { orphan: 'resume' })
    await settled()
    first.lifechart.kernel.crash()
    const second = await house.open({ limits: { typeGrace: hour } })
    await house.clock.advance(minute)
    expect(await second.lifechart.explain('chat')).toMatchObject([{ code: 'type_undefined' }])
    house.clock.jump(-hour)
    const third = await house.open()
    third.runs.define('count', counting)
    await house.clock.advance(sweep)
    expect(await third.runs.get('chat')).toMatchObject({ status: 'done', attempt: 2 })
  })

  it('keeps no dead owner alive: its lease ends, at the latest, a ttl after the jump was noticed', async () => {
    const first = await house.open()
    await first.runs.start('chat', patient).started
    const second = await house.open()
    await house.clock.advance(1)
    first.lifechart.kernel.crash()
    house.clock.jump(-hour)
    await house.clock.advance(15_000 + 2 * sweep)
    expect(await second.runs.get('chat')).toMatchObject({ status: 'stopped', end: { reason: 'orphaned' } })
  })

  it('makes nobody wait for ever for a type', async () => {
    const first = await house.open()
    first.runs.define('count', counting)
    first.runs.start('chat', { type: 'count' }, { orphan: 'resume' })
    await settled()
    first.lifechart.kernel.crash()
    house.clock.jump(minute)
    const second = await house.open({ limits: { typeGrace: 30_000 } })
    await house.clock.advance(10_000)
    house.clock.jump(-hour)
    await house.clock.advance(19_999)
    expect(await second.runs.get('chat')).toMatchObject({ status: 'running' })
    await house.clock.advance(2)
    expect(await second.runs.get('chat')).toMatchObject({ status: 'stopped', end: { reason: 'orphaned' } })
  })

  it('makes nobody wait for longer than two graces for a store that does not answer', async () => {
    const { runs, store, clock } = await house.open()
    const run = runs.start('chat', patient)
    const reader = new Reader(run.subscribe())
    await settled()
    store.fail('commit', busy(), Number.POSITIVE_INFINITY)
    store.fail('load', busy(), Number.POSITIVE_INFINITY)
    const answers: unknown[] = []
    for (const asked of [run.stop(), runs.stop('elsewhere')]) asked.catch(error => answers.push(error))
    await clock.advance(4_000)
    clock.jump(-hour)
    await clock.advance(10_000)
    expect(answers).toEqual([codeOf('STORE_UNAVAILABLE'), codeOf('STORE_UNAVAILABLE')])
    expect(reader.error).toEqual(codeOf('STORE_UNAVAILABLE'))
  })
})

describe('a clock that jumps forwards', () => {
  it('does not shorten the time for which an ended run stays in memory', async () => {
    const { runs, clock, lifechart } = await memory.open()
    await runs.start('chat', emits('a')).ended
    clock.jump(hour)
    await clock.advance(179_999)
    expect(numbers(await collect(runs.subscribe('chat')))).toEqual(upTo(3))
    await clock.advance(180_001)
    expect(lifechart.stats()['runs.retained']).toBe(0)
  })

  it('does not make a reader idle that has just read', async () => {
    const { runs, clock } = await memory.open({ limits: { windowRecords: 2 } })
    const run = runs.start('chat', emits(...upTo(20)))
    await run.ended
    const replay = run.subscribe()
    const seen = []
    for (let i = 0; i < 10; i++) {
      const { value } = await replay.next()
      if (value) seen.push(value)
      clock.jump(hour)
      await clock.advance(8 * minute)
    }
    for await (const event of replay) seen.push(event)
    expect(numbers(seen)).toEqual(upTo(22))
  })

  it('fires the deadlines that it passed with the next sweep at the latest, of loaded and of parked lifecycles', async () => {
    const { clock, stored, lifechart } = await parkedAlarm()
    const loaded = lifechart.actors.spawn(alarm, { id: 'b' })
    await loaded.started
    clock.jump(hour - 2 * sweep)
    await clock.advance(sweep)
    expect([loaded.snapshot.value, await stored()]).toEqual(['set', '"set"'])
    clock.jump(2 * sweep)
    await clock.advance(sweep)
    expect([loaded.snapshot.value, await stored()]).toEqual(['rung', '"rung"'])
  })

  it('ends what is stored for a time with the next sweep, and not what it did not pass', async () => {
    const { runs, clock } = await house.open({ retention: { stored: hour } })
    await runs.start('old', emits('a')).ended
    await clock.advance(30 * minute)
    await runs.start('young', emits('a')).ended
    clock.jump(30 * minute)
    await clock.advance(sweep)
    expect(await errorOf(() => runs.subscribe('old').next())).toEqual(codeOf('RUN_EVICTED'))
    expect(numbers(await collect(runs.subscribe('young')))).toEqual(upTo(3))
  })

  it('loses nothing of a run in flight: its lease has lapsed, so its own policy decides, and its numbers go on', async () => {
    const { runs, clock } = await house.open()
    runs.define('count', counting)
    const resumes = runs.start('resumes', { type: 'count' }, { orphan: 'resume' })
    const stops = runs.start('stops', async function* ({ signal }: ProducerContext) {
      yield* ['a', 'b']
      await aborted(signal)
    })
    const readers = [new Reader(resumes.subscribe()), new Reader(stops.subscribe())]
    await settled()
    clock.jump(hour)
    await clock.advance(2 * sweep)
    await Promise.all(readers.map(reader => reader.done))
    expect(readers.map(({ error }) => error)).toEqual([undefined, undefined])
    expect(readers.map(({ events }) => chunks(events))).toEqual([
      ['attempt 1 after 0', 'attempt 2 after 1'],
      ['a', 'b'],
    ])
    for (const { events } of readers) expect(numbers(events)).toEqual(upTo(events.length))
    expect(await resumes.ended).toMatchObject({ status: 'done' })
    expect(await stops.ended).toMatchObject({ status: 'stopped', reason: 'orphaned' })
    expect(await collect(runs.subscribe('resumes'))).toEqual(readers[0]?.events)
    expect(await collect(runs.subscribe('stops'))).toEqual(readers[1]?.events)
  })

  it('loses no lifecycle, and none of its commands', async () => {
    const { lifechart, clock } = await house.open({ charts: [alarm] })
    const one = lifechart.actors.spawn(alarm, { id: 'a' })
    await one.started
    clock.jump(30 * minute)
    await one.dispatch({ type: 'touch' })
    await clock.advance(2 * sweep)
    await one.dispatch({ type: 'touch' })
    expect(one.snapshot.value).toBe('set')
    await clock.advance(30 * minute)
    expect(one.snapshot.value).toBe('rung')
  })
})
