import { describe, expect, it } from 'vitest'
import { createMachine, fromPromise, setup } from 'xstate'
import type { LifechartOptions } from '../src/lifechart.ts'
import { settled } from '../src/testing/simulated-clock.ts'
import { codeOf, deaf, emits, errorOf, latch, type Process, patient, processes } from './runs/support.ts'
import { busy } from './support/faulty-adapter.ts'

const house = processes({ durable: true })
/** A session is over after 15 s; this is before the next look for what is free. */
const lapse = 15_001

const bell = createMachine({
  id: 'bell',
  initial: 'silent',
  states: { silent: { after: { 60000: 'ringing' }, on: { ring: 'ringing' } }, ringing: { on: { end: 'over' } }, over: { type: 'final' } },
})
const letter = setup({ actors: { courier: fromPromise(deaf) } }).createMachine({
  id: 'letter',
  initial: 'sent',
  states: { sent: { invoke: { id: 'the courier', src: 'courier' }, after: { 60000: 'lost' } }, lost: {} },
})

const open = (options: Pick<LifechartOptions, 'limits' | 'charts'> = {}) => house.open({ charts: [bell, letter], ...options })
const crash = ({ lifechart }: Process) => lifechart.kernel.crash()
const stream = (run: { runId: string }) => `run/${run.runId}`

