import { describe, expect, it } from 'vitest'
import { LifechartError } from '../../src/errors.ts'
import { settled } from '../../src/testing/simulated-clock.ts'
import { busy } from '../support/faulty-adapter.ts'
import {
  aborted,
  chunks,
  codeOf,
  collect,
  emits,
  errorOf,
  latch,
  numbers,
  type Process,
  patient,
  processes,
  Reader,
  upTo,
} from './support.ts'

const house = processes({ durable: true })
const forEver = Number.POSITIVE_INFINITY

/** How a store can fail for a call, each time. */
const failures: [string, () => Error][] = [
  ['is busy', busy],
  ['is full', () => new LifechartError('STORE_FULL', 'The store is full.', { retryable: true })],
  ['is lost', () => new LifechartError('OUTCOME_UNKNOWN', 'The connection was cut.', { retryable: true })],
  ['throws something of its own', () => new Error('ECONNRESET')],
]

/** A run that emits what it is given, and knows when it was told to stop. */
async function led({ runs }: Process) {
  const lead = latch<(data: unknown) => Promise<boolean>>()
  const finish = latch<string>()
  const state = { aborted: false }
  const run = runs.start('chat', async ({ emit, signal }) => {
    signal.addEventListener('abort', () => {
      state.aborted = true
    })
    lead.open(emit)
    return Promise.race([finish.opened, aborted(signal)])
  })
  const emit = await lead.opened
  return { run, emit, finish: finish.open, state }
}

describe('a store that fails for one call', () => {
  it.each(failures)('and %s before the start, in mid-stream and at the end is not noticed', async (_how, error) => {
    const process = await house.open()
    const { runs, store, clock, lifechart } = process
    store.fail('commit', error())
    const starting = led(process)
    await clock.advance(10)
    const { run, emit, finish } = await starting
    const reader = new Reader(run.subscribe())
    store.fail('commit', error())
    expect(await emit('a')).toBe(true)
    await clock.advance(10)
    store.fail('commit', error())
    finish('result')
    await clock.advance(10)
    await reader.done
    expect(reader).toMatchObject({ error: undefined })
    expect(numbers(reader.events)).toEqual(upTo(3))
    expect(run.result).toBe('result')
    expect(await collect(runs.subscribe('chat'))).toEqual(reader.events)
    expect(lifechart.stats()['lifecycles.loaded']).toBe(0)
  })

  it('after it has written: the same commit is repeated and applied once', async () => {
    const process = await house.open()
    const { store, clock, runs } = process
    const { run, emit, finish } = await led(process)
    store.cut()
    await emit('a')
    await clock.advance(10)
    store.cut()
    finish('result')
    await clock.advance(10)
    expect(await run.ended).toMatchObject({ status: 'done', seq: 3 })
    expect(chunks(await collect(runs.subscribe('chat')))).toEqual(['a'])
  })

  it.each(['load', 'query', 'read'] as const)('of %s while a start meets another run is not noticed', async method => {
    const one = await house.open()
    const two = await house.open()
    const first = one.runs.start('chat', patient)
    await first.started
    await settled()
    two.store.fail(method, busy())
    const second = two.runs.start('chat', emits('b'))
    await house.clock.advance(1_000)
    expect(await second.ended).toMatchObject({ status: 'done' })
    expect(await first.ended).toMatchObject({ status: 'stopped', reason: 'replaced' })
  })
})

