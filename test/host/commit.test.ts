import { describe, expect, it } from 'vitest'
import { assign, fromCallback, setup } from 'xstate'
import type { LifechartError } from '../../src/errors.ts'
import { settled } from '../../src/testing/simulated-clock.ts'
import { busy } from '../support/faulty-adapter.ts'
import { freshRuntimes, published } from '../support/runtimes.ts'

const runtimes = freshRuntimes()

const counter = setup({ types: { context: {} as { n: number } } }).createMachine({
  id: 'counter',
  context: { n: 0 },
  initial: 'on',
  states: {
    on: { on: { count: { actions: assign({ n: ({ context }) => context.n + 1 }) }, stop: 'off' } },
    off: { type: 'final' },
  },
})

/** What everybody who can look at a lifecycle has seen of it. */
async function watched(id = 'a') {
  const runtime = await runtimes().open()
  const lifecycle = runtime.lifechart.actors.spawn(counter, { id })
  await lifecycle.started
  const seen: string[] = []
  runtime.lifechart.transitions$.subscribe(({ event }) => seen.push(`transition ${event.type}`))
  void (async () => {
    try {
      for await (const step of lifecycle.steps({ after: 1 })) if (step.type === 'step') seen.push(`step ${step.event.type}`)
      seen.push('no more steps')
    } catch (error) {
      seen.push((error as LifechartError).code)
    }
  })()
  lifecycle.ended.then(
    () => seen.push('ended'),
    () => seen.push('parked'),
  )
  await settled()
  return { ...runtime, lifecycle, seen }
}

describe('nobody sees what is not committed', () => {
  it('while a commit is held: no step, no transition, no snapshot, no answer, no end', async () => {
    const { lifecycle, seen, store } = await watched()
    store.hold()
    const answers: string[] = []
    const counted = lifecycle.dispatch({ type: 'count' }).then(() => answers.push('counted'))
    const stopped = lifecycle.dispatch({ type: 'stop' }).then(() => answers.push('stopped'))
    await settled()
    expect(store.holding).toBe(1)
    expect([...seen, ...answers]).toEqual([])
    expect(lifecycle.snapshot).toMatchObject({ value: 'on', context: { n: 0 } })
    store.release(1)
    await counted
    await settled()
    expect(seen.sort()).toEqual(['step count', 'transition count'])
    expect(answers).toEqual(['counted'])
    expect(lifecycle.snapshot).toMatchObject({ value: 'on', context: { n: 1 } })
    store.release()
    await stopped
    await settled()
    expect(seen.sort()).toEqual(['ended', 'no more steps', 'step count', 'step stop', 'transition count', 'transition stop'])
  })

  it('has one commit of a lifecycle in flight, and those of others beside it', async () => {
    const { lifecycle, lifechart, store } = await watched()
    const other = lifechart.actors.spawn(counter, { id: 'b' })
    await other.started
    store.hold()
    const all = [...Array(5).keys()].flatMap(() => [lifecycle.dispatch({ type: 'count' }), other.dispatch({ type: 'count' })])
    await settled()
    expect(store.holding).toBe(2)
    store.release()
    await Promise.all(all)
    expect([lifecycle.snapshot.context.n, other.snapshot.context.n]).toEqual([5, 5])
  })
})