describe('explain says of a run', () => {
  it('waiting: for each earlier run of its id that has not ended', async () => {
    const { runs, lifechart } = await open()
    const first = runs.start('chat', deaf)
    const second = runs.start('chat', patient, { policy: 'enqueue' })
    const third = runs.start('chat', patient, { policy: 'enqueue' })
    await settled()
    const text = 'An earlier run of the same id has not ended.'
    expect(await lifechart.explain('chat')).toEqual([
      { code: 'waiting', text, ref: stream(first) },
      { code: 'waiting', text, ref: stream(second) },
    ])
    expect(await lifechart.explain(third.runId)).toEqual(await lifechart.explain('chat'))
    expect(await lifechart.explain(second.runId)).toEqual([{ code: 'waiting', text, ref: stream(first) }])
  })

  it('executing: its producer is at work, and until when it may', async () => {
    const { runs, lifechart, clock } = await open()
    const run = runs.start('chat', deaf, { limits: { wallTimeout: 60_000 } })
    await run.started
    const until = clock.now() + 60_000
    await clock.advance(1_000)
    expect(await lifechart.explain('chat')).toEqual([
      { code: 'executing', text: 'The producer is at work.', ref: run.runId },
      {
        code: 'timer',
        text: expect.stringMatching(/^"xstate\.after\..*" is sent unless something happens before\.$/),
        until,
        ref: expect.any(String),
      },
    ])
  })

  it('stopping: why it was told to stop, and when that ends by force', async () => {
    const { runs, lifechart, clock } = await open()
    const run = runs.start('chat', deaf)
    await run.started
    void run.stop()
    await settled()
    const until = clock.now() + 5_000
    expect(await lifechart.explain('chat')).toEqual([
      { code: 'stopping', text: 'The producer was told to stop (user) and cleans up.', ref: run.runId },
      { code: 'timer', text: expect.any(String), until, ref: expect.any(String) },
    ])
  })

  it('store_retry: a commit of it is not answered', async () => {
    const { runs, lifechart, store, clock } = await open()
    const go = latch()
    const run = runs.start('chat', async function* () {
      await go.opened
      yield 'a'
      await deaf()
    })
    await run.started
    store.fail('commit', busy(), Number.POSITIVE_INFINITY)
    go.open()
    await clock.advance(4_000)
    expect(await lifechart.explain('chat')).toEqual([{ code: 'executing', text: 'The producer is at work.', ref: run.runId }])
    await clock.advance(2_000)
    expect((await lifechart.explain('chat'))[0]).toEqual({
      code: 'store_retry',
      text: 'The store does not answer; the same commit is tried again until it does.',
      ref: stream(run),
    })
  })

  it('elsewhere: whose it is, and since when it is where it is', async () => {
    const first = await open()
    const second = await open()
    const since = house.clock.now()
    const run = first.runs.start('chat', patient)
    await run.started
    await house.clock.advance(1_000)
    const elsewhere = [{ code: 'elsewhere', text: 'Another runtime owns it.', ref: first.lifechart.kernel.session, since }]
    expect(await second.lifechart.explain('chat')).toEqual(elsewhere)
    expect(await second.lifechart.explain(run.runId)).toEqual(elsewhere)
  })

  it('elsewhere, also when an earlier run of its id ended here and is still in memory', async () => {
    const first = await open()
    const second = await open()
    const former = first.runs.start('chat', emits('a'))
    await former.ended
    await second.runs.start('chat', patient).started
    expect(await first.lifechart.explain('chat')).toMatchObject([{ code: 'elsewhere', ref: second.lifechart.kernel.session }])
    expect(await first.lifechart.explain(former.runId)).toMatchObject([{ code: 'ended', ref: stream(former) }])
  })

  it('owner_expired: whose it was', async () => {
    const first = await open()
    const second = await open()
    const since = house.clock.now()
    await first.runs.start('chat', patient).started
    const ref = first.lifechart.kernel.session
    crash(first)
    house.clock.jump(lapse)
    expect(await second.lifechart.explain('chat')).toEqual([
      { code: 'owner_expired', text: 'Its owner is gone; it is taken over at the next look.', ref, since },
    ])
    await house.clock.advance(7_500)
    expect(await second.lifechart.explain('chat')).toMatchObject([{ code: 'ended' }])
  })

  it('owner_expired, also when a thousand runs of its id have ended', async () => {
    const first = await open()
    const second = await open()
    for (let i = 0; i < 1_001; i++) {
      const change = { stream: `run/old-${i}`, kind: 'run', expect: 0, events: ['1'], index: { context: 'chat', live: false } }
      await first.lifechart.kernel.adapter.commit({ id: `old-${i}`, changes: [change] })
    }
    await house.clock.advance(1)
    await first.runs.start('chat', patient).started
    crash(first)
    house.clock.jump(lapse)
    expect(await second.lifechart.explain('chat')).toMatchObject([{ code: 'owner_expired' }])
  })

  it('type_undefined: since when it waits for its type', async () => {
    const first = await open()
    first.runs.define('count', patient)
    const run = first.runs.start('chat', { type: 'count' }, { orphan: 'resume' })
    await run.started
    crash(first)
    house.clock.jump(lapse)
    const since = house.clock.now()
    const second = await open()
    await house.clock.advance(10_000)
    const text = 'Its type is not defined here; runs.define(type, producer) lets it go on.'
    expect(await second.lifechart.explain('chat')).toEqual([{ code: 'type_undefined', text, since, ref: stream(run) }])
    expect(await second.lifechart.explain(run.runId)).toEqual(await second.lifechart.explain('chat'))
  })

  it('parked: it was given back, and nobody has taken it up yet', async () => {
    const first = await open()
    const second = await open()
    first.runs.define('count', patient)
    const run = first.runs.start('chat', { type: 'count' }, { orphan: 'resume' })
    await run.started
    await first.lifechart.close()
    expect(await second.lifechart.explain('chat')).toEqual([
      { code: 'parked', text: 'Nothing is under way; it is loaded by its next event or deadline.', ref: stream(run) },
    ])
  })

  it('ended: how and when, in memory or not', async () => {
    const { runs, lifechart, clock } = await open()
    const run = runs.start('chat', emits('a'))
    await run.ended
    const ended = [{ code: 'ended', text: 'It has ended (done).', since: clock.now(), ref: stream(run) }]
    expect(await lifechart.explain('chat')).toEqual(ended)
    await clock.advance(180_001)
    expect(await lifechart.explain('chat')).toEqual(ended)
    expect(await lifechart.explain(run.runId)).toEqual(ended)
    expect(await lifechart.explain(stream(run))).toEqual(ended)
  })

  it('the same when nothing of it is stored', async () => {
    const { runs, lifechart, clock } = await open()
    const run = runs.start('chat', patient, { durability: 'none' })
    await run.started
    expect(await lifechart.explain('chat')).toEqual([{ code: 'executing', text: 'The producer is at work.', ref: run.runId }])
    await run.stop()
    const ended = [{ code: 'ended', text: 'It has ended (stopped).', since: clock.now(), ref: stream(run) }]
    expect(await lifechart.explain('chat')).toEqual(ended)
    expect(await lifechart.explain(run.runId)).toEqual(ended)
  })
})

