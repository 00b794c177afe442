import { describe, expect, it } from 'vitest'
import type { Run } from '../../src/runs/live-run.ts'
import { settled } from '../../src/testing/simulated-clock.ts'
import { aborted, chunks, collect, deaf, emits, latch, patient, processes, Reader } from './support.ts'

const house = processes()

describe('stop', () => {
  it('in the tick of the start ends the run as stopped; its producer is never opened', async () => {
    const { runs } = await house.open()
    let opened = 0
    const run = runs.start('chat', () => void opened++)
    const reader = new Reader(run.subscribe())
    expect(await run.stop()).toBe(true)
    await reader.done
    expect(reader.events).toEqual([
      { seq: 1, type: 'state', state: 'running' },
      { seq: 2, type: 'state', state: 'stopping' },
      { seq: 3, type: 'end', status: 'stopped', reason: 'user' },
    ])
    expect(opened).toBe(0)
  })

  it('in the tick of the start closes a ready-made iterable that was never pulled', async () => {
    const { runs } = await house.open()
    const calls: string[] = []
    const iterable = {
      [Symbol.asyncIterator]: () => ({
        next: async () => {
          calls.push('next')
          return { done: true as const, value: undefined }
        },
        return: async () => {
          calls.push('return')
          return { done: true as const, value: undefined }
        },
      }),
    }
    const run = runs.start('chat', iterable)
    expect(await run.stop()).toBe(true)
    expect(calls).toEqual(['return'])
    expect(await run.ended).toMatchObject({ status: 'stopped' })
  })

  it('of a run that waits for the one it replaces ends it; it never runs', async () => {
    const { runs } = await house.open()
    const go = latch()
    const first = runs.start('chat', async ({ signal }) => {
      await aborted(signal)
      await go.opened
    })
    await first.started
    let opened = 0
    const second = runs.start('chat', () => void opened++)
    await second.started
    expect(second.status).toBe('waiting')
    expect(await second.stop()).toBe(true)
    expect(await collect(second.subscribe())).toEqual([
      { seq: 1, type: 'state', state: 'waiting' },
      { seq: 2, type: 'end', status: 'stopped', reason: 'user' },
    ])
    expect(first.status).toBe('stopping')
    go.open()
    await first.ended
    await settled()
    expect(opened).toBe(0)
  })

  it('resolves true for the one call that ended the run, when the end is committed', async () => {
    const { runs, store } = await house.open()
    const run = runs.start('chat', patient)
    await run.started
    await settled()
    store.hold()
    let answer: boolean | undefined
    const stopping = run.stop().then(value => {
      answer = value
    })
    await settled()
    store.release(1)
    await settled()
    expect(answer).toBeUndefined()
    store.release()
    await stopping
    expect(answer).toBe(true)
    expect(run.status).toBe('stopped')
  })

  it('a second time, during the clean-up, waits for the same end and is answered false', async () => {
    const { runs } = await house.open()
    const go = latch()
    let cleaned = 0
    const run = runs.start('chat', async function* ({ signal }) {
      try {
        yield 'a'
        await aborted(signal)
      } finally {
        await go.opened
        cleaned++
      }
    })
    await run.started
    await settled()
    const answers: unknown[] = []
    for (const call of [run.stop(), run.stop({ reason: 'shutdown' }), runs.stop('chat')]) call.then(answer => answers.push(answer))
    await settled()
    expect(answers).toEqual([])
    go.open()
    expect(await run.ended).toMatchObject({ status: 'stopped', reason: 'user' })
    await settled()
    expect(answers.toSorted()).toEqual([false, false, true])
    expect(cleaned).toBe(1)
    expect(await run.stop()).toBe(false)
  })

  it('of an unknown or a final run is answered false', async () => {
    const { runs } = await house.open()
    const run = runs.start('chat', emits('a'))
    await run.ended
    expect(await run.stop()).toBe(false)
    expect(await runs.stop('chat')).toBe(false)
    expect(await runs.stop('nobody')).toBe(false)
    expect(run.status).toBe('done')
  })

  it('that names an old run never touches the newer one', async () => {
    const { runs } = await house.open()
    const first = runs.start('chat', emits('a'))
    await first.ended
    const second = runs.start('chat', patient)
    await second.started
    expect(await runs.stop('chat', { runId: first.runId })).toBe(false)
    expect(await first.stop()).toBe(false)
    await settled()
    expect(second.status).toBe('running')
  })

  it('keeps what is emitted during the clean-up', async () => {
    const { runs } = await house.open()
    const run = runs.start('chat', async ({ signal, emit }) => {
      await aborted(signal)
      await emit('closing')
      await settled()
      expect(await emit('closed')).toBe(true)
    })
    await run.started
    expect(await run.stop()).toBe(true)
    expect(chunks(await collect(run.subscribe()))).toEqual(['closing', 'closed'])
  })

  it('keeps what a generator yields in its finally, and runs that once', async () => {
    const { runs } = await house.open()
    let cleaned = 0
    const run = runs.start('chat', async function* () {
      try {
        for (;;) {
          yield 'tick'
          await settled(1)
        }
      } finally {
        cleaned++
        yield 'last words'
      }
    })
    await run.started
    await settled()
    expect(await run.stop()).toBe(true)
    expect(chunks(await collect(run.subscribe())).at(-1)).toBe('last words')
    expect(cleaned).toBe(1)
  })

  it('ends as stopped also when the clean-up throws', async () => {
    const { runs } = await house.open()
    const run = runs.start('chat', async ({ signal }) => {
      await aborted(signal)
      throw new Error('in the clean-up')
    })
    await run.started
    expect(await run.stop()).toBe(true)
    expect(await run.ended).toEqual({ seq: 3, type: 'end', status: 'stopped', reason: 'user' })
  })

  it('ends as stopped also when the producer returns a result after it', async () => {
    const { runs } = await house.open()
    const run = runs.start('chat', async ({ signal }) => {
      await aborted(signal)
      return 'result'
    })
    await run.started
    await run.stop()
    expect(await run.ended).toEqual({ seq: 3, type: 'end', status: 'stopped', reason: 'user' })
    expect(run.result).toBeUndefined()
  })
})

