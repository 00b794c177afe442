import { describe, expect, it } from 'vitest'
import { settled, simulatedClock } from '../../src/testing/simulated-clock.ts'
import { busy } from '../support/faulty-adapter.ts'
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
  numbers,
  patient,
  processes,
  Reader,
  upTo,
} from './support.ts'

const house = processes()

/** Two processes; the first executes a run of "chat" that emitted a. */
async function pair() {
  const here = await house.open()
  const there = await house.open()
  const run = here.runs.start('chat', emitsAndStays('a'))
  await run.started
  await settled()
  return { here, there, run }
}

describe('a run of another process', () => {
  it('is followed from its start to its end', async () => {
    const { here, there, run } = await pair()
    const reader = new Reader(there.runs.subscribe('chat'))
    const exact = new Reader(there.runs.subscribe('chat', { runId: run.runId, after: 1 }))
    await settled()
    expect(numbers(reader.events)).toEqual([1, 2])
    await run.stop()
    await Promise.all([reader.done, exact.done])
    const own = await collect(run.subscribe())
    expect(reader.events).toEqual(own)
    expect(exact.events).toEqual(own.slice(1))
    expect(await there.runs.get('chat')).toEqual(await here.runs.get('chat'))
    expect(there.lifechart.stats()['streams.followed']).toBe(0)
  })

  it('is followed beyond what this process has read so far', async () => {
    const { there, run } = await pair()
    there.store.deaf = true
    const early = new Reader(there.runs.subscribe('chat'))
    await settled()
    void run.stop()
    await run.ended
    expect(numbers(await collect(there.runs.subscribe('chat', { after: 3 })))).toEqual([4])
    await early.done
    expect(numbers(early.events)).toEqual(upTo(4))
  })

  it('is stopped from here; the answer comes behind its end', async () => {
    const { here, there } = await pair()
    const go = latch()
    const run = here.runs.start('slow', async ({ signal }) => {
      await aborted(signal)
      await go.opened
    })
    await run.started
    await settled()
    const answers: boolean[] = []
    const stopping = [there.runs.stop('slow'), there.runs.stop('slow', { runId: run.runId })]
    for (const call of stopping) call.then(answer => answers.push(answer))
    await settled()
    expect(run.status).toBe('stopping')
    expect(answers).toEqual([])
    go.open()
    await Promise.all(stopping)
    expect(run.status).toBe('stopped')
    expect(answers.toSorted()).toEqual([false, true])
    expect(await there.runs.stop('slow')).toBe(false)
    expect(there.lifechart.stats()['streams.followed']).toBe(0)
  })

  it('is interrupted by a start here, which waits for its clean-up', async () => {
    const { here, there } = await pair()
    const go = latch()
    const first = here.runs.start('slow', async ({ signal, emit }) => {
      await aborted(signal)
      await emit('cleaning')
      await go.opened
    })
    await first.started
    await settled()
    let opened = false
    const second = there.runs.start('slow', async () => {
      opened = true
    })
    await second.started
    await settled()
    expect([first.status, second.status, opened]).toEqual(['stopping', 'waiting', false])
    go.open()
    await second.ended
    expect(await first.ended).toMatchObject({ status: 'stopped', reason: 'replaced', by: second.runId })
    expect(await here.runs.get('slow')).toMatchObject({ runId: second.runId, status: 'done' })
    expect(there.lifechart.stats()['streams.followed']).toBe(0)
  })

  it('is waited for by a start here that queues up', async () => {
    const { here, there } = await pair()
    const go = latch()
    const first = here.runs.start('queue', () => go.opened)
    await first.started
    await settled()
    const second = there.runs.start('queue', emits('b'), { policy: 'enqueue' })
    await second.started
    await settled()
    expect([first.status, second.status]).toEqual(['running', 'waiting'])
    go.open()
    expect(await second.ended).toMatchObject({ status: 'done' })
    expect(await first.ended).toMatchObject({ status: 'done' })
    expect(there.lifechart.stats()['streams.followed']).toBe(0)
  })

  it.each(['reject', 'share'] as const)('refuses a start here by %s with its run id, and nothing of that start is left', async policy => {
    const { here, there, run } = await pair()
    let opened = 0
    const refused = there.runs.start('chat', () => void opened++, { policy })
    const reader = new Reader(refused.subscribe())
    expect(await errorOf(() => refused.started)).toMatchObject({ code: 'RUN_IN_FLIGHT', details: { runId: run.runId } })
    expect(await refused.ended).toMatchObject({ status: 'error', error: { code: 'RUN_IN_FLIGHT' } })
    await reader.done
    expect(reader.error).toEqual(codeOf('RUN_IN_FLIGHT'))
    expect(await refused.stop()).toBe(false)
    expect(await there.runs.get('chat')).toMatchObject({ runId: run.runId, status: 'running' })
    expect(await there.runs.get('chat', { runId: refused.runId })).toBeUndefined()
    expect(there.lifechart.stats()).toMatchObject({ 'runs.live': 0, 'lifecycles.loaded': 0, 'streams.followed': 0 })
    expect(here.lifechart.stats()['runs.live']).toBe(1)
    expect(opened).toBe(0)
  })

  it('does not mind a refused start that is stopped meanwhile', async () => {
    const { there, run } = await pair()
    const refused = there.runs.start('chat', patient, { policy: 'reject' })
    expect(await refused.stop()).toBe(false)
    expect(run.status).toBe('running')
  })

  it('gives its subscribers elsewhere the end of a replaced run', async () => {
    const { here, there, run } = await pair()
    const reader = new Reader(there.runs.subscribe('chat'))
    await settled()
    const second = here.runs.start('chat', emits('b'))
    await reader.done
    expect(reader.events.at(-1)).toMatchObject({ status: 'stopped', reason: 'replaced', by: second.runId })
    expect(run.status).toBe('stopped')
    expect(chunks(await collect(there.runs.subscribe('chat')))).toEqual(['b'])
  })

  it('is not joined at work by a start here, whatever the store does while that one waits', async () => {
    const { here, there } = await pair()
    const first = here.runs.start('slow', deaf, { limits: { stopGrace: 60_000 } })
    await first.started
    await settled()
    let opened = false
    there.store.hold('load')
    const second = there.runs.start('slow', async () => {
      opened = true
    })
    let started = false
    second.started.then(() => {
      started = true
    })
    while (!started) {
      there.store.release(1)
      await settled()
    }
    expect(there.store.holding).toBeGreaterThan(0)
    there.store.fail('load', busy(), 3)
    there.store.release()
    await house.clock.advance(10_000)
    expect(opened).toBe(false)
    await house.clock.advance(60_000)
    expect(await first.ended).toMatchObject({ forced: true })
    expect(opened).toBe(true)
  })

  it('is taken over by whoever asks for it, however many of its id were left with it', async () => {
    const { here, there } = await pair()
    there.store.deaf = true
    let last = here.runs.start('chat', patient)
    for (let n = 0; n < 120; n++) last = here.runs.start('chat', patient, { policy: 'enqueue' })
    await last.started
    await here.lifechart.close({ mode: 'handover' })
    expect(await there.runs.get('chat')).toMatchObject({ runId: last.runId, status: 'stopped', end: { reason: 'orphaned' } })
  })

  it('may start at the same time as one here: one of them goes first, no two are at work', async () => {
    const { here, there } = await pair()
    let at = 0
    let most = 0
    const work = async ({ signal }: { signal: AbortSignal }) => {
      most = Math.max(most, ++at)
      await aborted(signal)
      await settled(1)
      at--
    }
    const all = [here, there, here, there].map(({ runs }) => runs.start('race', work))
    await house.clock.advance(1_000)
    await settled(64)
    const live = all.filter(run => run.status === 'running')
    expect(live).toHaveLength(1)
    expect(all.filter(run => run.status === 'stopped')).toHaveLength(3)
    expect(most).toBe(1)
    expect(await here.runs.get('race')).toEqual(await there.runs.get('race'))
    await live[0]?.stop()
    for (const { lifechart } of [here, there]) expect(lifechart.stats()['streams.followed']).toBe(0)
  })

  it('is one gap for those who follow it here when the store dropped what they had not read, and goes on', async () => {
    const { here, there } = await pair()
    const go = latch()
    const run = here.runs.start('long', async function* () {
      yield* ['a', 'b']
      await go.opened
      yield* ['c', 'd']
    })
    await run.started
    await settled()
    const reader = new Reader(there.runs.subscribe('long'))
    const sunk: unknown[] = []
    there.runs.follow('long', batch => sunk.push(...batch.events), { after: 2 })
    const observed: unknown[] = []
    there.runs.events$('long').subscribe(event => observed.push(event))
    await settled()
    there.store.deaf = true
    go.open()
    await run.ended
    await here.lifechart.kernel.adapter.forget(`run/${run.runId}`, { through: 5 })
    expect(numbers(reader.events)).toEqual(upTo(3))
    // A position that is not known here yet makes this process look.
    void there.runs.subscribe('long', { after: 6 }).next()
    const own = await collect(run.subscribe())
    const shown = [...own.slice(0, 3), { type: 'gap', from: 4, to: 5 }, ...own.slice(5)]
    await reader.done
    expect(reader.events).toEqual(shown)
    expect(sunk).toEqual(shown.slice(2))
    expect(observed).toEqual(shown)
  })
})

