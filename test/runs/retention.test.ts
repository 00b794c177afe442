import { describe, expect, it } from 'vitest'
import { settled } from '../../src/testing/simulated-clock.ts'
import { codeOf, collect, emits, emitsAndStays, errorOf, numbers, patient, processes, Reader, upTo } from './support.ts'

describe('a run that has ended', () => {
  const house = processes()

  it('stays in memory for 180 s from its end: it is there at 179,999 ms and gone at 180,001 ms', async () => {
    const { runs, clock, lifechart } = await house.open()
    const run = runs.start('chat', emits('a'))
    await run.ended
    await clock.advance(179_999)
    expect(numbers(await collect(runs.subscribe('chat')))).toEqual(upTo(3))
    expect(lifechart.stats()['runs.retained']).toBe(1)
    const other = runs.start('other', emits('a'))
    await other.ended
    await clock.advance(180_001)
    expect(await errorOf(() => runs.subscribe('other').next())).toEqual(codeOf('RUN_EVICTED'))
    expect(lifechart.stats()).toMatchObject({ 'runs.retained': 0, 'runs.evicted': 2, 'windows.bytes': 0 })
  })

  it('stays for 180 s from when its last subscriber left, if that is later', async () => {
    const { runs, clock, lifechart } = await house.open()
    const run = runs.start('chat', emits('a'))
    await run.ended
    await clock.advance(100_000)
    const watching = run.subscribe()
    await watching.next()
    await clock.advance(300_000)
    await watching.return()
    await clock.advance(179_999)
    expect(lifechart.stats()['runs.retained']).toBe(1)
    await clock.advance(2)
    expect(lifechart.stats()['runs.retained']).toBe(0)
  })

  it('is never evicted while it is watched or a replay is under way', async () => {
    const { runs, clock } = await house.open({ limits: { windowRecords: 2, subscriberIdle: 10_000_000 } })
    const run = runs.start('chat', emits(...upTo(100)))
    await run.ended
    const replay = run.subscribe()
    const seen = []
    for (let i = 0; i < 10; i++) {
      const { value } = await replay.next()
      if (value) seen.push(value)
      await clock.advance(100_000)
    }
    for await (const event of replay) seen.push(event)
    expect(numbers(seen)).toEqual(upTo(102))
    await clock.advance(180_001)
    expect(await errorOf(() => run.subscribe().next())).toEqual(codeOf('RUN_EVICTED'))
  })

  it('is not kept for ever by a subscriber that stopped pulling: that one is closed with a reason', async () => {
    const { runs, clock, lifechart } = await house.open({ limits: { subscriberIdle: 60_000 } })
    const run = runs.start('chat', emits('a'))
    await run.ended
    const stalled = run.subscribe()
    await stalled.next()
    await clock.advance(2 * 60_000 + 180_001)
    expect(lifechart.stats()).toMatchObject({ 'runs.retained': 0, 'runs.subscribers': 0 })
    await stalled.next()
    await stalled.next()
    expect(await errorOf(() => collect(runs.subscribe('chat')))).toEqual(codeOf('RUN_EVICTED'))
  })

  it('is kept for a subscriber that takes what it was given one event at a time', async () => {
    const { runs, clock } = await house.open({ limits: { subscriberIdle: 60_000 } })
    const run = runs.start('chat', emits(...upTo(20)))
    await run.ended
    const slow = run.subscribe()
    const seen = []
    for await (const event of slow) {
      seen.push(event)
      await clock.advance(59_000)
    }
    expect(numbers(seen)).toEqual(upTo(22))
  })

  it('tells the one that stopped pulling why it was closed', async () => {
    const { runs, clock } = await house.open({ limits: { subscriberIdle: 60_000, windowRecords: 1 } })
    const run = runs.start('chat', emits(...upTo(5_000)))
    await run.ended
    const stalled = run.subscribe().batches()
    await stalled.next()
    await clock.advance(400_000)
    expect(await errorOf(() => stalled.next())).toEqual(codeOf('SUBSCRIBER_IDLE'))
  })

  it('is kept as long as the window says', async () => {
    const { runs, clock, lifechart } = await house.open({ retention: { window: 1_000 } })
    await runs.start('chat', emits('a')).ended
    await clock.advance(999)
    expect(lifechart.stats()['runs.retained']).toBe(1)
    await clock.advance(2)
    expect(lifechart.stats()['runs.retained']).toBe(0)
  })

  it('touches nothing of a newer run when it is evicted', async () => {
    const { runs, clock } = await house.open()
    const first = runs.start('chat', emits('a'))
    await first.ended
    const second = runs.start('chat', emitsAndStays('b'))
    const reader = new Reader(second.subscribe())
    await clock.advance(180_001)
    expect(await errorOf(() => runs.subscribe('chat', { runId: first.runId }).next())).toEqual(codeOf('RUN_EVICTED'))
    expect(await runs.get('chat')).toMatchObject({ runId: second.runId, status: 'running' })
    expect(await runs.stop('chat')).toBe(true)
    await reader.done
    expect(reader.error).toBeUndefined()
  })
})