describe('a producer that does not end', () => {
  it('is given 5 s; then the run is stopped by force', async () => {
    const { runs, clock } = await house.open()
    const run = runs.start('chat', deaf)
    await run.started
    const stopping = run.stop()
    await clock.advance(4_999)
    expect(run.status).toBe('stopping')
    await clock.advance(1)
    expect(await stopping).toBe(true)
    expect(await run.ended).toEqual({ seq: 3, type: 'end', status: 'stopped', reason: 'user', forced: true })
  })

  it('is given the grace of its run', async () => {
    const { runs, clock } = await house.open({ limits: { stopGrace: 1_000 } })
    const short = runs.start('short', deaf, { limits: { stopGrace: 100 } })
    const usual = runs.start('usual', deaf)
    await clock.advance(0)
    void short.stop()
    void usual.stop()
    await clock.advance(100)
    expect([short.status, usual.status]).toEqual(['stopped', 'stopping'])
    await clock.advance(900)
    expect(usual.status).toBe('stopped')
  })

  it('writes late in vain: it is refused and counted, and the run never becomes done', async () => {
    const { runs, clock, lifechart } = await house.open()
    const go = latch()
    const answers: unknown[] = []
    const run = runs.start('chat', async ({ emit }) => {
      await go.opened
      answers.push(await emit('late'), await emit('later'))
      return 'result'
    })
    await run.started
    const stopping = run.stop()
    await clock.advance(5_000)
    await stopping
    go.open()
    await settled()
    expect(answers).toEqual([false, false])
    expect(lifechart.stats()['runs.lateWrites']).toBe(2)
    expect(run.status).toBe('stopped')
    expect(await collect(run.subscribe())).toHaveLength(3)
  })

  it('a generator that swallows the abort is let go of, and what it yields later is refused', async () => {
    const { runs, clock, lifechart } = await house.open()
    const go = latch()
    let ended = false
    const run = runs.start('chat', async function* () {
      try {
        yield 'a'
        await go.opened
        yield 'late'
        yield 'never asked for'
      } finally {
        ended = true
      }
    })
    await run.started
    await settled()
    const stopping = run.stop()
    await clock.advance(5_000)
    expect(await stopping).toBe(true)
    go.open()
    await settled()
    expect(ended).toBe(true)
    expect(chunks(await collect(run.subscribe()))).toEqual(['a'])
    expect(lifechart.stats()['runs.lateWrites']).toBe(1)
  })

  it('a ready-made iterable that is parked in an await can not be interrupted and ends by force', async () => {
    const { runs, clock } = await house.open()
    const parked = (async function* () {
      yield 'a'
      await deaf()
    })()
    const run = runs.start('chat', parked)
    await run.started
    await settled()
    const stopping = run.stop()
    await clock.advance(5_000)
    expect(await stopping).toBe(true)
    expect(await run.ended).toMatchObject({ status: 'stopped', forced: true })
  })
})