describe('an owner that was paused', () => {
  it('and wakes late can write nothing; its producer is told, and it follows the new owner', async () => {
    const frozen = simulatedClock()
    const late = await house.open({ clock: frozen })
    const emitted = latch<(data: unknown) => Promise<boolean>>()
    let told = false
    const run = late.runs.start('chat', async ({ emit, signal }) => {
      await emit('a')
      emitted.open(emit)
      await aborted(signal)
      told = true
    })
    const emit = await emitted.opened
    const reader = new Reader(run.subscribe())
    await settled()
    const other = await house.open()
    await house.clock.advance(30_000)
    expect(await other.runs.get('chat')).toMatchObject({ status: 'stopped', end: { reason: 'orphaned' } })
    const stored = await collect(other.runs.subscribe('chat'))

    await emit('written by one that is dead')
    await settled()
    expect(told).toBe(true)
    expect(await emit('again')).toBe(false)
    await reader.done
    expect(reader.events).toEqual(stored)
    expect(await run.ended).toMatchObject({ status: 'stopped', reason: 'orphaned' })
    expect(run.status).toBe('stopped')
    expect(await run.stop()).toBe(false)
    expect(await collect(other.runs.subscribe('chat'))).toEqual(stored)
    expect(late.lifechart.stats()).toMatchObject({ 'runs.live': 0, 'lifecycles.loaded': 0, 'streams.followed': 0 })
  })

  it('and is closed before it has read how its run ended: that stays open, and no error is left to nobody', async () => {
    const late = await house.open({ clock: simulatedClock() })
    const emitted = latch<(data: unknown) => Promise<boolean>>()
    const run = late.runs.start('chat', async ({ emit, signal }) => {
      emitted.open(emit)
      await aborted(signal)
    })
    const emit = await emitted.opened
    await settled()
    const other = await house.open()
    await house.clock.advance(30_000)
    expect(await other.runs.get('chat')).toMatchObject({ status: 'stopped' })

    late.store.hold('read')
    await emit('written by one that is dead')
    await settled()
    late.store.release(1)
    await settled()
    expect(late.store).toMatchObject({ calls: { read: 2 }, holding: 1 })
    const told: unknown[] = []
    void run.ended.then(
      end => told.push(end),
      error => told.push(error),
    )
    await late.lifechart.close()
    late.store.release()
    await settled()
    expect(told).toEqual([])
  })
})
