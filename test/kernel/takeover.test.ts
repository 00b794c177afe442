import { describe, expect, it } from 'vitest'
import { assign, createMachine, fromCallback, setup } from 'xstate'
import { settled } from '../../src/testing/simulated-clock.ts'
import { pausableClock } from '../support/pausable-clock.ts'
import { freshRuntimes, published } from '../support/runtimes.ts'

const runtimes = freshRuntimes()
const ttl = 15_000

const counter = setup({
  types: { context: {} as { n: number }, events: {} as { type: 'count' } | { type: 'stop' } },
  actions: { count: assign({ n: ({ context }) => context.n + 1 }) },
}).createMachine({
  id: 'counter',
  context: { n: 0 },
  initial: 'on',
  states: { on: { after: { 100000: 'off' }, on: { count: { actions: 'count' }, stop: 'off' } }, off: { type: 'final' } },
  output: ({ context }) => context.n,
})

function workingChart(starts: string[]) {
  return setup({
    actors: {
      work: fromCallback(() => {
        starts.push('started')
        return () => void starts.push('stopped')
      }),
    },
  }).createMachine({
    id: 'worker',
    invoke: { src: 'work', id: 'w' },
    initial: 'a',
    states: { a: { on: { go: 'b' } }, b: { on: { go: 'a' } } },
  })
}

describe('a lifecycle whose owner died', () => {
  it('is taken over at the next look when it had something under way', async () => {
    const starts: string[] = []
    const chart = workingChart(starts)
    const first = await runtimes().open()
    const second = await runtimes().open({ charts: [chart] })
    await first.lifechart.actors.spawn(chart, { id: 'a' }).started
    runtimes().crash(first)
    starts.length = 0
    await runtimes().clock.advance(ttl - 1)
    expect(starts).toEqual([])
    await runtimes().clock.advance(ttl / 2)
    expect(starts).toEqual(['started'])
    expect(second.lifechart.kernel.size).toBe(1)
  })

  it('stays where it is when it waits for a deadline, and is woken by it', async () => {
    const first = await runtimes().open()
    const second = await runtimes().open({ charts: [counter] })
    await first.lifechart.actors.spawn(counter, { id: 'a' }).started
    runtimes().crash(first)
    await runtimes().clock.advance(99_000)
    expect(second.lifechart.kernel.size).toBe(0)
    expect(await second.lifechart.kernel.adapter.load('lifecycle/counter/a')).toMatchObject({ version: 1, index: { live: true } })
    await runtimes().clock.advance(1_000)
    expect(await second.lifechart.kernel.adapter.load('lifecycle/counter/a')).toMatchObject({ version: 3, index: { live: false } })
    expect(second.lifechart.kernel.size).toBe(0)
  })

  it('is taken over by one of several runtimes', async () => {
    const starts: string[] = []
    const chart = workingChart(starts)
    const first = await runtimes().open()
    const others = [
      await runtimes().open({ charts: [chart] }),
      await runtimes().open({ charts: [chart] }),
      await runtimes().open({ charts: [chart] }),
    ]
    for (const id of ['a', 'b', 'c', 'd']) await first.lifechart.actors.spawn(chart, { id }).started
    runtimes().crash(first)
    starts.length = 0
    await runtimes().clock.advance(2 * ttl)
    expect(starts).toEqual(Array(4).fill('started'))
    expect(others.reduce((sum, { lifechart }) => sum + lifechart.kernel.size, 0)).toBe(4)
    for (const { environment } of others) expect(environment.log.filter(({ level }) => level !== 'info')).toEqual([])
  })

  it('goes on with the same stream for those who followed it elsewhere', async () => {
    const first = await runtimes().open()
    const second = await runtimes().open()
    const one = first.lifechart.actors.spawn(counter, { id: 'a' })
    await one.dispatch({ type: 'count' })
    const followed = (await second.lifechart.actors.get(counter, 'a'))!
    const seen = published(followed)
    runtimes().crash(first)
    const after = followed.steps({ after: 2 })
    await runtimes().clock.advance(2 * ttl)
    expect((await followed.dispatch({ type: 'count' })).context.n).toBe(2)
    expect(await seen).toEqual(['1 start lifechart.start', '2 command count'])
    expect((await after.next()).value).toMatchObject({ seq: 3, cause: 'restore', attempt: 2 })
    expect((await after.next()).value).toMatchObject({ seq: 4, cause: 'command' })
    await followed.dispatch({ type: 'stop' })
    expect(await followed.ended).toBe(2)
  })
})