describe('a producer that is told to stop', () => {
  it('and throws what its signal says has not failed: the log says nothing of it', async () => {
    const { runs, log } = await house.open()
    const told = [
      runs.start('one', async ({ signal }) => {
        await aborted(signal)
        throw signal.reason
      }),
      runs.start('two', async ({ signal }) => {
        await aborted(signal)
        signal.throwIfAborted()
      }),
      runs.start('three', async ({ signal }) => {
        await aborted(signal)
        throw new DOMException('Stopped.', 'AbortError')
      }),
    ]
    await settled()
    for (const run of told) await run.stop()
    for (const run of told) expect(await run.ended).toMatchObject({ status: 'stopped', reason: 'user' })
    expect(log).not.toContainEqual(expect.objectContaining({ level: 'warn' }))
  })

  it('and throws anything else is in the log', async () => {
    const { runs, log } = await house.open()
    const run = runs.start('chat', async ({ signal }) => {
      await aborted(signal)
      throw new Error('The clean-up failed.')
    })
    await settled()
    await run.stop()
    expect(log).toContainEqual(expect.objectContaining({ level: 'warn', message: 'A producer failed.' }))
  })
})

describe('the clean-up of a generator that goes on yielding', () => {
  async function giveUp(run: Run): Promise<void> {
    await run.started
    await settled()
    const stopped = run.stop()
    await house.clock.advance(5_001)
    await stopped
  }

  it('runs to its end when the run was given up, and what it yields is refused', async () => {
    const { runs, lifechart } = await house.open()
    const go = latch()
    let through = false
    const run = runs.start('chat', async function* () {
      try {
        yield 1
        await go.opened
        yield 2
      } finally {
        yield* ['late', 'later']
        through = true
      }
    })
    await giveUp(run)
    go.open()
    await settled()
    expect(through).toBe(true)
    expect(chunks(await collect(run.subscribe()))).toEqual([1])
    expect(lifechart.stats()['runs.lateWrites']).toBe(3)
  })

  it('without end is left, and never holds the event loop', async () => {
    const { runs, lifechart } = await house.open()
    const go = latch()
    let yielded = 0
    const run = runs.start('chat', async function* () {
      try {
        await go.opened
        yield 1
      } finally {
        for (;;) yield yielded++
      }
    })
    await giveUp(run)
    go.open()
    await settled(2_000)
    const { 'runs.lateWrites': late } = lifechart.stats()
    await settled(100)
    expect(lifechart.stats()['runs.lateWrites']).toBe(late)
    expect(yielded).toBe(1_025)
  })
})