describe('unknown, evicted and empty', () => {
  const house = processes()

  it('are three different answers', async () => {
    const { runs, store, clock } = await house.open()
    await runs.start('evicted', emits('a')).ended
    await clock.advance(180_001)
    store.hold()
    runs.start('empty', patient)
    const empty = new Reader(runs.subscribe('empty'))
    expect(await errorOf(() => runs.subscribe('unknown').next())).toEqual(codeOf('RUN_NOT_FOUND'))
    expect(await errorOf(() => runs.subscribe('evicted').next())).toEqual(codeOf('RUN_EVICTED'))
    await settled()
    expect(empty).toMatchObject({ events: [], over: false, error: undefined })
    expect(await runs.get('unknown')).toBeUndefined()
    expect(await runs.get('evicted')).toBeUndefined()
    expect(await runs.stop('unknown')).toBe(false)
    expect(await runs.stop('evicted')).toBe(false)
  })

  it('an eviction is remembered for 24 h', async () => {
    const { runs, clock } = await house.open()
    const run = runs.start('chat', emits('a'))
    await run.ended
    await clock.advance(180_000)
    clock.jump(24 * 3_600_000 - 2)
    expect(await errorOf(() => runs.subscribe('chat').next())).toEqual(codeOf('RUN_EVICTED'))
    clock.jump(4)
    expect(await errorOf(() => runs.subscribe('chat').next())).toEqual(codeOf('RUN_NOT_FOUND'))
  })

  it('the memory of evictions is bounded; the oldest are forgotten first', async () => {
    const { runs, clock } = await house.open({ limits: { evictedRemembered: 4 } })
    for (const id of ['a', 'b', 'c']) {
      await runs.start(id, emits('a')).ended
      await clock.advance(180_001)
    }
    expect(await errorOf(() => runs.subscribe('a').next())).toEqual(codeOf('RUN_NOT_FOUND'))
    expect(await errorOf(() => runs.subscribe('c').next())).toEqual(codeOf('RUN_EVICTED'))
  })
})