describe('a store that is down for 60 s', () => {
  it('before the start: started rejects, the producer is never opened, and the run ends as error when the store is back', async () => {
    const { runs, store, clock } = await house.open()
    store.fail('commit', busy(), forEver)
    let opened = 0
    const run = runs.start('chat', () => void opened++)
    const reader = new Reader(run.subscribe())
    await clock.advance(4_999)
    expect(reader.over).toBe(false)
    await clock.advance(2)
    expect(await errorOf(() => run.started)).toEqual(codeOf('STORE_UNAVAILABLE'))
    expect(await errorOf(() => run.stop())).toEqual(codeOf('STORE_UNAVAILABLE'))
    await reader.done
    expect(reader).toMatchObject({ events: [], error: codeOf('STORE_UNAVAILABLE') })
    await clock.advance(55_000)
    store.fail('commit', busy(), 0)
    await clock.advance(5_000)
    expect(await run.ended).toMatchObject({ status: 'error', error: { code: 'STORE_UNAVAILABLE' } })
    expect(opened).toBe(0)
    expect(await runs.get('chat')).toMatchObject({ status: 'error' })
  })

  it('in mid-stream: nothing unwritten is seen, subscribers are told, the producer is told, and the end follows', async () => {
    const process = await house.open()
    const { runs, store, clock, lifechart } = process
    const { run, emit, state } = await led(process)
    await emit('a')
    await settled()
    const readers = [new Reader(run.subscribe()), new Reader(runs.subscribe('chat', { after: 2 }))]
    const closings: unknown[] = []
    runs.follow('chat', () => undefined, { onClose: error => closings.push(error) })
    await settled()
    store.fail('commit', busy(), forEver)
    expect(await emit('unwritten')).toBe(true)
    await clock.advance(4_999)
    expect([readers[0]?.over, state.aborted]).toEqual([false, false])
    await clock.advance(2)
    await Promise.all(readers.map(reader => reader.done))
    expect(readers.map(({ events, error }) => [numbers(events), error])).toEqual([
      [[1, 2], codeOf('STORE_UNAVAILABLE')],
      [[], codeOf('STORE_UNAVAILABLE')],
    ])
    expect(closings).toEqual([codeOf('STORE_UNAVAILABLE')])
    expect(state.aborted).toBe(true)
    expect(await emit('refused')).toBe(false)
    expect(await errorOf(() => run.stop())).toEqual(codeOf('STORE_UNAVAILABLE'))
    expect(await lifechart.explain('chat')).toContainEqual(expect.objectContaining({ code: 'store_retry' }))
    expect(await lifechart.health()).toMatchObject({ status: 'failing' })
    const late = new Reader(run.subscribe())
    await late.done
    expect(late).toMatchObject({ error: codeOf('STORE_UNAVAILABLE') })
    expect(numbers(late.events)).toEqual([1, 2])
    await clock.advance(55_000)
    store.fail('commit', busy(), 0)
    await clock.advance(5_000)
    expect(await run.ended).toMatchObject({ status: 'error', error: { code: 'STORE_UNAVAILABLE' } })
    expect(numbers(await collect(runs.subscribe('chat')))).toEqual(upTo(4))
    expect(await lifechart.health()).toMatchObject({ status: 'ok' })
    expect(lifechart.stats()).toMatchObject({ 'runs.live': 0, 'lifecycles.loaded': 0 })
  })

  it('at the end: the end is retried until it is committed', async () => {
    const process = await house.open()
    const { runs, store, clock } = process
    const { run, emit, finish } = await led(process)
    await emit('a')
    await settled()
    const reader = new Reader(run.subscribe())
    await settled()
    store.fail('commit', busy(), forEver)
    finish('result')
    await clock.advance(60_000)
    await reader.done
    expect(reader).toMatchObject({ error: codeOf('STORE_UNAVAILABLE') })
    expect(numbers(reader.events)).toEqual([1, 2])
    expect(run.status).toBe('running')
    store.fail('commit', busy(), 0)
    await clock.advance(5_000)
    expect(await run.ended).toMatchObject({ status: 'done', result: 'result' })
    expect(numbers(await collect(runs.subscribe('chat', { after: 2 })))).toEqual([3])
  })

  it('while a stop waits: that call rejects, and the run is over when the store is back', async () => {
    const process = await house.open()
    const { store, clock } = process
    const { run } = await led(process)
    store.hold()
    const stopping = errorOf(() => run.stop())
    const again = errorOf(() => run.stop())
    await clock.advance(5_000)
    expect(await stopping).toEqual(codeOf('STORE_UNAVAILABLE'))
    expect(await again).toEqual(codeOf('STORE_UNAVAILABLE'))
    await clock.advance(55_000)
    store.release()
    await clock.advance(5_000)
    expect(run.status).toBe('error')
  })

  it('while a run of another process is to be stopped: that call rejects', async () => {
    const here = await house.open()
    const there = await house.open()
    const { run } = await led(here)
    there.store.fail('commit', busy(), forEver)
    const stopping = errorOf(() => there.runs.stop('chat'))
    await house.clock.advance(20_001)
    expect(await stopping).toEqual(codeOf('STORE_UNAVAILABLE'))
    expect(run.status).toBe('running')
  })

  it('while emit waits: it is let go, so that the producer can clean up', async () => {
    const { runs, store, clock } = await house.open()
    let cleaned = false
    const run = runs.start('chat', async function* () {
      try {
        for (let i = 0; ; i++) yield i
      } finally {
        cleaned = true
      }
    })
    await run.started
    store.hold()
    await clock.advance(4_000)
    expect(cleaned).toBe(false)
    await clock.advance(1_001)
    expect(cleaned).toBe(true)
    store.release()
    await clock.advance(1_000)
    expect(await run.ended).toMatchObject({ status: 'error', error: { code: 'STORE_UNAVAILABLE' } })
  })
})