describe('an owner that stood still', () => {
  async function overtaken(starts: string[] = []) {
    const chart = workingChart(starts)
    const clock = pausableClock(runtimes().clock)
    const first = await runtimes().open({ clock })
    const one = first.lifechart.actors.spawn(chart, { id: 'a' })
    await one.started
    clock.pause()
    await runtimes().clock.advance(2 * ttl)
    const second = await runtimes().open({ charts: [chart] })
    expect(second.lifechart.kernel.size).toBe(1)
    return { chart, clock, first, second, one, starts }
  }

  it('can write nothing any more when it wakes up, and follows what it owned', async () => {
    const { first, second, one, chart, starts } = await overtaken()
    const steps = one.steps({ after: 1 })
    await expect(one.dispatch({ type: 'go' })).rejects.toMatchObject({ code: 'LIFECYCLE_ELSEWHERE', retryable: true })
    expect(starts).toEqual(['started', 'started', 'stopped'])
    expect(first.lifechart.kernel.size).toBe(0)
    expect(one.snapshot).toMatchObject({ value: 'a', status: 'active' })
    expect((await one.dispatch({ type: 'go' })).value).toBe('b')
    expect(one.snapshot.value).toBe('b')
    const owned = await second.lifechart.actors.get(chart, 'a')
    expect(owned?.snapshot.value).toBe('b')
    expect((await steps.next()).value).toMatchObject({ seq: 2, cause: 'restore' })
    expect((await steps.next()).value).toMatchObject({ seq: 3, cause: 'command' })
    expect(await published(one)).toHaveLength(3)
    await owned?.dispatch({ type: 'go' })
    await settled()
    expect(one.snapshot.value).toBe('a')
  })

  it('shows where its successor has come to', async () => {
    const { second, one, chart, clock } = await overtaken()
    await (await second.lifechart.actors.get(chart, 'a'))?.dispatch({ type: 'go' })
    expect(one.snapshot.value).toBe('a')
    clock.resume()
    await settled()
    expect(one.snapshot.value).toBe('b')
  })

  it('lets go of what it owned when it notices by itself, and opens another session', async () => {
    const { first, one, clock, starts } = await overtaken()
    const session = first.lifechart.kernel.session
    clock.resume()
    await settled()
    expect(first.lifechart.kernel.session).not.toBe(session)
    expect(first.lifechart.kernel.size).toBe(0)
    expect(starts).toEqual(['started', 'started', 'stopped'])
    expect((await one.dispatch({ type: 'go' })).value).toBe('b')
  })

  it('goes on with what nobody took meanwhile, under its new session', async () => {
    const starts: string[] = []
    const chart = workingChart(starts)
    const clock = pausableClock(runtimes().clock)
    const first = await runtimes().open({ clock })
    const busy = first.lifechart.actors.spawn(chart, { id: 'a' })
    const idle = first.lifechart.actors.spawn(counter, { id: 'a' })
    await busy.started
    await idle.dispatch({ type: 'count' })
    clock.pause()
    await runtimes().clock.advance(2 * ttl)
    clock.resume()
    await settled()
    expect(first.lifechart.kernel.size).toBe(2)
    expect(starts).toEqual(['started', 'stopped', 'started'])
    expect((await idle.dispatch({ type: 'count' })).context.n).toBe(2)
    expect((await busy.dispatch({ type: 'go' })).value).toBe('b')
    const steps = await published(idle)
    expect(steps).toEqual(['1 start lifechart.start', '2 command count', '3 restore lifechart.restore', '4 command count'])
  })

  it('shows a commit once that was under way when it noticed', async () => {
    const clock = pausableClock(runtimes().clock)
    const first = await runtimes().open({ clock })
    const one = first.lifechart.actors.spawn(counter, { id: 'a' })
    await one.started
    const steps = one.steps()
    first.store.hold()
    const counted = one.dispatch({ type: 'count' }).catch(error => error)
    await settled()
    clock.pause()
    await runtimes().clock.advance(2 * ttl)
    first.store.release(1)
    clock.resume()
    first.store.release()
    await counted
    await settled()
    await one.dispatch({ type: 'count' })
    const numbers: number[] = []
    for await (const step of steps) {
      if (step.type === 'step') numbers.push(step.seq)
      if (step.type === 'step' && step.cause === 'command' && one.snapshot.context.n * 2 === numbers.length) break
      if (numbers.length >= 4) break
    }
    expect(numbers).toEqual([1, 2, 3, 4])
    expect(one.snapshot.context.n).toBe(2)
  })

  it('creates a lifecycle as soon as it runs again, before its session was renewed', async () => {
    const clock = pausableClock(runtimes().clock)
    const first = await runtimes().open({ clock })
    clock.pause()
    await runtimes().clock.advance(2 * ttl)
    const one = first.lifechart.actors.spawn(counter, { id: 'a' })
    expect((await one.dispatch({ type: 'count' })).context.n).toBe(1)
    clock.resume()
    await settled()
    expect((await one.dispatch({ type: 'count' })).context.n).toBe(2)
    expect(await published(one)).toHaveLength(3)
  })
})