describe('in a durable store', () => {
  const house = processes({ durable: true })

  it('a stream outlives the window and is served from the store', async () => {
    const { runs, clock, lifechart } = await house.open()
    const run = runs.start('chat', emits(...upTo(10)))
    const live = await collect(run.subscribe())
    await clock.advance(180_001)
    expect(lifechart.stats()).toMatchObject({ 'runs.retained': 0, 'lifecycles.loaded': 0 })
    expect(await collect(runs.subscribe('chat'))).toEqual(live)
    expect(await collect(runs.subscribe('chat', { runId: run.runId, after: 5 }))).toEqual(live.slice(5))
    expect(await runs.get('chat')).toMatchObject({ status: 'done', head: 12, end: live.at(-1) })
    expect(lifechart.stats()['streams.followed']).toBe(0)
  })

  it('is kept for retention.stored from the end, then it is evicted, and nothing of it is left', async () => {
    const { runs, clock, lifechart } = await house.open({ retention: { stored: 3_600_000 } })
    const run = runs.start('chat', emits('a'))
    await run.ended
    await clock.advance(3_599_999)
    expect(numbers(await collect(runs.subscribe('chat')))).toEqual(upTo(3))
    await clock.advance(2)
    expect(await errorOf(() => runs.subscribe('chat').next())).toEqual(codeOf('RUN_EVICTED'))
    expect(await errorOf(() => runs.subscribe('chat', { runId: run.runId }).next())).toEqual(codeOf('RUN_EVICTED'))
    expect(await lifechart.kernel.adapter.load(`run/${run.runId}`)).toBeUndefined()
    expect(await lifechart.kernel.adapter.load({ key: 'latest/chat' })).toBeUndefined()
  })

  /** A run of 5,002 events, of which the last few are in memory here, is forgotten while it is replayed here and elsewhere. */
  async function forgottenMeanwhile() {
    const options = { retention: { stored: 200_000 }, limits: { windowRecords: 100 } }
    const here = await house.open(options)
    const there = await house.open(options)
    const run = here.runs.start('chat', emits(...upTo(5_000)))
    await run.ended
    const began = async ({ runs }: typeof here) => {
      const batches = runs.subscribe('chat').batches()
      const { value } = await batches.next()
      return { batches, seen: [...(value ?? [])] }
    }
    const replays = { mine: await began(here), theirs: await began(there) }
    await house.clock.advance(200_001)
    expect(await here.lifechart.kernel.adapter.load(`run/${run.runId}`)).toBeUndefined()
    return { here, there, run, ...replays }
  }

  it('one that is forgotten in the middle of a replay is one gap to what is still in memory', async () => {
    const { run, mine } = await forgottenMeanwhile()
    const to = numbers(mine.seen).at(-1)!
    for await (const batch of mine.batches) mine.seen.push(...batch)
    const gap = mine.seen.filter(event => event.type === 'gap')
    expect(gap).toEqual([{ type: 'gap', from: to + 1, to: expect.any(Number) }])
    expect(numbers(mine.seen)).toEqual([...upTo(to), ...upTo(5_002, (gap[0] as { to: number }).to + 1)])
    expect(mine.seen.at(-1)).toEqual(await run.ended)
  })

  it('one that is forgotten in the middle of a replay is an error where nothing of it is in memory, never silence', async () => {
    const { here, there, run, theirs } = await forgottenMeanwhile()
    expect(await errorOf(() => collect(theirs.batches))).toEqual(codeOf('RUN_EVICTED'))
    expect(there.lifechart.stats()['streams.followed']).toBe(0)
    await house.clock.advance(2_000_000)
    expect(here.lifechart.stats()['runs.retained']).toBe(0)
    expect(await errorOf(() => run.subscribe().next())).toEqual(codeOf('RUN_EVICTED'))
  })

  it('is forgotten in time by whoever is there, also after a restart', async () => {
    const first = await house.open({ retention: { stored: 3_600_000 } })
    await first.runs.start('chat', emits('a')).ended
    await first.lifechart.close()
    const second = await house.open()
    expect(numbers(await collect(second.runs.subscribe('chat')))).toEqual(upTo(3))
    await house.clock.advance(3_600_001)
    expect(await errorOf(() => second.runs.subscribe('chat').next())).toEqual(codeOf('RUN_EVICTED'))
  })

  it('a forgotten run takes nothing of a newer one along', async () => {
    const { runs, clock } = await house.open({ retention: { stored: 3_600_000 } })
    const first = runs.start('chat', emits('a'))
    await first.ended
    await clock.advance(1_800_000)
    const second = runs.start('chat', emits('b'))
    await second.ended
    await clock.advance(1_800_001)
    expect(await errorOf(() => runs.subscribe('chat', { runId: first.runId }).next())).toEqual(codeOf('RUN_EVICTED'))
    expect(await runs.get('chat')).toMatchObject({ runId: second.runId })
  })
})
