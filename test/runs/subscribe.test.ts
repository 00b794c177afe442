import { describe, expect, it } from 'vitest'
import type { RunEvent } from '../../src/runs/events.ts'
import { settled } from '../../src/testing/simulated-clock.ts'
import { chunks, codeOf, collect, emits, emitsAndStays, errorOf, latch, numbers, patient, processes, Reader, upTo } from './support.ts'

const house = processes()

describe('a subscription', () => {
  it('replays from the start, goes on live, and ends behind the end', async () => {
    const { runs } = await house.open()
    const go = latch()
    const run = runs.start('chat', async function* () {
      yield 'before'
      await go.opened
      yield 'after'
    })
    await run.started
    await settled()
    const reader = new Reader(runs.subscribe('chat'))
    await settled()
    expect(chunks(reader.events)).toEqual(['before'])
    go.open()
    await reader.done
    expect(reader.error).toBeUndefined()
    expect(numbers(reader.events)).toEqual(upTo(4))
    expect(reader.events.at(-1)).toEqual({ seq: 4, type: 'end', status: 'done' })
  })

  it('counts from the call, not from the first pull', async () => {
    const { runs, lifechart } = await house.open()
    runs.start('chat', emits('a'))
    const unread = runs.subscribe('chat')
    expect(lifechart.stats()['runs.subscribers']).toBe(1)
    await unread.return()
    expect(lifechart.stats()['runs.subscribers']).toBe(0)
  })

  it('may be one of any number, each of which sees every event once and in order', async () => {
    const { runs } = await house.open()
    const run = runs.start('chat', async function* () {
      for (let i = 1; i <= 200; i++) {
        yield i
        if (i % 50 === 0) await settled(1)
      }
    })
    const readers: Reader[] = []
    for (let i = 0; i < 100; i++) {
      readers.push(new Reader(run.subscribe()))
      if (i % 25 === 0) await settled(1)
    }
    await Promise.all(readers.map(reader => reader.done))
    for (const { events } of readers) expect(numbers(events)).toEqual(upTo(202))
  })

  it('answers several pulls at once in their order', async () => {
    const { runs } = await house.open()
    const run = runs.start('chat', emits('a', 'b'))
    const subscription = run.subscribe()
    const answers = await Promise.all(Array.from({ length: 6 }, () => subscription.next()))
    expect(answers.map(({ value, done }) => (done ? 'over' : (value as { seq: number }).seq))).toEqual([1, 2, 3, 4, 'over', 'over'])
  })

  it('can be read in batches: everything that is there at once', async () => {
    const { runs } = await house.open()
    const run = runs.start('chat', emits(...upTo(100)))
    const live = await collect(run.subscribe().batches())
    expect(numbers(live.flatMap(batch => [...batch]))).toEqual(upTo(102))
    const late = await collect(run.subscribe().batches())
    expect(late.map(({ from, to, length }) => ({ from, to, length }))).toEqual([{ from: 1, to: 102, length: 102 }])
  })

  it('is read once', async () => {
    const { runs } = await house.open()
    const run = runs.start('chat', emits('a'))
    const subscription = run.subscribe()
    await collect(subscription)
    expect(await errorOf(() => collect(subscription))).toEqual(codeOf('CURSOR_INVALID'))
  })

  it.each(['return', 'signal', 'dispose'] as const)('that leaves by %s ends quietly while it waits, and stops nothing', async way => {
    const { runs, lifechart } = await house.open()
    const run = runs.start('chat', emitsAndStays('a'))
    const leaving = new AbortController()
    const subscription = run.subscribe({ signal: leaving.signal })
    await subscription.next()
    await subscription.next()
    const waiting = subscription.next()
    if (way === 'return') await subscription.return()
    else if (way === 'signal') leaving.abort()
    else await subscription[Symbol.asyncDispose]()
    expect(await waiting).toEqual({ value: undefined, done: true })
    expect(await subscription.next()).toEqual({ value: undefined, done: true })
    await settled()
    expect(run.status).toBe('running')
    expect(lifechart.stats()['runs.subscribers']).toBe(0)
  })

  it('that is left before its first pull is over, event by event and in batches', async () => {
    const { runs, lifechart } = await house.open()
    await runs.start('chat', emits('a')).ended
    const [events, batches] = [runs.subscribe('chat'), runs.subscribe('chat').batches()]
    expect(lifechart.stats()['runs.subscribers']).toBe(2)
    await events.return()
    await batches.return?.()
    await settled()
    expect(lifechart.stats()['runs.subscribers']).toBe(0)
    expect(await batches.next()).toEqual({ value: undefined, done: true })
  })

  it('whose signal is aborted already is over at once', async () => {
    const { runs, lifechart } = await house.open()
    const run = runs.start('chat', patient)
    expect(await collect(run.subscribe({ signal: AbortSignal.abort() }))).toEqual([])
    expect(lifechart.stats()['runs.subscribers']).toBe(0)
  })

  it('of a run that waits for its start sees everything from the first event', async () => {
    const { runs, store } = await house.open()
    store.hold()
    const run = runs.start('chat', emits('a'))
    const reader = new Reader(run.subscribe())
    await settled()
    expect(reader.events).toEqual([])
    store.release()
    await reader.done
    expect(numbers(reader.events)).toEqual(upTo(3))
  })

  it('stays with its run when another one takes the id', async () => {
    const { runs } = await house.open()
    const first = runs.start('chat', emitsAndStays('first'))
    await first.started
    const reader = new Reader(runs.subscribe('chat'))
    const second = runs.start('chat', emits('second'))
    await Promise.all([reader.done, second.ended])
    expect(chunks(reader.events)).toEqual(['first'])
    expect(reader.events.at(-1)).toMatchObject({ type: 'end', status: 'stopped', reason: 'replaced', by: second.runId })
  })

  it('has its errors from the first pull', async () => {
    const { runs } = await house.open()
    const subscription = runs.subscribe('nobody')
    await settled()
    expect(await errorOf(() => subscription.next())).toEqual(codeOf('RUN_NOT_FOUND'))
    expect(await subscription.next()).toEqual({ value: undefined, done: true })
    runs.subscribe('nobody')
    await settled()
  })
})

