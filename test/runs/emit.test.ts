import { describe, expect, it } from 'vitest'
import { wait } from '../../src/kernel/clock.ts'
import type { ProducerContext } from '../../src/runs/producer.ts'
import { settled } from '../../src/testing/simulated-clock.ts'
import { aborted, chunks, codeOf, collect, emitsAndStays, errorOf, latch, numbers, processes, Reader, upTo } from './support.ts'

const house = processes()

/** Runs the producer's body with its context at hand, until it is stopped. */
async function atWork(options?: Parameters<typeof house.open>[0]) {
  const process = await house.open(options)
  const given = latch<ProducerContext>()
  const run = process.runs.start('chat', context => {
    given.open(context)
    return aborted(context.signal)
  })
  return { ...process, run, context: await given.opened }
}

const isPending = async (promise: Promise<unknown>) => {
  const pending = Symbol()
  await settled()
  return (await Promise.race([promise, Promise.resolve(pending)])) === pending
}

describe('emit', () => {
  it('is answered true at once while the store keeps up', async () => {
    const { context, run } = await atWork()
    expect(await context.emit('a')).toBe(true)
    await run.stop()
    expect(chunks(await collect(run.subscribe()))).toEqual(['a'])
  })

  it('means accepted, not yet durable: nobody sees the chunk before it is committed', async () => {
    const { context, run, store } = await atWork()
    const reader = new Reader(run.subscribe())
    await settled()
    store.hold()
    expect(await context.emit('a')).toBe(true)
    await settled()
    expect(chunks(reader.events)).toEqual([])
    store.release()
    await settled()
    expect(chunks(reader.events)).toEqual(['a'])
  })

  it('is pending only while more than 1,024 events are under way to the store', async () => {
    const { context, store } = await atWork()
    store.hold()
    const within = Promise.all(upTo(1024).map(i => context.emit(i)))
    expect(await isPending(within)).toBe(false)
    const beyond = context.emit(1025)
    expect(await isPending(beyond)).toBe(true)
    store.release()
    expect(await beyond).toBe(true)
  })

  it('is pending while more than 1 MiB is under way to the store', async () => {
    const { context, store } = await atWork()
    store.hold()
    expect(await context.emit('x'.repeat(600_000))).toBe(true)
    const beyond = context.emit('x'.repeat(600_000))
    expect(await isPending(beyond)).toBe(true)
    store.release()
    expect(await beyond).toBe(true)
  })

  it('takes one chunk that is larger than all that may be under way', async () => {
    const { runs } = await house.open({ limits: { inflightBytes: 1_000 } })
    const run = runs.start('chat', async ({ emit }) => {
      await emit('x'.repeat(20_000))
      await emit('b')
    })
    expect(await run.ended).toMatchObject({ status: 'done', seq: 4 })
  })

  it('that is awaited in a loop without end lets others have the event loop', async () => {
    const { runs } = await house.open()
    let n = 0
    let over = false
    const run = runs.start('chat', async ({ emit }) => {
      while (!over) await emit(n++)
    })
    await run.started
    await new Promise(resolve => setImmediate(resolve))
    over = true
    expect(await run.ended).toMatchObject({ status: 'done', seq: n + 2 })
  })

  it('is answered false, and never rejects, when the run is over', async () => {
    const { context, run, lifechart } = await atWork()
    await run.stop()
    expect(await context.emit('late')).toBe(false)
    expect(await context.emit({ late: true })).toBe(false)
    expect(lifechart.stats()['runs.lateWrites']).toBe(2)
    expect(chunks(await collect(run.subscribe()))).toEqual([])
  })

  it('that is pending when the run is stopped is answered, and its chunk is kept', async () => {
    const { context, run, store } = await atWork()
    store.hold()
    for (let i = 1; i <= 1024; i++) void context.emit(i)
    const beyond = context.emit(1025)
    const stopped = run.stop()
    store.release()
    expect(await stopped).toBe(true)
    expect(typeof (await beyond)).toBe('boolean')
    expect(chunks(await collect(run.subscribe()))).toEqual(upTo(1025))
  })

  it.each([
    ['16 x 1,024 events', 1, 16 * 1024],
    ['16 MiB', 1_000_000, 16],
  ])('that is ignored meets a hard bound at %s: EMIT_OVERFLOW, and the run ends as error', async (_bound, size, count) => {
    const { context, run, store } = await atWork()
    store.hold()
    const chunk = 'x'.repeat(size)
    for (let i = 0; i < count; i++) void context.emit(chunk)
    expect(await errorOf(() => context.emit(chunk))).toEqual(codeOf('EMIT_OVERFLOW'))
    expect(context.signal.aborted).toBe(true)
    expect(await context.emit('more')).toBe(false)
    store.release()
    expect(await run.ended).toMatchObject({ status: 'error', error: { code: 'EMIT_OVERFLOW' } })
    expect(numbers(await collect(run.subscribe()))).toEqual(upTo(count + 2))
  })

  it('throws at once for what can not be stored, and the producer may go on', async () => {
    const { context, run } = await atWork()
    expect(() => void context.emit(new Date())).toThrow(codeOf('NOT_SERIALIZABLE'))
    expect(() => void context.emit('x'.repeat(2 ** 20))).toThrow(codeOf('CHUNK_TOO_LARGE'))
    expect(await context.emit('fine')).toBe(true)
    await run.stop()
    expect(chunks(await collect(run.subscribe()))).toEqual(['fine'])
  })

  it.each([
    ['NOT_SERIALIZABLE', new Map()],
    ['CHUNK_TOO_LARGE', 'x'.repeat(2 ** 20)],
  ])('ends the run as error with %s when that is yielded, and the generator cleans up', async (code, chunk) => {
    const { runs } = await house.open()
    let cleaned = 0
    const run = runs.start('chat', async function* () {
      try {
        yield 'fine'
        yield chunk
        yield 'never'
      } finally {
        cleaned++
      }
    })
    const events = await collect(run.subscribe())
    expect(chunks(events)).toEqual(['fine'])
    expect(events.at(-1)).toMatchObject({ type: 'end', status: 'error', error: { code } })
    expect(cleaned).toBe(1)
  })

  it('takes chunks of emit and of yield in the order in which they were made', async () => {
    const { runs } = await house.open()
    const run = runs.start('chat', async function* ({ emit }) {
      await emit(1)
      yield 2
      void emit(3)
      void emit(4)
      yield 5
    })
    expect(chunks(await collect(run.subscribe()))).toEqual(upTo(5))
  })
})

