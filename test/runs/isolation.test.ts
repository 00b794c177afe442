import { describe, expect, it } from 'vitest'
import { settled } from '../../src/testing/simulated-clock.ts'
import { busy } from '../support/faulty-adapter.ts'
import { chunks, codeOf, collect, emits, latch, processes, Reader } from './support.ts'

const house = processes()

const thrower = () => {
  throw new Error('of the subscriber')
}

/** A run that goes on when it is told to, with a reader that must not be harmed. */
async function watched() {
  const process = await house.open()
  const go = latch()
  const run = process.runs.start('chat', async function* () {
    yield 'a'
    await go.opened
    yield 'b'
  })
  const reader = new Reader(run.subscribe())
  return { ...process, run, reader, go: go.open }
}

describe('a run and its other subscribers are not harmed by', () => {
  it('a sink that throws; it is closed with its error', async () => {
    const { runs, reader, go, log } = await watched()
    const closings: unknown[] = []
    runs.follow('chat', thrower, { onClose: error => closings.push(error) })
    await settled()
    go()
    await reader.done
    expect(chunks(reader.events)).toEqual(['a', 'b'])
    expect(closings).toEqual([codeOf('SUBSCRIBER_FAILED')])
    expect(log.filter(({ level }) => level === 'warn')).toHaveLength(1)
  })

  it('a sink and a producer that throw what can not even be shown', async () => {
    const { runs, reader, go } = await watched()
    const unreadable = () => {
      throw Object.create(null)
    }
    runs.follow('chat', unreadable)
    runs.events$('chat').subscribe(unreadable)
    await runs.start('other', unreadable).ended
    go()
    await reader.done
    expect(chunks(reader.events)).toEqual(['a', 'b'])
  })

  it('a sink that throws in mid-stream', async () => {
    const { runs, reader, go } = await watched()
    let calls = 0
    runs.follow('chat', () => {
      if (++calls > 1) thrower()
    })
    await settled()
    go()
    await reader.done
    expect(chunks(reader.events)).toEqual(['a', 'b'])
    expect(reader.error).toBeUndefined()
  })

  it('an onClose that throws, for a run that is here, one that is not, and one that is unknown', async () => {
    const { reader, go, runs, clock } = await watched()
    const other = await house.open()
    runs.follow('chat', () => undefined, { onClose: thrower })
    runs.follow('nobody', () => undefined, { onClose: thrower })
    other.runs.follow('chat', () => undefined, { onClose: thrower })
    const closed = other.runs.follow('chat', () => undefined, { onClose: thrower })
    closed.close()
    await settled()
    go()
    await reader.done
    await clock.advance(1_000)
    expect(reader.error).toBeUndefined()
  })

  it.each(['next', 'error', 'complete'] as const)('an observer whose %s throws', async callback => {
    const { reader, go, runs, lifechart } = await watched()
    runs.events$('chat').subscribe({ [callback]: thrower })
    runs.events$('nobody').subscribe({ [callback]: thrower })
    lifechart.transitions$.subscribe({ [callback]: thrower })
    await settled()
    go()
    await reader.done
    await settled()
    expect(reader.error).toBeUndefined()
    expect(chunks(reader.events)).toEqual(['a', 'b'])
  })

  it('an abort listener of the producer that throws', async () => {
    const { runs } = await house.open()
    const thrown: unknown[] = []
    const catchIt = (error: unknown) => thrown.push(error)
    const run = runs.start('chat', ({ signal }) => {
      signal.onabort = thrower
      return new Promise<void>(resolve => signal.addEventListener('abort', () => resolve()))
    })
    await run.started
    await settled()
    process.once('uncaughtException', catchIt)
    expect(await run.stop()).toBe(true)
    await settled()
    process.off('uncaughtException', catchIt)
    expect(run.status).toBe('stopped')
  })

  it('a store that says nothing of its changes', async () => {
    const { runs, store } = await house.open()
    store.deaf = true
    const run = runs.start('chat', emits('a'))
    expect(chunks(await collect(run.subscribe()))).toEqual(['a'])
  })

  it('a read that fails: that one subscriber is told', async () => {
    const { runs, store } = await house.open({ limits: { windowRecords: 2 } })
    const run = runs.start('chat', emits('a', 'b', 'c', 'd'))
    await run.ended
    store.fail('read', busy())
    const [one, two] = [new Reader(run.subscribe()), new Reader(run.subscribe({ after: 4 }))]
    await Promise.all([one.done, two.done])
    expect(one.error).toEqual(codeOf('STORE_BUSY'))
    expect(two).toMatchObject({ error: undefined })
    expect(chunks(await collect(run.subscribe()))).toEqual(['a', 'b', 'c', 'd'])
  })

  it('reads that fail while another process follows: it goes on as soon as they do not', async () => {
    const { reader, go, clock } = await watched()
    const other = await house.open()
    const elsewhere = new Reader(other.runs.subscribe('chat'))
    await settled()
    other.store.fail('read', busy(), 3)
    go()
    await reader.done
    await clock.advance(1_000)
    expect(elsewhere).toMatchObject({ over: true, error: undefined })
    expect(elsewhere.events).toEqual(reader.events)
  })

  it('reads that go on failing while another process follows: that one is told', async () => {
    const { reader, go, clock } = await watched()
    const other = await house.open()
    const elsewhere = new Reader(other.runs.subscribe('chat'))
    await settled()
    other.store.fail('read', busy(), Number.POSITIVE_INFINITY)
    go()
    await reader.done
    await clock.advance(10_000)
    expect(elsewhere).toMatchObject({ over: true, error: codeOf('STORE_UNAVAILABLE') })
    expect(reader.error).toBeUndefined()
    other.store.fail('read', busy(), 0)
    expect(await collect(other.runs.subscribe('chat'))).toEqual(reader.events)
  })

  it('one who changes the error that it was told', async () => {
    const { runs } = await house.open()
    const run = runs.start('chat', () => {
      throw new Error('x')
    })
    const end = await run.ended
    expect(() => Object.assign(end.error ?? {}, { message: 'changed' })).toThrow(TypeError)
    expect((await collect(run.subscribe())).at(-1)).toMatchObject({ error: { code: 'PRODUCER_FAILED' } })
  })

  it('another run that fails', async () => {
    const { runs, reader, go } = await watched()
    await runs.start('other', thrower).ended
    go()
    await reader.done
    expect(reader.error).toBeUndefined()
  })
})