describe('a sink', () => {
  it('is called once per commit, in order, and told when it is over', async () => {
    const { runs } = await house.open()
    const run = runs.start('chat', emits(...upTo(10)))
    const seen: RunEvent[] = []
    const closed = latch<unknown>()
    runs.follow('chat', batch => seen.push(...batch.events), { onClose: closed.open })
    expect(await closed.opened).toBeUndefined()
    expect(seen).toEqual(await collect(run.subscribe()))
  })

  it('is told what is wrong, once, and start goes on for others', async () => {
    const { runs } = await house.open()
    const closings: unknown[] = []
    runs.follow('nobody', () => undefined, { onClose: error => closings.push(error) })
    await settled()
    expect(closings).toEqual([codeOf('RUN_NOT_FOUND')])
  })

  it('follows the run that ended last, also when that is not stored', async () => {
    const { runs } = await house.open()
    for (const durability of ['events', 'none'] as const) {
      await runs.start('chat', emits('a'), { durability }).ended
      const seen: unknown[] = []
      const error = await new Promise(resolve => runs.follow('chat', batch => seen.push(...batch.events), { onClose: resolve }))
      expect([error, seen.length]).toEqual([undefined, 3])
    }
  })

  it('that is closed gets nothing more', async () => {
    const { runs } = await house.open()
    const go = latch()
    runs.start('chat', async function* () {
      yield 1
      await go.opened
      yield 2
    })
    const seen: RunEvent[] = []
    const following = runs.follow('chat', batch => seen.push(...batch.events))
    await settled()
    following.close()
    following.close()
    go.open()
    await settled()
    expect(numbers(seen)).toEqual([1, 2])
  })
})

describe('an Observable of events', () => {
  it('follows anew with each subscription and completes behind the end', async () => {
    const { runs } = await house.open()
    const run = runs.start('chat', emits('a', 'b'))
    const events$ = runs.events$('chat')
    const all = [latch<RunEvent[]>(), latch<RunEvent[]>()]
    for (const { open } of all) {
      const seen: RunEvent[] = []
      events$.subscribe({ next: event => seen.push(event), complete: () => open(seen) })
    }
    for (const { opened } of all) expect(await opened).toEqual(await collect(run.subscribe()))
  })

  it('says what is wrong as its error', async () => {
    const { runs } = await house.open()
    const wrong = latch<unknown>()
    runs.events$('nobody').subscribe({ error: wrong.open })
    expect(await wrong.opened).toEqual(codeOf('RUN_NOT_FOUND'))
  })
})
