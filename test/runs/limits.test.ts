import { describe, expect, it } from 'vitest'
import { settled } from '../../src/testing/simulated-clock.ts'
import { codeOf, collect, deaf, emits, emitsAndStays, errorOf, latch, numbers, patient, processes, Reader, upTo } from './support.ts'

const house = processes()

describe('an id', () => {
  it.each([
    ['nothing', ''],
    ['a line break', 'a\nb'],
    ['a carriage return', 'a\rb'],
    ['NUL', 'a\0b'],
    ['501 bytes', 'x'.repeat(501)],
    ['501 bytes in fewer characters', `${'é'.repeat(250)}x`],
    ['a lone surrogate', 'a\ud800'],
    ['another lone surrogate', '\udc00a'],
    ['no text at all', 7 as never],
  ])('of %s is refused at start', async (_name, id) => {
    const { runs, lifechart } = await house.open()
    expect(() => runs.start(id, patient)).toThrow(codeOf('INVALID_ID'))
    expect(await errorOf(() => runs.subscribe(id).next())).toEqual(codeOf('INVALID_ID'))
    expect(lifechart.stats()['runs.started']).toBe(0)
  })

  it.each(['x', 'x'.repeat(500), 'é'.repeat(250), '../..', 'C:\\CON', '__proto__', 'constructor', 'a/b', ' ', '😀', 'e\u0301', '\u00e9'])(
    '%s is an id',
    async id => {
      const { runs } = await house.open()
      const run = runs.start(id, emits(id))
      await run.ended
      expect(await runs.get(id)).toMatchObject({ id, runId: run.runId, status: 'done' })
      expect(numbers(await collect(runs.subscribe(id)))).toEqual(upTo(3))
    },
  )

  it('of the same letters in another Unicode form is another id', async () => {
    const { runs } = await house.open()
    await runs.start('e\u0301', emits('a')).ended
    expect(await runs.get('\u00e9')).toBeUndefined()
  })
})

describe('runs in flight', () => {
  it('are limited in total; the refusal says what to do', async () => {
    const { runs } = await house.open({ limits: { runs: 2 } })
    const first = runs.start('a', patient)
    runs.start('b', patient)
    expect(() => runs.start('c', patient)).toThrow(
      expect.objectContaining({ code: 'RUN_CAPACITY', retryable: true, message: expect.stringMatching(/limit/) }),
    )
    await first.stop()
    expect(await runs.start('c', emits('c')).ended).toMatchObject({ status: 'done' })
    expect(await runs.start('d', emits('d')).ended).toMatchObject({ status: 'done' })
  })

  it('are limited per owner', async () => {
    const { runs } = await house.open({ limits: { runsPerOwner: 1 } })
    const first = runs.start('a', patient, { owner: 'ann' })
    expect(() => runs.start('b', patient, { owner: 'ann' })).toThrow(codeOf('RUN_CAPACITY'))
    runs.start('c', patient, { owner: 'bob' })
    await first.stop()
    expect(await runs.start('b', emits('b'), { owner: 'ann' }).ended).toMatchObject({ status: 'done' })
  })

  it('do not count when they are replaced, up to as many again', async () => {
    const { runs } = await house.open({ limits: { runsPerOwner: 1, runs: 1 } })
    const first = runs.start('a', deaf)
    const second = runs.start('a', patient)
    expect(() => runs.start('a', patient)).toThrow(codeOf('RUN_CAPACITY'))
    expect(() => runs.start('a', patient, { policy: 'enqueue' })).toThrow(codeOf('RUN_CAPACITY'))
    await house.clock.advance(5_000)
    expect(await first.ended).toMatchObject({ status: 'stopped', reason: 'replaced', by: second.runId })
    expect(second.status).toBe('running')
  })

  it('that never began count no longer', async () => {
    const one = await house.open({ limits: { runs: 1 } })
    const two = await house.open()
    await two.runs.start('taken', patient).started
    const refused = one.runs.start('taken', patient, { policy: 'reject' })
    await errorOf(() => refused.started)
    expect(await one.runs.start('free', emits('a')).ended).toMatchObject({ status: 'done' })
  })
})

describe('subscribers of a run', () => {
  it('are limited; one too many is told so, whichever way it subscribes', async () => {
    const { runs } = await house.open({ limits: { subscribers: 2 } })
    const run = runs.start('chat', emitsAndStays('a'))
    await run.started
    run.subscribe()
    const leaving = run.subscribe()
    expect(await errorOf(() => run.subscribe().next())).toEqual(codeOf('SUBSCRIBER_LIMIT'))
    const closed = latch<unknown>()
    runs.follow('chat', () => undefined, { onClose: closed.open })
    expect(await closed.opened).toEqual(codeOf('SUBSCRIBER_LIMIT'))
    await leaving.return()
    const reader = new Reader(run.subscribe())
    await settled()
    expect(numbers(reader.events)).toEqual([1, 2])
  })

  it('are limited also for a run of another process', async () => {
    const one = await house.open()
    const two = await house.open({ limits: { subscribers: 1 } })
    const run = one.runs.start('chat', emitsAndStays('a'))
    await run.started
    const reader = new Reader(two.runs.subscribe('chat'))
    await settled()
    const closed = latch<unknown>()
    two.runs.follow('chat', () => undefined, { onClose: closed.open })
    expect(await closed.opened).toEqual(codeOf('SUBSCRIBER_LIMIT'))
    expect(await errorOf(() => two.runs.subscribe('chat').next())).toEqual(codeOf('SUBSCRIBER_LIMIT'))
    expect(numbers(reader.events)).toEqual([1, 2])
  })
})