describe('a store that is asked for an ended run', () => {
  it('and fails for one call only is asked again; nobody is left behind as a subscriber', async () => {
    const { runs, store, lifechart } = await house.open()
    await runs.start('chat', emits('a')).ended
    store.fail('load', busy())
    const reading = collect(runs.subscribe('chat'))
    await house.clock.advance(1_000)
    expect(await reading).toHaveLength(3)
    expect(lifechart.stats()['runs.subscribers']).toBe(0)
  })
})

describe('health', () => {
  it('says that the store does not answer, when it does not', async () => {
    const { lifechart, store, clock } = await house.open()
    expect(await lifechart.health()).toMatchObject({ status: 'ok' })
    store.hold('query')
    const asking = lifechart.health()
    await clock.advance(5_000)
    expect(await asking).toMatchObject({ status: 'failing', problems: [{ code: 'STORE_UNAVAILABLE' }] })
    store.release()
  })
})

describe('a store that is down for ever', () => {
  it('ends nothing as running: by the next start its runs are ended by their orphan policy', async () => {
    const process = await house.open()
    const { run, emit, state } = await led(process)
    await emit('a')
    await settled()
    process.store.fail('commit', busy(), forEver)
    await emit('b')
    await house.clock.advance(3_600_000)
    expect(state.aborted).toBe(true)
    expect(await errorOf(() => run.stop())).toEqual(codeOf('STORE_UNAVAILABLE'))
    process.lifechart.kernel.crash()
    const next = await house.open()
    await house.clock.advance(30_000)
    expect(await next.runs.get('chat')).toMatchObject({ status: 'stopped', end: { reason: 'orphaned' } })
    expect(chunks(await collect(next.runs.subscribe('chat')))).toEqual(['a'])
  })

  it('never hangs close', async () => {
    const process = await house.open()
    await led(process)
    process.store.fail('commit', busy(), forEver)
    const closing = process.lifechart.close({ timeout: 10_000 })
    await house.clock.advance(10_001)
    await closing
  })

  it.each(['handover', 'stop', 'drain'] as const)('and does not even answer never hangs close by %s', async mode => {
    const process = await house.open()
    await led(process)
    process.store.hold()
    const closing = process.lifechart.close({ mode, timeout: 10_000 })
    await house.clock.advance(10_001)
    await closing
  })

  it.each(['STORE_CLOSED', 'STORE_CORRUPT', 'STORE_READ_ONLY', 'STORE_FAILED'] as const)(
    'because of %s says so and lives on',
    async code => {
      const process = await house.open()
      const { run, emit, state } = await led(process)
      const reader = new Reader(run.subscribe())
      await settled()
      process.store.fail('commit', new LifechartError(code, 'It can not go on.'), forEver)
      void emit('a')
      await house.clock.advance(6_000)
      expect(reader).toMatchObject({ over: true, error: codeOf('STORE_UNAVAILABLE') })
      expect(state.aborted).toBe(true)
      expect(await emit('b')).toBe(false)
      expect(await errorOf(() => run.stop())).toEqual(codeOf('STORE_UNAVAILABLE'))
    },
  )
})
