import { describe, expect, it } from 'vitest'
import type { ProducerContext } from '../../src/runs/producer.ts'
import { settled } from '../../src/testing/simulated-clock.ts'
import {
  aborted,
  chunks,
  codeOf,
  collect,
  deaf,
  emits,
  emitsAndStays,
  errorOf,
  latch,
  patient,
  processes,
  Reader,
  upTo,
} from './support.ts'

const house = processes({ durable: true })

async function* counting({ attempt, chunks: count, signal }: ProducerContext) {
  yield `attempt ${attempt} after ${count}`
  if (attempt === 1) await aborted(signal)
}

describe('close', () => {
  it('hands over what resumes and stops the rest, by default', async () => {
    const { runs, lifechart } = await house.open()
    runs.define('count', counting)
    const resumes = runs.start('resumes', { type: 'count' }, { orphan: 'resume' })
    const stops = runs.start('stops', patient)
    await Promise.all([resumes.started, stops.started])
    await settled()
    await lifechart.close()
    expect(await stops.ended).toMatchObject({ status: 'stopped', reason: 'shutdown' })
    const next = await house.open()
    expect(await next.runs.get('stops')).toMatchObject({ status: 'stopped' })
    expect(await next.runs.get('resumes')).toMatchObject({ status: 'running', attempt: 1 })
  })

  it('by handover tells the producer, gives the run back without an end, and closes the subscriptions; the next owner goes on', async () => {
    const first = await house.open()
    first.runs.define('count', counting)
    let told = false
    first.runs.define('other', async ({ signal }) => {
      await aborted(signal)
      told = true
    })
    first.runs.start('chat', { type: 'count' }, { orphan: 'resume' })
    first.runs.start('other', { type: 'other' }, { orphan: 'resume' })
    const reader = new Reader(first.runs.subscribe('chat'))
    const second = await house.open()
    second.runs.define('count', counting)
    second.runs.define('other', patient)
    await settled()
    await first.lifechart.close({ mode: 'handover' })
    await reader.done
    expect(told).toBe(true)
    expect(reader.error).toEqual(codeOf('RUNTIME_CLOSED'))
    expect(reader.events.map(event => event.type)).toEqual(['state', 'chunk'])
    await house.clock.advance(8_000)
    expect(chunks(await collect(second.runs.subscribe('chat')))).toEqual(['attempt 1 after 0', 'attempt 2 after 1'])
    expect(await second.runs.get('other')).toMatchObject({ status: 'running', attempt: 2 })
  })

  it('by stop ends everything as stopped, reason shutdown, behind its clean-up', async () => {
    const { runs, lifechart } = await house.open()
    runs.define('count', counting)
    const go = latch()
    let cleaned = false
    const resumes = runs.start('resumes', { type: 'count' }, { orphan: 'resume' })
    const cleans = runs.start('cleans', async ({ signal }) => {
      await aborted(signal)
      await go.opened
      cleaned = true
    })
    await settled()
    const closing = lifechart.close({ mode: 'stop' })
    await settled()
    go.open()
    await closing
    expect(cleaned).toBe(true)
    for (const run of [resumes, cleans]) expect(await run.ended).toMatchObject({ status: 'stopped', reason: 'shutdown' })
  })

  it('by drain waits for the ends', async () => {
    const { runs, lifechart } = await house.open()
    const go = latch<string>()
    const run = runs.start('chat', () => go.opened)
    await run.started
    let closed = false
    const closing = lifechart.close({ mode: 'drain' }).then(() => {
      closed = true
    })
    await settled()
    expect(closed).toBe(false)
    go.open('result')
    await closing
    expect(await run.ended).toMatchObject({ status: 'done', result: 'result' })
  })

  it.each(['stop', 'drain', undefined] as const)(
    'by %s waits for the timeout at most; what is left is ended by the next owner',
    async mode => {
      const first = await house.open()
      await first.runs.start('chat', deaf, { limits: { stopGrace: 60_000 } }).started
      await settled()
      let closed = false
      const closing = first.lifechart.close({ ...(mode && { mode }), timeout: 2_000 }).then(() => {
        closed = true
      })
      await house.clock.advance(1_999)
      expect(closed).toBe(false)
      await house.clock.advance(1)
      await closing
      const second = await house.open()
      await house.clock.advance(8_000)
      expect((await second.runs.get('chat'))?.status).toBe('stopped')
    },
  )

  it('lets nothing begin any more', async () => {
    const { runs, lifechart } = await house.open()
    await runs.start('chat', deaf).started
    const closing = lifechart.close({ mode: 'stop', timeout: 2_000 })
    expect(() => runs.start('late', patient)).toThrow(codeOf('RUNTIME_CLOSED'))
    await house.clock.advance(2_000)
    await closing
    expect(() => runs.start('later', patient)).toThrow(codeOf('RUNTIME_CLOSED'))
  })

  it('twice is once, and leaves no timer behind', async () => {
    const before = house.clock.pending
    const { runs, lifechart } = await house.open()
    runs.define('count', counting)
    runs.start('a', { type: 'count' }, { orphan: 'resume', limits: { wallTimeout: 100_000, idleTimeout: 50_000 } })
    const run = runs.start('b', emitsAndStays('a'))
    run.subscribe()
    await settled()
    await Promise.all([lifechart.close(), lifechart.close()])
    await lifechart[Symbol.asyncDispose]()
    expect(house.clock.pending).toBe(before)
  })

  it('tells those who are in the middle of a replay of a run that has ended, and ends quietly for those who have all of it', async () => {
    const { runs, lifechart } = await house.open({ limits: { windowRecords: 1 } })
    const run = runs.start('chat', emits(...upTo(5_000)))
    await run.ended
    const replay = run.subscribe().batches()
    await replay.next()
    const whole = run.subscribe({ after: 5_000 }).batches()
    expect(await whole.next()).toMatchObject({ value: { to: 5_002 } })
    await lifechart.close()
    expect(await errorOf(() => replay.next())).toEqual(codeOf('RUNTIME_CLOSED'))
    expect(await whole.next()).toEqual({ value: undefined, done: true })
  })

  it('loses no more than a crash would: the next owner finds the same run', async () => {
    const found = []
    for (const way of ['close', 'crash'] as const) {
      const first = await house.open()
      first.runs.define('count', counting)
      first.runs.start(way, { type: 'count', input: 7 }, { orphan: 'resume' })
      await settled()
      if (way === 'close') await first.lifechart.close()
      else first.lifechart.kernel.crash()
      house.clock.jump(30_000)
      const second = await house.open()
      second.runs.define('count', counting)
      await settled()
      found.push(await collect(second.runs.subscribe(way)))
      await second.lifechart.close()
    }
    expect(found[0]).toEqual(found[1])
    expect(found[0]).toHaveLength(5)
  })
})
