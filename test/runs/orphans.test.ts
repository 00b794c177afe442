import { describe, expect, it } from 'vitest'
import type { ProducerContext } from '../../src/runs/producer.ts'
import { settled } from '../../src/testing/simulated-clock.ts'
import { busy } from '../support/faulty-adapter.ts'
import {
  aborted,
  chunks,
  codeOf,
  collect,
  emits,
  emitsAndStays,
  numbers,
  type Process,
  patient,
  processes,
  Reader,
  upTo,
} from './support.ts'

const house = processes({ durable: true })

/** Emits 1 and 2 and stays; when it is called again it says what it was told, and returns. */
async function* counting({ attempt, lastSeq, chunks: count, lastChunk, input, signal }: ProducerContext) {
  if (attempt > 1) return { attempt, lastSeq, count, lastChunk, input }
  yield 1
  yield 2
  await aborted(signal)
}

/** The process dies; what it owned is free once its session has lapsed. */
const crash = ({ lifechart }: Process) => lifechart.kernel.crash()
const lapse = 30_000

describe('with durability events', () => {
  it('every event that a subscriber saw is there after a crash, with the same number, and the run is not running', async () => {
    const first = await house.open()
    const run = first.runs.start('chat', emitsAndStays(...upTo(50)))
    const reader = new Reader(run.subscribe())
    while (reader.events.length < 51) await settled(1)
    crash(first)
    await reader.done
    const second = await house.open()
    await house.clock.advance(lapse)
    expect(await second.runs.get('chat')).toMatchObject({ runId: run.runId, status: 'stopped' })
    const stored = await collect(second.runs.subscribe('chat'))
    expect(stored.slice(0, reader.events.length)).toEqual(reader.events)
    expect(numbers(stored)).toEqual(upTo(52))
  })

  it('a run is running only as long as somebody holds it', async () => {
    const first = await house.open()
    await first.runs.start('chat', patient).started
    crash(first)
    const second = await house.open()
    house.clock.jump(lapse)
    expect(await second.runs.get('chat')).toMatchObject({ status: 'stopped', end: { reason: 'orphaned' } })
  })

  it('stop of a run whose owner is gone finds it ended', async () => {
    const first = await house.open()
    await first.runs.start('chat', patient).started
    crash(first)
    const second = await house.open()
    house.clock.jump(lapse)
    expect(await second.runs.stop('chat')).toBe(false)
    expect(await second.runs.get('chat')).toMatchObject({ status: 'stopped' })
  })

  it('a start finds the orphan before it, deals with it, and begins', async () => {
    const first = await house.open()
    const orphan = first.runs.start('chat', patient)
    await orphan.started
    crash(first)
    const second = await house.open()
    const run = second.runs.start('chat', emits('a'))
    await house.clock.advance(lapse)
    expect(await run.ended).toMatchObject({ status: 'done' })
    expect(await second.runs.get('chat', { runId: orphan.runId })).toMatchObject({ status: 'stopped' })
    await house.clock.advance(lapse)
    const left = await second.lifechart.kernel.adapter.query({ kinds: ['commands'], limit: 10 })
    expect(left.items).toEqual([])
    expect(second.lifechart.stats()['streams.followed']).toBe(0)
  })
})

describe('with durability none', () => {
  it('nothing is stored and no other process sees the run', async () => {
    const one = await house.open()
    const two = await house.open()
    const commits = one.store.commits.length
    const run = one.runs.start('chat', emits('a'), { durability: 'none' })
    expect(numbers(await collect(one.runs.subscribe('chat')))).toEqual(upTo(3))
    expect(one.store.commits.length).toBe(commits)
    expect(await one.runs.get('chat')).toMatchObject({ runId: run.runId, status: 'done' })
    expect(await two.runs.get('chat')).toBeUndefined()
    expect(await two.runs.get('chat', { runId: run.runId })).toBeUndefined()
    expect(await two.runs.stop('chat')).toBe(false)
  })

  it('a run can be stopped, replaced and evicted like any other', async () => {
    const { runs, clock, lifechart } = await house.open()
    const first = runs.start('chat', patient, { durability: 'none' })
    await first.started
    const second = runs.start('chat', patient, { durability: 'none' })
    expect(await first.ended).toMatchObject({ reason: 'replaced', by: second.runId })
    await settled()
    expect(await runs.stop('chat')).toBe(true)
    await clock.advance(180_001)
    expect(lifechart.stats()).toMatchObject({ 'runs.retained': 0, 'lifecycles.loaded': 0 })
    expect(await runs.get('chat')).toBeUndefined()
  })

  it.each([
    ['a closure', () => patient, {}],
    ['an iterable', () => emits('a')(), {}],
    ['a run that is not stored', () => ({ type: 'count' }), { durability: 'none' }],
  ] as const)('orphan: resume is refused at start for %s', async (_name, producer, options) => {
    const { runs } = await house.open()
    runs.define('count', counting)
    expect(() => runs.start('chat', producer(), { ...options, orphan: 'resume' })).toThrow(codeOf('NOT_RESUMABLE'))
  })
})