describe('a store that does not answer at once', () => {
  it('that is busy is asked again with the same commit until it takes it, and nothing runs before', async () => {
    const { lifecycle, store } = await watched()
    store.fail('commit', busy(), 3)
    const counting = lifecycle.dispatch({ type: 'count' })
    await settled()
    expect(lifecycle.snapshot.context.n).toBe(0)
    await runtimes().clock.advance(10 + 20 + 40)
    expect((await counting).context.n).toBe(1)
    const [, ...attempts] = store.commits
    expect(attempts).toHaveLength(4)
    expect(new Set(attempts.map(({ id }) => id)).size).toBe(1)
    expect(await published(lifecycle)).toEqual(['1 start lifechart.start', '2 command count'])
  })

  it('whose answer was lost is asked again with the same commit, and has applied it once', async () => {
    const { lifecycle, store, seen } = await watched()
    store.cut(2)
    const counting = lifecycle.dispatch({ type: 'count' })
    await settled()
    expect(seen).toEqual([])
    await runtimes().clock.advance(100)
    expect((await counting).context.n).toBe(1)
    expect(store.commits).toHaveLength(4)
    expect(await published(lifecycle)).toEqual(['1 start lifechart.start', '2 command count'])
    await lifecycle.dispatch({ type: 'count' })
    expect(lifecycle.snapshot.context.n).toBe(2)
  })

  it('whose answer was lost at the very first commit has created the lifecycle once', async () => {
    const { lifechart, store } = await runtimes().open()
    store.cut(1)
    const one = lifechart.actors.spawn(counter, { id: 'a' })
    await runtimes().clock.advance(10)
    await one.started
    expect(await published(one)).toEqual(['1 start lifechart.start'])
  })

  it('beyond the grace: the command is rejected as retryable, the commit goes on and lands', async () => {
    const { lifecycle, store, seen, lifechart } = await watched()
    store.fail('commit', busy(), Number.POSITIVE_INFINITY)
    const answer = lifecycle.dispatch({ type: 'count' }).catch(error => error)
    await runtimes().clock.advance(4_999)
    expect(await Promise.race([answer, Promise.resolve('open')])).toBe('open')
    expect(seen).toEqual([])
    await runtimes().clock.advance(1)
    expect(await answer).toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true, cause: { code: 'STORE_BUSY' } })
    expect(lifecycle.snapshot.context.n).toBe(0)
    expect(await lifechart.health()).toMatchObject({ status: 'failing', problems: [{ code: 'STORE_UNAVAILABLE' }] })
    store.fail('commit', busy(), 0)
    await runtimes().clock.advance(5_000)
    expect(lifecycle.snapshot.context.n).toBe(1)
    expect(await lifechart.health()).toMatchObject({ status: 'ok' })
    expect((await lifecycle.dispatch({ type: 'count' })).context.n).toBe(2)
    expect(await published(lifecycle)).toEqual(['1 start lifechart.start', '2 command count', '3 command count'])
  })

  it('beyond the grace: whoever follows is told when all that is published was read, and can follow again', async () => {
    const { lifecycle, store } = await watched()
    const steps = lifecycle.steps()
    store.hold()
    const answer = lifecycle.dispatch({ type: 'count' }).catch(error => error)
    await runtimes().clock.advance(5_000)
    expect(await answer).toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect((await steps.next()).value).toMatchObject({ seq: 1 })
    await expect(steps.next()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect(await steps.next()).toEqual({ done: true, value: undefined })
    store.release()
    await settled()
    expect(await published(lifecycle)).toEqual(['1 start lifechart.start', '2 command count'])
  })

  it('beyond the grace: a command that comes later is rejected at once, and is not kept', async () => {
    const { lifecycle, store } = await watched()
    store.hold()
    const first = lifecycle.dispatch({ type: 'count' }).catch(error => error)
    await runtimes().clock.advance(5_000)
    expect(await first).toMatchObject({ code: 'STORE_UNAVAILABLE' })
    await expect(lifecycle.dispatch({ type: 'count' })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true })
    store.release()
    await settled()
    expect(lifecycle.snapshot.context.n).toBe(1)
  })

  it('from the first commit on: the start is rejected as retryable, and lands later', async () => {
    const { lifechart, store } = await runtimes().open()
    store.hold()
    const one = lifechart.actors.spawn(counter, { id: 'a' })
    const started = one.started.catch(error => error)
    await runtimes().clock.advance(5_000)
    expect(await started).toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true })
    store.release()
    await settled()
    const found = await lifechart.actors.get(counter, 'a')
    expect((await found?.dispatch({ type: 'count' }))?.context.n).toBe(1)
  })

  it('is asked with growing pauses of at most five seconds', async () => {
    const { lifecycle, store } = await watched()
    store.fail('commit', busy(), Number.POSITIVE_INFINITY)
    lifecycle.dispatch({ type: 'count' }).catch(() => undefined)
    await runtimes().clock.advance(60_000)
    const tried = store.calls.commit
    expect(tried).toBeGreaterThan(15)
    expect(tried).toBeLessThan(30)
    store.fail('commit', busy(), 0)
    await runtimes().clock.advance(5_000)
    expect(lifecycle.snapshot.context.n).toBe(1)
  })

  it('keeps what children sent meanwhile, in order', async () => {
    let say: (n: number) => void = () => undefined
    const chart = setup({
      types: { context: {} as { heard: number[] }, events: {} as { type: 'said'; n: number } },
      actors: {
        speaker: fromCallback(({ sendBack }) => {
          say = n => sendBack({ type: 'said', n })
        }),
      },
    }).createMachine({
      id: 'listener',
      context: { heard: [] },
      invoke: { src: 'speaker', id: 'speaker' },
      on: { said: { actions: assign({ heard: ({ context, event }) => [...context.heard, event.n] }) } },
    })
    const { lifechart, store } = await runtimes().open()
    const listener = lifechart.actors.spawn(chart, { id: 'a' })
    await listener.started
    store.fail('commit', busy(), 20)
    for (let n = 1; n <= 10; n++) say(n)
    await runtimes().clock.advance(120_000)
    expect(listener.snapshot.context.heard).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  })
})

describe('publishing', () => {
  it('gives every follower each step once, in order, whenever it comes', async () => {
    const { lifecycle } = await watched()
    const early = published(lifecycle)
    for (let i = 0; i < 5; i++) await lifecycle.dispatch({ type: 'count' })
    expect(await early).toEqual(await published(lifecycle))
    expect(await published(lifecycle)).toHaveLength(6)
    const late = lifecycle.steps({ after: 4 })
    expect((await late.next()).value).toMatchObject({ seq: 5 })
    await expect(lifecycle.steps({ after: 99 }).next()).rejects.toMatchObject({ code: 'CURSOR_AHEAD' })
    await expect(lifecycle.steps({ after: -1 }).next()).rejects.toMatchObject({ code: 'CURSOR_INVALID' })
  })

  it('goes on when a transition subscriber throws', async () => {
    const { lifecycle, lifechart, environment } = await watched()
    lifechart.transitions$.subscribe(() => {
      throw new Error('bad subscriber')
    })
    await lifecycle.dispatch({ type: 'count' })
    await lifecycle.dispatch({ type: 'count' })
    await settled()
    expect(lifecycle.snapshot.context.n).toBe(2)
    expect(environment.log).toContainEqual(expect.objectContaining({ level: 'warn', message: expect.stringContaining('subscriber threw') }))
  })

  it('freezes what it shows', async () => {
    const { lifecycle } = await watched()
    const { value } = await lifecycle.steps().next()
    expect(Object.isFrozen(value)).toBe(true)
  })
})
