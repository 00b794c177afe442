import { describe, expect, it } from 'vitest'
import { memoryAdapter } from '../../src/adapters/memory.ts'
import { openTestLifechart } from '../../src/testing/index.ts'
import { settled } from '../../src/testing/simulated-clock.ts'
import { codeOf, collect, emits, emitsAndStays, errorOf, latch, numbers, patient, processes, Reader, upTo } from './support.ts'

const house = processes()

/** A finished run of 10 events whose records up to `through` are gone from the store and from memory. */
async function trimmed(through: number) {
  const { runs, lifechart } = await house.open({ limits: { windowRecords: 2 } })
  const run = runs.start('chat', emits(...upTo(8)))
  await run.ended
  await lifechart.kernel.adapter.forget(`run/${run.runId}`, { through })
  return run
}

describe('a cursor', () => {
  it('at n goes on with n + 1, wherever that is: in memory or in the store', async () => {
    const { runs } = await house.open({ limits: { windowRecords: 3 } })
    const run = runs.start('chat', emits(...upTo(8)))
    await run.ended
    for (let after = 0; after <= 10; after++) {
      expect(numbers(await collect(runs.subscribe('chat', { after })))).toEqual(upTo(10, after + 1))
    }
  })

  it('at the tail of a running run waits', async () => {
    const { runs } = await house.open()
    const go = latch()
    const run = runs.start('chat', async function* () {
      yield 'a'
      await go.opened
      yield 'b'
    })
    await run.started
    await settled()
    const reader = new Reader(run.subscribe({ after: 2 }))
    await settled()
    expect(reader).toMatchObject({ events: [], over: false })
    go.open()
    await reader.done
    expect(numbers(reader.events)).toEqual([3, 4])
  })

  it('at the tail of a final run ends at once; before the end it still gets the end', async () => {
    const { runs } = await house.open()
    const run = runs.start('chat', emits('a'))
    await run.ended
    expect(await collect(run.subscribe({ after: 3 }))).toEqual([])
    expect(await collect(run.subscribe({ after: 2 }))).toEqual([{ seq: 3, type: 'end', status: 'done' }])
  })

  it.each([-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '1' as never])('%s is refused as no position', async after => {
    const { runs, lifechart } = await house.open()
    const run = runs.start('chat', patient)
    await run.started
    expect(await errorOf(() => run.subscribe({ after }).next())).toEqual(codeOf('CURSOR_INVALID'))
    expect(await errorOf(() => runs.subscribe('chat', { after }).next())).toEqual(codeOf('CURSOR_INVALID'))
    const closed = latch<unknown>()
    runs.follow('chat', () => undefined, { after, onClose: closed.open })
    expect(await closed.opened).toEqual(codeOf('CURSOR_INVALID'))
    expect(lifechart.stats()['runs.subscribers']).toBe(0)
  })

  it('beyond the head is refused, with the head', async () => {
    const { runs } = await house.open()
    const run = runs.start('chat', emitsAndStays('a'))
    await run.started
    await settled()
    expect(await errorOf(() => run.subscribe({ after: 3 }).next())).toMatchObject({ code: 'CURSOR_AHEAD', details: { head: 2 } })
    await run.stop()
    expect(await errorOf(() => run.subscribe({ after: 5 }).next())).toMatchObject({ code: 'CURSOR_AHEAD', details: { head: 4 } })
  })

  it('of an earlier run of the id is refused, never silently live only', async () => {
    const { runs } = await house.open()
    const first = runs.start('chat', emits(...upTo(8)))
    await first.ended
    const second = runs.start('chat', emitsAndStays('a'))
    await second.started
    await settled()
    expect(await errorOf(() => runs.subscribe('chat', { after: 9 }).next())).toEqual(codeOf('CURSOR_AHEAD'))
    expect(numbers(await collect(runs.subscribe('chat', { runId: first.runId, after: 9 })))).toEqual([10])
    expect(await errorOf(() => runs.subscribe('chat', { runId: 'of another generation', after: 9 }).next())).toEqual(
      codeOf('RUN_NOT_FOUND'),
    )
  })
})

describe('what is gone from the store', () => {
  it('is one gap with both its ends, then comes what there is', async () => {
    const run = await trimmed(4)
    for (const after of [0, 1, 3]) {
      expect((await collect(run.subscribe({ after })))[0]).toEqual({ type: 'gap', from: after + 1, to: 4 })
      expect(numbers(await collect(run.subscribe({ after })))).toEqual(upTo(10, 5))
    }
  })

  it('is no gap for a cursor at its last number', async () => {
    const run = await trimmed(4)
    expect((await collect(run.subscribe({ after: 4 }))).map(event => event.type)).not.toContain('gap')
  })

  it('is a gap for sinks and batches too', async () => {
    const run = await trimmed(4)
    const batches = await collect(run.subscribe().batches())
    expect(batches[0]).toMatchObject({ from: 1, to: 4, length: 1 })
    expect(batches[0]?.events).toEqual([{ type: 'gap', from: 1, to: 4 }])
  })

  it('while somebody reads is a gap in the middle of what it gets', async () => {
    const { runs, lifechart } = await house.open({ limits: { windowRecords: 2 } })
    const run = runs.start('chat', emits(...Array.from({ length: 5_000 }, (_, i) => i)))
    await run.ended
    const subscription = run.subscribe()
    await subscription.next()
    await lifechart.kernel.adapter.forget(`run/${run.runId}`, { through: 4_000 })
    const rest = await collect(subscription)
    const gaps = rest.filter(event => event.type === 'gap')
    expect(gaps).toEqual([{ type: 'gap', from: expect.any(Number), to: 4_000 }])
    const seen = numbers(rest)
    expect(seen).toEqual([...upTo((gaps[0] as { from: number }).from - 1, 2), ...upTo(5_002, 4_001)])
  })

  it('is a gap for another process that was behind', async () => {
    const adapter = memoryAdapter()
    const one = await openTestLifechart({ adapter })
    const two = await openTestLifechart({ adapter, environment: one.environment, seed: 2, limits: { windowRecords: 1 } })
    const run = one.lifechart.runs.start('chat', emits(...upTo(8)))
    await run.ended
    await one.lifechart.kernel.adapter.forget(`run/${run.runId}`, { through: 4 })
    expect((await collect(two.lifechart.runs.subscribe('chat', { after: 2 })))[0]).toEqual({ type: 'gap', from: 3, to: 4 })
    await two.lifechart.close()
    await one.lifechart.close()
  })
})
