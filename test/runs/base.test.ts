import { describe, expect, it } from 'vitest'
import { settled } from '../../src/testing/simulated-clock.ts'
import { codeOf, collect, emits, emitsAndStays, errorOf, latch, patient, processes, Reader } from './support.ts'

const house = processes()

describe('a run that is started', () => {
  it('is registered when start returns: it can be found, followed and stopped in the same tick', async () => {
    const { runs, lifechart } = await house.open()
    const run = runs.start('chat', emits('a'))
    expect(run).toMatchObject({ id: 'chat', status: 'running' })
    expect(lifechart.stats()).toMatchObject({ 'runs.started': 1, 'runs.live': 1 })
    const byId = collect(runs.subscribe('chat'))
    const byRunId = collect(runs.subscribe('chat', { runId: run.runId }))
    expect(await byId).toEqual(await byRunId)
    expect((await byId).at(-1)).toEqual({ seq: 3, type: 'end', status: 'done' })
  })

  it('opens its producer only when the start is committed', async () => {
    const { runs, store } = await house.open()
    let opened = 0
    let started = false
    store.hold()
    const run = runs.start('chat', () => void opened++)
    run.started.then(() => {
      started = true
    })
    await settled()
    expect({ opened, started }).toEqual({ opened: 0, started: false })
    store.release()
    await run.started
    await run.ended
    expect({ opened, started }).toEqual({ opened: 1, started: true })
  })

  it('numbers every event densely, state steps too, and gives all subscribers the same', async () => {
    const { runs } = await house.open()
    const go = latch()
    const run = runs.start('chat', async function* ({ signal }) {
      yield 'a'
      await go.opened
      yield { b: 1 }
      if (!signal.aborted) return { ok: true }
    })
    const early = new Reader(run.subscribe())
    await settled()
    const midway = new Reader(runs.subscribe('chat'))
    await settled()
    go.open()
    await Promise.all([early.done, midway.done])
    const expected = [
      { seq: 1, type: 'state', state: 'running' },
      { seq: 2, type: 'chunk', data: 'a' },
      { seq: 3, type: 'chunk', data: { b: 1 } },
      { seq: 4, type: 'end', status: 'done', result: { ok: true } },
    ]
    expect(early.events).toEqual(expected)
    expect(midway.events).toEqual(expected)
    expect(await collect(run.subscribe())).toEqual(expected)
    expect(await collect(run.subscribe())).toEqual(expected)
  })

  it('is the one that its id means until the next start; an exact run id goes on meaning it', async () => {
    const { runs } = await house.open()
    const first = runs.start('chat', emits('first'))
    await first.ended
    const second = runs.start('chat', patient)
    await second.started
    expect(second.runId).not.toBe(first.runId)
    expect(await runs.get('chat')).toMatchObject({ runId: second.runId, status: 'running' })
    expect(await runs.get('chat', { runId: first.runId })).toMatchObject({ runId: first.runId, status: 'done', head: 3 })
    expect(await collect(runs.subscribe('chat', { runId: first.runId }))).toHaveLength(3)
    expect(await runs.stop('chat', { runId: first.runId })).toBe(false)
    expect(second.status).toBe('running')
    expect(await runs.stop('chat')).toBe(true)
    expect(await second.ended).toMatchObject({ status: 'stopped', reason: 'user' })
  })

  it('is not found under an id that is not its own', async () => {
    const { runs } = await house.open()
    const run = runs.start('chat', patient)
    await run.started
    expect(await runs.get('other', { runId: run.runId })).toBeUndefined()
    expect(await runs.stop('other', { runId: run.runId })).toBe(false)
    expect(await errorOf(() => runs.subscribe('other', { runId: run.runId }).next())).toEqual(codeOf('RUN_NOT_FOUND'))
    expect(run.status).toBe('running')
  })
})