describe('time limits of a run', () => {
  it('idleTimeout stops it when nothing was recorded for so long', async () => {
    const { runs, clock } = await house.open()
    const step = [latch(), latch()]
    const run = runs.start(
      'chat',
      async function* ({ signal }) {
        for (const { opened } of step) {
          await opened
          yield 'tick'
        }
        await patient({ signal } as never)
      },
      { limits: { idleTimeout: 10_000 } },
    )
    await clock.advance(9_999)
    step[0]?.open()
    await clock.advance(9_999)
    step[1]?.open()
    await clock.advance(9_999)
    expect(run.status).toBe('running')
    await clock.advance(2)
    expect(await run.ended).toMatchObject({ status: 'stopped', reason: 'idle_timeout', seq: 5 })
  })

  it('idleTimeout does not blame the producer for a store that is slow', async () => {
    const { runs, store, clock } = await house.open({ limits: { storeGrace: 600_000 } })
    const run = runs.start('chat', emitsAndStays('a', 'b'), { limits: { idleTimeout: 1_000 } })
    await run.started
    store.hold()
    await clock.advance(30_000)
    store.release()
    await settled()
    expect(run.status).toBe('running')
    await clock.advance(1_001)
    expect(run.status).toBe('stopped')
  })

  it('idleTimeout does not count the time it waits for another run', async () => {
    const { runs, clock } = await house.open()
    const first = runs.start('chat', patient)
    await first.started
    const second = runs.start('chat', patient, { policy: 'enqueue', limits: { idleTimeout: 1_000 } })
    await clock.advance(60_000)
    expect(second.status).toBe('waiting')
    await first.stop()
    await clock.advance(999)
    expect(second.status).toBe('running')
    await clock.advance(2_000)
    expect(await second.ended).toMatchObject({ reason: 'idle_timeout' })
  })

  it('wallTimeout stops it when it has executed for so long, busy or not', async () => {
    const { runs, clock } = await house.open()
    const run = runs.start(
      'chat',
      async ({ emit, signal }) => {
        while (!signal.aborted) {
          await emit('tick')
          await new Promise<void>(resolve => clock.setTimeout(resolve, 100))
        }
      },
      { limits: { wallTimeout: 10_000 } },
    )
    await clock.advance(9_999)
    expect(run.status).toBe('running')
    await clock.advance(101)
    expect(await run.ended).toMatchObject({ status: 'stopped', reason: 'wall_timeout' })
  })

  it('wallTimeout does not count the time it waits for another run', async () => {
    const { runs, clock } = await house.open()
    const first = runs.start('chat', patient)
    await first.started
    const second = runs.start('chat', patient, { policy: 'enqueue', limits: { wallTimeout: 1_000 } })
    await clock.advance(60_000)
    expect(second.status).toBe('waiting')
    void first.stop()
    await clock.advance(999)
    expect(second.status).toBe('running')
    await clock.advance(2)
    expect(await second.ended).toMatchObject({ reason: 'wall_timeout' })
  })

  it('leave nothing armed behind', async () => {
    const { runs, clock, lifechart } = await house.open()
    const before = clock.pending
    const limits = { wallTimeout: 60_000, idleTimeout: 30_000 }
    for (let i = 0; i < 100; i++) await runs.start(`chat-${i}`, emits('a'), { limits }).ended
    expect(lifechart.stats()['timers.armed']).toBeLessThan(50)
    await clock.advance(200_000)
    expect(lifechart.stats()['timers.armed']).toBe(0)
    expect(clock.pending).toBe(before)
  })
})

describe('attached: true', () => {
  it('stops the run when its last subscriber leaves', async () => {
    const { runs } = await house.open()
    const run = runs.start('chat', emitsAndStays('a'), { attached: true })
    await run.started
    const [one, two] = [run.subscribe(), run.subscribe()]
    await one.return()
    await settled()
    expect(run.status).toBe('running')
    await two.return()
    expect(await run.ended).toMatchObject({ status: 'stopped', reason: 'audience_left' })
  })

  it('is not left by one who asked for a position that is none', async () => {
    const { runs } = await house.open()
    const run = runs.start('chat', emitsAndStays('a'), { attached: true })
    await run.started
    expect(await errorOf(() => run.subscribe({ after: 99 }).next())).toMatchObject({ code: 'CURSOR_AHEAD' })
    const told = new Promise(resolve => runs.follow('chat', () => undefined, { after: 99, onClose: resolve }))
    expect(await told).toMatchObject({ code: 'CURSOR_AHEAD' })
    await settled()
    expect(run.status).toBe('running')
  })

  it('is the exception: by default a run goes on when nobody listens', async () => {
    const { runs } = await house.open()
    const go = latch()
    const run = runs.start('chat', async () => go.opened)
    await run.subscribe().return()
    await settled()
    expect(run.status).toBe('running')
    go.open()
    expect(await run.ended).toMatchObject({ status: 'done' })
  })
})