describe('explain says of a lifecycle', () => {
  it('executing: it waits for an event', async () => {
    const { lifechart } = await open()
    await lifechart.actors.spawn(bell, { id: 'a' }).dispatch({ type: 'ring' })
    const text = 'In "ringing", it waits for an event.'
    expect(await lifechart.explain('lifecycle/bell/a')).toEqual([{ code: 'executing', text, ref: 'lifecycle/bell/a' }])
    expect(await lifechart.explain('a')).toEqual([{ code: 'executing', text, ref: 'lifecycle/bell/a' }])
  })

  it('timer: what is sent, and when', async () => {
    const { lifechart, clock } = await open()
    const until = clock.now() + 60_000
    await lifechart.actors.spawn(bell, { id: 'a' }).started
    await clock.advance(1_000)
    const ref = 'xstate.after.60000.bell.silent'
    expect(await lifechart.explain('lifecycle/bell/a')).toEqual([
      { code: 'timer', text: `"${ref}" is sent unless something happens before.`, until, ref },
    ])
  })

  it('child: which actor has not ended', async () => {
    const { lifechart, clock } = await open()
    await lifechart.actors.spawn(letter, { id: 'a' }).started
    expect(await lifechart.explain('lifecycle/letter/a')).toEqual([
      { code: 'child', text: 'The actor "the courier" has not ended.', ref: 'the courier' },
      expect.objectContaining({ code: 'timer', until: clock.now() + 60_000 }),
    ])
  })

  it('store_retry: a commit of it is not answered', async () => {
    const { lifechart, store, clock } = await open()
    const one = lifechart.actors.spawn(bell, { id: 'a' })
    await one.started
    store.fail('commit', busy(), Number.POSITIVE_INFINITY)
    one.dispatch({ type: 'ring' }).catch(() => undefined)
    await clock.advance(6_000)
    expect(await lifechart.explain('lifecycle/bell/a')).toMatchObject([{ code: 'store_retry', ref: 'lifecycle/bell/a' }, { code: 'timer' }])
  })

  it('parked: until when nobody has it in memory', async () => {
    const { lifechart, clock } = await open()
    const until = clock.now() + 60_000
    const one = lifechart.actors.spawn(bell, { id: 'a' })
    await one.started
    await one[Symbol.asyncDispose]()
    const text = 'Nothing is under way; it is loaded by its next event or deadline.'
    expect(await lifechart.explain('lifecycle/bell/a')).toEqual([{ code: 'parked', text, ref: 'lifecycle/bell/a', until }])
    expect(await lifechart.explain('a')).toEqual([{ code: 'parked', text, ref: 'lifecycle/bell/a', until }])
  })

  it('parked, also when its owner is gone and had nothing under way: it stays where it is', async () => {
    const first = await open()
    const second = await open()
    const until = house.clock.now() + 60_000
    await first.lifechart.actors.spawn(bell, { id: 'a' }).started
    crash(first)
    for (const passing of [lapse, 7_500, 7_500]) {
      await house.clock.advance(passing)
      expect(await second.lifechart.explain('lifecycle/bell/a')).toMatchObject([{ code: 'parked', until }])
    }
  })

  it('owner_expired: its owner is gone in the middle of something', async () => {
    const first = await open()
    const second = await open()
    await first.lifechart.actors.spawn(letter, { id: 'a' }).started
    const ref = first.lifechart.kernel.session
    crash(first)
    house.clock.jump(lapse)
    expect(await second.lifechart.explain('lifecycle/letter/a')).toMatchObject([{ code: 'owner_expired', ref }])
    await house.clock.advance(7_500)
    expect((await second.lifechart.explain('lifecycle/letter/a')).map(({ code }) => code)).toEqual(['child', 'timer'])
  })

  it('elsewhere: whose it is', async () => {
    const first = await open()
    const second = await open()
    await first.lifechart.actors.spawn(bell, { id: 'a' }).started
    expect(await second.lifechart.explain('lifecycle/bell/a')).toMatchObject([{ code: 'elsewhere', ref: first.lifechart.kernel.session }])
  })

  it('ended: where and when', async () => {
    const { lifechart, clock } = await open()
    const one = lifechart.actors.spawn(bell, { id: 'a' })
    await one.dispatch({ type: 'ring' })
    await clock.advance(1_000)
    await one.dispatch({ type: 'end' })
    const ended = { code: 'ended', text: 'It has ended ("over").', since: clock.now(), ref: 'lifecycle/bell/a' }
    await clock.advance(1_000)
    expect(await lifechart.explain('lifecycle/bell/a')).toEqual([ended])
  })
})

describe('explain says of an id that nobody has', () => {
  it('unknown: nothing of it is stored', async () => {
    const { lifechart } = await open()
    for (const id of ['nobody', 'run/nobody', 'lifecycle/bell/nobody']) {
      expect(await lifechart.explain(id)).toEqual([{ code: 'unknown', text: 'Nothing of this id is stored here.' }])
    }
    expect(await errorOf(() => lifechart.explain(''))).toEqual(codeOf('INVALID_ID'))
  })
})