describe('a producer', () => {
  it.each([
    ['an async generator', emits(1, 2)],
    [
      'a generator',
      function* () {
        yield 1
        yield 2
      },
    ],
    ['a ready-made async iterable', emits(1, 2)()],
    ['a function that makes an async iterable', () => emits(1, 2)()],
    ['a promise of an async iterable', async () => emits(1, 2)()],
  ])('may be %s', async (_name, producer) => {
    const { runs } = await house.open()
    const run = runs.start('chat', producer)
    expect((await collect(run.subscribe())).map(event => (event.type === 'chunk' ? event.data : event.type))).toEqual([
      'state',
      1,
      2,
      'end',
    ])
  })

  it.each([
    ['a value', () => 7, 7],
    ['a promise', async () => ({ seven: 7 }), { seven: 7 }],
    ['an array, which is a value', () => [1, 2], [1, 2]],
    ['null', () => null, null],
    ['nothing', () => undefined, undefined],
    ['text, which is a value', () => 'seven', 'seven'],
  ])('may return %s: that is the result, and it is stored with the end', async (_name, producer, result) => {
    const { runs } = await house.open()
    const run = runs.start('chat', producer)
    const events = await collect(run.subscribe())
    expect(run.result).toEqual(result)
    expect(events).toEqual([{ seq: 1, type: 'state', state: 'running' }, await run.ended])
    expect((await runs.get('chat'))?.end).toEqual({ seq: 2, type: 'end', status: 'done', ...(result !== undefined && { result }) })
  })

  it('is told its input, that this is the first attempt, and that nothing was before it', async () => {
    const { runs } = await house.open()
    const seen: unknown[] = []
    runs.define('note', ({ input, attempt, lastSeq, chunks, lastChunk }) => {
      seen.push({ input, attempt, lastSeq, chunks, lastChunk })
    })
    await runs.start('chat', { type: 'note', input: { question: 'why' } }).ended
    await runs.start('chat', { type: 'note' }).ended
    const nothingBefore = { attempt: 1, lastSeq: 0, chunks: 0, lastChunk: undefined }
    expect(seen).toEqual([
      { input: { question: 'why' }, ...nothingBefore },
      { input: undefined, ...nothingBefore },
    ])
  })

  it.each([
    ['null', () => Promise.reject(null)],
    ['nothing', () => Promise.reject(undefined)],
    ['a text', () => Promise.reject('secret cause')],
    ['an error', () => Promise.reject(new Error('secret cause'))],
    [
      'synchronously',
      () => {
        throw new Error('secret cause')
      },
    ],
    [
      'an error that can not be read',
      () => {
        throw Object.create(null)
      },
    ],
    [
      'between two chunks',
      async function* () {
        yield 1
        throw new Error('secret cause')
      },
    ],
  ])('that throws %s ends its run as error with a code and a safe text, and the cause goes to the log', async (_name, producer) => {
    const { runs, log } = await house.open()
    const run = runs.start('chat', producer)
    const events = await collect(run.subscribe())
    const end = events.at(-1)
    expect(end).toEqual({
      seq: events.length,
      type: 'end',
      status: 'error',
      error: { code: 'PRODUCER_FAILED', message: expect.not.stringContaining('secret') },
    })
    expect(run.status).toBe('error')
    expect(run.result).toBeUndefined()
    expect(log.filter(({ facts }) => facts.run === run.runId)).toHaveLength(1)
    expect(JSON.stringify(events)).not.toContain('secret')
  })

  it('whose input is refused leaves nothing behind', async () => {
    const { runs, lifechart } = await house.open()
    runs.define('work', async () => undefined)
    expect(() => runs.start('chat', { type: 'work', input: new Date() })).toThrow(expect.objectContaining({ code: 'NOT_SERIALIZABLE' }))
    expect(lifechart.stats()).toMatchObject({ 'lifecycles.loaded': 0, 'runs.live': 0 })
  })

  it('is defined by name once', async () => {
    const { runs } = await house.open()
    runs.define('answer', patient)
    expect(() => runs.define('answer', patient)).toThrow(codeOf('RUN_TYPE_TAKEN'))
    expect(() => runs.start('chat', { type: 'question' })).toThrow(codeOf('RUN_TYPE_UNKNOWN'))
  })
})

describe('the promises of a run', () => {
  it('never reject for its end, and know it also when nobody asked before it was evicted', async () => {
    const { runs, clock } = await house.open()
    const done = runs.start('a', () => 'result')
    const failed = runs.start('b', () => Promise.reject(new Error('no')))
    await clock.advance(180_001)
    expect(done).toMatchObject({ status: 'done', result: 'result' })
    expect(await done.ended).toEqual({ seq: 2, type: 'end', status: 'done', result: 'result' })
    expect(await failed.ended).toMatchObject({ status: 'error' })
  })

  it('reject for the start without ever being an unhandled rejection', async () => {
    const { runs, store } = await house.open()
    store.fail('commit', Object.assign(new Error('refused')), Number.POSITIVE_INFINITY)
    const run = runs.start('chat', emitsAndStays('a'))
    await house.clock.advance(5_000)
    await settled()
    expect(await errorOf(() => run.started)).toEqual(codeOf('STORE_UNAVAILABLE'))
  })
})
