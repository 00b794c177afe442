import { describe, expect, it } from 'vitest'
import { settled } from '../../src/testing/simulated-clock.ts'
import { busy } from '../support/faulty-adapter.ts'
import { codeOf, collect, emits, emitsAndStays, errorOf, latch, numbers, type Process, processes, Reader, upTo } from './support.ts'

const house = processes()
const long = upTo(5_000)
const whole = upTo(5_002)

/** Two runtimes over one memory adapter; the first has executed a run of "chat" that is longer than a window. */
async function pair() {
  const here = await house.open({ limits: { windowRecords: 1 } })
  const there = await house.open({ beside: here, limits: { windowRecords: 1 } })
  const run = here.runs.start('chat', emits(...long))
  await run.ended
  return { here, there, run }
}

/** A replay that has begun and is far from its end. */
async function replayOf({ runs }: Process, options: { runId?: string } = {}) {
  const batches = runs.subscribe('chat', options).batches()
  const { value } = await batches.next()
  const seen = [...(value ?? [])]
  return {
    seen,
    batches,
    async finish() {
      for await (const batch of batches) seen.push(...batch)
      return numbers(seen)
    },
  }
}

async function expectEvicted(runId: string, ...runtimes: Process[]) {
  for (const { runs } of runtimes) {
    expect(await errorOf(() => runs.subscribe('chat', { runId }).next())).toEqual(codeOf('RUN_EVICTED'))
    expect(await errorOf(() => runs.subscribe('chat').next())).toEqual(codeOf('RUN_EVICTED'))
    expect(await runs.get('chat')).toBeUndefined()
  }
}