describe('closing', () => {
  it('hands over at once what has something under way', async () => {
    const starts: string[] = []
    const chart = workingChart(starts)
    const first = await runtimes().open()
    const second = await runtimes().open({ charts: [chart] })
    await first.lifechart.actors.spawn(chart, { id: 'a' }).started
    await first.lifechart.close()
    expect(starts).toEqual(['started', 'stopped'])
    await runtimes().clock.advance(ttl / 2)
    expect(starts).toEqual(['started', 'stopped', 'started'])
    expect(second.lifechart.kernel.size).toBe(1)
  })

  it('leaves nothing armed', async () => {
    const first = await runtimes().open()
    const chart = createMachine({ id: 'waiting', initial: 'a', states: { a: { after: { 1000: 'b' } }, b: {} } })
    await first.lifechart.actors.spawn(chart, { id: 'a' }).started
    await first.lifechart.close()
    expect(runtimes().clock.pending).toBe(0)
  })
})

describe('a follower', () => {
  it('that has fallen behind its owner’s death still sees every step once', async () => {
    const first = await runtimes().open()
    const second = await runtimes().open()
    const one = first.lifechart.actors.spawn(counter, { id: 'a' })
    await one.started
    const followed = (await second.lifechart.actors.get(counter, 'a'))!
    const steps = followed.steps()
    second.store.deaf = true
    for (let i = 0; i < 3; i++) await one.dispatch({ type: 'count' })
    runtimes().crash(first)
    const sent = followed.dispatch({ type: 'count' })
    await runtimes().clock.advance(2 * ttl)
    second.store.deaf = false
    expect((await sent).context.n).toBe(4)
    await followed.dispatch({ type: 'stop' })
    const numbers: number[] = []
    for await (const step of steps) if (step.type === 'step') numbers.push(step.seq)
    expect(numbers).toEqual([1, 2, 3, 4, 5, 6, 7])
    expect(await followed.ended).toBe(4)
  })

  it('whose attempt to take over comes too late goes on following', async () => {
    const first = await runtimes().open()
    const [second, third] = [await runtimes().open(), await runtimes().open()]
    await first.lifechart.actors.spawn(counter, { id: 'a' }).started
    const followed = (await second.lifechart.actors.get(counter, 'a'))!
    runtimes().crash(first)
    await runtimes().clock.advance(ttl - 1)
    second.store.hold()
    await runtimes().clock.advance(2_000)
    const answer = second.lifechart.actors.get(counter, 'a')
    await settled()
    expect(second.store.holding).toBe(1)
    const taken = await third.lifechart.actors.get(counter, 'a')
    second.store.release()
    expect(await answer).toBe(followed)
    expect(second.lifechart.kernel.size).toBe(0)
    await taken?.dispatch({ type: 'count' })
    await settled()
    expect(followed.snapshot.context.n).toBe(1)
    expect(await published(followed)).toEqual(['1 start lifechart.start', '2 restore lifechart.restore', '3 command count'])
    expect((await followed.dispatch({ type: 'count' })).context.n).toBe(2)
    expect(second.environment.log.filter(({ level }) => level !== 'info')).toEqual([])
  })
})