describe('a run whose process is gone', () => {
  it('ends as stopped, orphaned, by default', async () => {
    const first = await house.open()
    await first.runs.start('chat', patient).started
    crash(first)
    const second = await house.open()
    await house.clock.advance(lapse)
    expect((await collect(second.runs.subscribe('chat'))).at(-1)).toEqual({ seq: 2, type: 'end', status: 'stopped', reason: 'orphaned' })
  })

  it('ends as error by orphan: error', async () => {
    const first = await house.open()
    await first.runs.start('chat', patient, { orphan: 'error' }).started
    crash(first)
    const second = await house.open()
    await house.clock.advance(lapse)
    const end = (await collect(second.runs.subscribe('chat'))).at(-1)
    expect(end).toEqual({ seq: 2, type: 'end', status: 'error', error: { code: 'RUN_ORPHANED', message: expect.any(String) } })
  })

  it('is resumed by orphan: resume: told its attempt, the last record, how many chunks there were and the last of them', async () => {
    const first = await house.open()
    first.runs.define('count', counting)
    const run = first.runs.start('chat', { type: 'count', input: { from: 'ann' } }, { orphan: 'resume' })
    await settled()
    crash(first)
    const second = await house.open()
    second.runs.define('count', counting)
    await house.clock.advance(lapse)
    expect(await collect(second.runs.subscribe('chat'))).toEqual([
      { seq: 1, type: 'state', state: 'running' },
      { seq: 2, type: 'chunk', data: 1 },
      { seq: 3, type: 'chunk', data: 2 },
      { seq: 4, type: 'state', state: 'running', attempt: 2 },
      {
        seq: 5,
        type: 'end',
        status: 'done',
        result: { attempt: 2, lastSeq: 3, count: 2, lastChunk: 2, input: { from: 'ann' } },
      },
    ])
    expect(await second.runs.get('chat')).toMatchObject({ runId: run.runId, type: 'count', attempt: 2, status: 'done' })
  })

  it('is resumed while it waits for another one, and goes on waiting', async () => {
    const first = await house.open()
    const other = await house.open()
    const before = other.runs.start('chat', patient)
    await before.started
    await settled()
    first.runs.define('count', counting)
    const run = first.runs.start('chat', { type: 'count' }, { orphan: 'resume', policy: 'enqueue' })
    await run.started
    crash(first)
    other.runs.define('count', counting)
    await house.clock.advance(lapse)
    expect(await other.runs.get('chat', { runId: run.runId })).toMatchObject({ status: 'waiting', attempt: 2 })
    await before.stop()
    await settled()
    expect(await other.runs.get('chat', { runId: run.runId })).toMatchObject({ status: 'done' })
  })

  it('that was being stopped ends as stopped, for the reason it was stopped for', async () => {
    const first = await house.open()
    first.runs.define('deaf', () => new Promise(() => undefined))
    const run = first.runs.start('chat', { type: 'deaf' }, { orphan: 'resume' })
    await run.started
    void run.stop()
    await settled()
    crash(first)
    const second = await house.open()
    second.runs.define('deaf', () => new Promise(() => undefined))
    await house.clock.advance(lapse)
    expect((await second.runs.get('chat'))?.end).toMatchObject({ status: 'stopped', reason: 'user' })
  })

  it('is taken over although the store fails for a moment', async () => {
    const first = await house.open()
    first.runs.define('count', counting)
    first.runs.start('chat', { type: 'count' }, { orphan: 'resume' })
    await settled()
    crash(first)
    const second = await house.open()
    second.runs.define('count', counting)
    second.store.fail('read', busy(), 2)
    second.store.fail('query', busy(), 1)
    await house.clock.advance(lapse * 2)
    // Not by get(), which would take it over itself.
    expect(second.lifechart.stats()).toMatchObject({ 'runs.resumed': 1, 'runs.ended': 1 })
    expect(await second.runs.get('chat')).toMatchObject({ status: 'done', attempt: 2 })
  })

  it('is taken over although the store is down for longer than the grace', async () => {
    const first = await house.open()
    first.runs.define('count', counting)
    first.runs.start('chat', { type: 'count' }, { orphan: 'resume' })
    await settled()
    crash(first)
    const second = await house.open()
    second.runs.define('count', counting)
    second.store.hold()
    await house.clock.advance(60_000)
    second.store.release()
    await house.clock.advance(60_000)
    expect(second.lifechart.stats()).toMatchObject({ 'runs.ended': 1 })
    expect(await second.runs.get('chat')).toMatchObject({ attempt: 2, end: { status: 'error', error: { code: 'STORE_UNAVAILABLE' } } })
    expect(second.lifechart.stats()).toMatchObject({ 'runs.live': 0, 'lifecycles.loaded': 0 })
  })
})

describe('a run whose type nobody has defined', () => {
  async function orphaned() {
    const first = await house.open()
    first.runs.define('count', counting)
    first.runs.start('chat', { type: 'count' }, { orphan: 'resume' })
    await settled()
    crash(first)
    house.clock.jump(lapse)
    return house.open({ limits: { typeGrace: 30_000 } })
  }

  it('is waited for a grace and resumed as soon as it is defined', async () => {
    const second = await orphaned()
    await house.clock.advance(29_000)
    expect(await second.runs.get('chat')).toMatchObject({ status: 'running' })
    expect(await second.lifechart.explain('chat')).toMatchObject([{ code: 'type_undefined' }])
    second.runs.define('count', counting)
    await settled()
    expect(await second.runs.get('chat')).toMatchObject({ status: 'done', attempt: 2 })
  })

  it('is stopped when the grace has passed', async () => {
    const second = await orphaned()
    await house.clock.advance(29_999)
    expect(await second.runs.get('chat')).toMatchObject({ status: 'running' })
    await house.clock.advance(2)
    expect(await second.runs.get('chat')).toMatchObject({ status: 'stopped', end: { reason: 'orphaned' } })
    expect(await second.lifechart.explain('chat')).toMatchObject([{ code: 'ended' }])
  })

  it('is not waited for any longer because other types are defined', async () => {
    const second = await orphaned()
    for (let i = 0; i < 5; i++) {
      await house.clock.advance(7_000)
      second.runs.define(`other-${i}`, patient)
    }
    expect(await second.runs.get('chat')).toMatchObject({ status: 'stopped' })
    expect(chunks(await collect(second.runs.subscribe('chat')))).toEqual([1, 2])
  })
})