describe('a run in memory that two runtimes share', () => {
  it('is forgotten with the window when nobody follows it, and evicted for both', async () => {
    const { here, there, run } = await pair()
    await collect(there.runs.subscribe('chat'))
    await house.clock.advance(179_999)
    expect(numbers(await collect(there.runs.subscribe('chat')))).toEqual(whole)
    await house.clock.advance(2)
    expect(here.lifechart.stats()['runs.evicted']).toBe(1)
    await expectEvicted(run.runId, here, there)
    expect(await here.lifechart.kernel.adapter.load(`run/${run.runId}`)).toBeUndefined()
  })

  it('is not forgotten while a replay is under way in the other one, and then at once', async () => {
    const { here, there, run } = await pair()
    const replay = await replayOf(there)
    await house.clock.advance(180_001)
    expect(here.lifechart.stats()).toMatchObject({ 'runs.evicted': 1, 'runs.retained': 0 })
    expect(await here.runs.get('chat')).toMatchObject({ runId: run.runId, status: 'done' })
    expect(await replay.finish()).toEqual(whole)
    await expectEvicted(run.runId, here, there)
    expect(there.lifechart.stats()).toMatchObject({ 'streams.followed': 0, 'windows.bytes': 0 })
  })

  it('is kept by the last of several, wherever they are and however they came', async () => {
    const { here, there, run } = await pair()
    const third = await house.open({ beside: here })
    const first = await replayOf(there)
    await house.clock.advance(180_001)
    const late = await replayOf(here)
    const another = await replayOf(third, { runId: run.runId })
    const bySelf = run.subscribe().batches()
    await bySelf.next()
    expect(await first.finish()).toEqual(whole)
    expect(await another.finish()).toEqual(whole)
    await late.batches.return?.()
    expect(await here.runs.get('chat')).toMatchObject({ status: 'done' })
    for await (const batch of bySelf) if (batch.to > 4_000) break
    await expectEvicted(run.runId, here, there, third)
    expect(await errorOf(() => run.subscribe().next())).toEqual(codeOf('RUN_EVICTED'))
    expect(here.lifechart.stats()['streams.followed']).toBe(0)
  })

  it('is kept no longer here by somebody who left there, and no shorter', async () => {
    const { here, there, run } = await pair()
    const replay = await replayOf(there)
    await house.clock.advance(100_000)
    await replay.batches.return?.()
    await house.clock.advance(79_999)
    expect(here.lifechart.stats()['runs.retained']).toBe(1)
    expect(numbers(await collect(there.runs.subscribe('chat')))).toEqual(whole)
    await house.clock.advance(2)
    await expectEvicted(run.runId, here, there)
  })

  it('is kept as long as it is watched here, whoever leaves there', async () => {
    const { here, there, run } = await pair()
    const mine = await replayOf(here)
    const theirs = await replayOf(there)
    await house.clock.advance(200_000)
    await theirs.batches.return?.()
    await house.clock.advance(200_000)
    expect(await mine.finish()).toEqual(whole)
    await house.clock.advance(179_999)
    expect(numbers(await collect(there.runs.subscribe('chat')))).toEqual(whole)
    await house.clock.advance(2)
    await expectEvicted(run.runId, here, there)
  })

  it('is followed from a start there to an end long after the window of an earlier one', async () => {
    const { here, there } = await pair()
    const go = latch()
    const second = there.runs.start('chat', () => go.opened)
    await second.started
    const reader = new Reader(here.runs.subscribe('chat'))
    await house.clock.advance(200_000)
    go.open()
    await reader.done
    expect(reader.events).toEqual(await collect(second.subscribe()))
  })

  it('is not kept for ever by a reader there that stopped pulling: that one is told why', async () => {
    const here = await house.open()
    const there = await house.open({ beside: here, limits: { windowRecords: 1, subscriberIdle: 300_000 } })
    const run = here.runs.start('chat', emits(...long))
    await run.ended
    const stalled = await replayOf(there)
    await house.clock.advance(299_999)
    expect(await here.runs.get('chat')).toMatchObject({ status: 'done' })
    await house.clock.advance(300_002)
    await expectEvicted(run.runId, here, there)
    expect(await errorOf(() => stalled.batches.next())).toEqual(codeOf('SUBSCRIBER_IDLE'))
  })

  it('is not kept for ever by a reader there that stopped pulling before it ended', async () => {
    const limits = { subscriberIdle: 60_000 }
    const here = await house.open({ limits })
    const there = await house.open({ beside: here, limits })
    const run = here.runs.start('chat', emitsAndStays(...upTo(10)))
    await run.started
    await settled()
    const stalled = there.runs.subscribe('chat')
    await stalled.next()
    await house.clock.advance(600_000)
    expect(there.lifechart.stats()['streams.followed']).toBe(1)
    await run.stop()
    await house.clock.advance(120_001)
    expect(there.lifechart.stats()['streams.followed']).toBe(0)
    await house.clock.advance(180_001)
    await expectEvicted(run.runId, here, there)
  })

  it('is not taken along when an older run of its id is forgotten late', async () => {
    const { here, there, run } = await pair()
    const replay = await replayOf(there, { runId: run.runId })
    await house.clock.advance(180_001)
    const second = there.runs.start('chat', emits('b'))
    await second.ended
    expect(await replay.finish()).toEqual(whole)
    for (const { runs } of [here, there]) {
      expect(await errorOf(() => runs.subscribe('chat', { runId: run.runId }).next())).toEqual(codeOf('RUN_EVICTED'))
      expect(numbers(await collect(runs.subscribe('chat')))).toEqual(upTo(3))
    }
    await house.clock.advance(180_001)
    await expectEvicted(second.runId, here, there)
  })

  it('is found by the next runtime when its own is closed before the window has passed, as often as it is read', async () => {
    const { here, there } = await pair()
    const replay = await replayOf(there)
    await here.lifechart.close()
    await house.clock.advance(1_000_000)
    expect(await replay.finish()).toEqual(whole)
    expect(numbers(await collect(there.runs.subscribe('chat')))).toEqual(whole)
    await there.lifechart.close()
    const next = await house.open({ beside: here })
    expect(numbers(await collect(next.runs.subscribe('chat')))).toEqual(whole)
    expect(numbers(await collect(next.runs.subscribe('chat')))).toEqual(whole)
  })

  it('is found by a runtime that comes when its own is closed and nobody else was there', async () => {
    const first = await house.open()
    await first.runs.start('chat', emits('a')).ended
    const own = await collect(first.runs.subscribe('chat'))
    await first.lifechart.close()
    expect(first.lifechart.stats()).toMatchObject({ 'runs.evicted': 0, 'runs.retained': 0, 'windows.bytes': 0 })
    await house.clock.advance(1_000_000)
    const next = await house.open({ beside: first })
    expect(await collect(next.runs.subscribe('chat'))).toEqual(own)
  })

  it.each(['close', 'crash'] as const)('is let go of by %s of the last runtime in which it was followed', async way => {
    const { here, there, run } = await pair()
    const replay = await replayOf(there)
    await house.clock.advance(180_001)
    if (way === 'close') await there.lifechart.close()
    else there.lifechart.kernel.crash()
    await expectEvicted(run.runId, here)
    expect(await errorOf(() => replay.finish())).toEqual(codeOf('RUNTIME_CLOSED'))
  })

  it.each(['close', 'crash'] as const)('is not kept by readers of a retained run whose runtime is gone by %s', async way => {
    const { here, there, run } = await pair()
    const third = await house.open({ beside: here })
    const replay = await replayOf(there)
    await house.clock.advance(180_001)
    // Of the run itself: its stream is no longer one that this runtime knows about.
    const late = run.subscribe().batches()
    await late.next()
    if (way === 'close') await here.lifechart.close()
    else here.lifechart.kernel.crash()
    expect(await replay.finish()).toEqual(whole)
    await expectEvicted(run.runId, there, third)
  })

  it('is read for as long as the store has not forgotten it', async () => {
    const { here, there, run } = await pair()
    const replay = await replayOf(there)
    await house.clock.advance(180_001)
    here.store.hold('forget')
    await replay.finish()
    expect(await there.runs.get('chat')).toMatchObject({ runId: run.runId })
    here.store.release()
    await settled()
    await expectEvicted(run.runId, here, there)
  })

  it('that the store can not forget is logged by whoever was the last to let go', async () => {
    const { here, there, run } = await pair()
    const replay = await replayOf(there)
    await house.clock.advance(180_001)
    here.store.fail('forget', busy())
    await replay.finish()
    expect(there.log).toContainEqual(
      expect.objectContaining({ level: 'warn', facts: expect.objectContaining({ stream: `run/${run.runId}` }) }),
    )
    expect(here.log.filter(({ level }) => level === 'warn')).toEqual([])
  })
})

describe('a run that is not stored', () => {
  it('is kept while a replay is under way and then forgotten, like any other', async () => {
    const { runs, lifechart } = await house.open({ limits: { windowRecords: 1 } })
    const run = runs.start('chat', emits(...long), { durability: 'none' })
    await run.ended
    const replay = run.subscribe().batches()
    await replay.next()
    await house.clock.advance(180_001)
    expect(lifechart.stats()['runs.retained']).toBe(1)
    await replay.return?.()
    await house.clock.advance(180_001)
    expect(lifechart.stats()['runs.retained']).toBe(0)
    expect(await errorOf(() => runs.subscribe('chat').next())).toEqual(codeOf('RUN_EVICTED'))
    expect(await errorOf(() => run.subscribe().next())).toEqual(codeOf('RUN_EVICTED'))
  })
})