describe('an iterable', () => {
  it('is pulled at the pace of the store, never at the pace of a subscriber', async () => {
    const { runs, store } = await house.open()
    let pulled = 0
    const run = runs.start('chat', async function* () {
      for (; pulled < 5_000; pulled++) yield pulled
    })
    const stalled = run.subscribe()
    await run.started
    store.hold()
    await settled(64)
    expect(pulled).toBeGreaterThan(1_000)
    expect(pulled).toBeLessThan(1_100)
    store.release()
    expect(await run.ended).toMatchObject({ status: 'done', seq: 5_002 })
    expect(numbers(await collect(stalled))).toEqual(upTo(5_002))
  })

  it('is slowed by a store that is slow', async () => {
    const { runs, store, clock } = await house.open()
    store.latency = 100
    let pulled = 0
    const run = runs.start('chat', async function* () {
      for (; pulled < 3_000; pulled++) yield pulled
    })
    await clock.advance(100)
    await settled(64)
    expect(pulled).toBeLessThan(1_100)
    await clock.advance(10_000)
    expect(await run.ended).toMatchObject({ status: 'done', seq: 3_002 })
  })

  it('that never waits lets others have the event loop', async () => {
    const { runs } = await house.open()
    let made = 0
    let over = false
    const run = runs.start('chat', function* () {
      while (!over) yield made++
    })
    await new Promise(resolve => setTimeout(resolve, 20))
    const seen = made
    over = true
    expect(await run.ended).toMatchObject({ status: 'done' })
    expect(seen).toBeGreaterThan(0)
  })

  it('is asked for nothing more once the run was told to stop', async () => {
    const { runs } = await house.open()
    let made = 0
    const run = runs.start('chat', async function* () {
      for (;;) {
        yield ++made
        await settled(1)
      }
    })
    await run.started
    await settled()
    expect(await run.stop()).toBe(true)
    const seen = made
    await settled()
    expect(made).toBe(seen)
  })
})

describe('a subscriber', () => {
  it('that reads nothing slows nobody', async () => {
    const { runs } = await house.open()
    const run = runs.start('chat', emitsAndStays(...upTo(3_000)))
    run.subscribe()
    const reader = new Reader(run.subscribe())
    await run.started
    await settled(64)
    expect(chunks(reader.events)).toEqual(upTo(3_000))
  })

  it('that is slow gets everything all the same', async () => {
    const { runs, clock } = await house.open()
    const run = runs.start('chat', emitsAndStays(...upTo(20)))
    const seen: number[] = []
    const reading = (async () => {
      for await (const event of run.subscribe()) {
        await wait(clock, 1_000)
        if (event.type !== 'gap') seen.push(event.seq)
      }
    })()
    await settled()
    await run.stop()
    await clock.advance(30_000)
    await reading
    expect(seen).toEqual(upTo(23))
  })
})
