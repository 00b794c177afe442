import { describe, expect, it } from 'vitest'
import { assign, fromCallback, setup } from 'xstate'
import type { AdapterSource, PersistenceAdapter } from '../../src/kernel/port.ts'
import type { ProducerContext } from '../../src/runs/producer.ts'
import { settled } from '../../src/testing/simulated-clock.ts'
import { busy } from '../support/faulty-adapter.ts'
import { freshRuntimes, type Runtime, Runtimes } from '../support/runtimes.ts'

const runtimes = freshRuntimes()
const ttl = 15_000
const day = 24 * 60 * 60 * 1000

/** Waits for somebody; every second one has a deadline as well. */
const waiting = setup({
  types: { context: {} as { limit: number | null; n: number }, input: {} as { limit: number | null }, events: {} as { type: 'count' } },
  actions: { count: assign({ n: ({ context }) => context.n + 1 }) },
  delays: { limit: ({ context }) => context.limit ?? Number.POSITIVE_INFINITY },
}).createMachine({
  id: 'waiting',
  context: ({ input }) => ({ ...input, n: 0 }),
  initial: 'on',
  states: { on: { on: { count: { actions: 'count' } }, after: { limit: 'off' } }, off: {} },
})

function workingChart(starts: string[] = []) {
  return setup({
    actors: {
      work: fromCallback(() => {
        starts.push('started')
        return () => void starts.push('stopped')
      }),
    },
  }).createMachine({ id: 'worker', invoke: { src: 'work', id: 'w' }, initial: 'a', states: { a: { on: { go: 'b' } }, b: {} } })
}

/** The adapter, seen by one runtime: `wrap` changes what it is given. */
function seen(source: AdapterSource, wrap: (adapter: PersistenceAdapter) => Partial<PersistenceAdapter>): AdapterSource {
  return {
    ...source,
    async open(environment) {
      const adapter = await source.open(environment)
      return { ...adapter, ...wrap(adapter) }
    },
  }
}

/** Counts what a runtime asks of its store, and how many streams it is shown. */
function counted(source: AdapterSource) {
  const counts = { queries: 0, shown: 0, loads: 0, reads: 0, commits: 0 }
  const adapter = seen(source, ({ query, load, read, commit }) => ({
    async query(asked) {
      counts.queries++
      const page = await query(asked)
      counts.shown += page.items.length
      return page
    },
    load(at) {
      counts.loads++
      return load(at)
    },
    read(stream, page) {
      counts.reads++
      return read(stream, page)
    },
    commit(asked) {
      counts.commits++
      return commit(asked)
    },
  }))
  return { adapter, counts }
}

async function park({ lifechart }: Runtime, id: string, limit: number | null): Promise<void> {
  const one = lifechart.actors.spawn(waiting, { id, input: { limit } })
  await one.started
  await one[Symbol.asyncDispose]()
}

async function parkMany(runtime: Runtime, total: number): Promise<void> {
  await Promise.all(Array.from({ length: total }, (_, i) => park(runtime, `${i}`, i % 2 ? day : null)))
}

describe('the regular sweep', () => {
  /** What a minute of doing nothing costs beside so many parked lifecycles. */
  async function idleMinute(total: number, parks: 'here' | 'before') {
    const house = new Runtimes()
    const { clock } = house
    const { adapter, counts } = counted(house.memory)
    const former = await house.open()
    if (parks === 'before') await parkMany(former, total)
    await former.lifechart.close()
    const runtime = await house.open({ adapter, charts: [waiting] })
    if (parks === 'here') await parkMany(runtime, total)
    await clock.advance(2 * ttl)
    const { ...before } = counts
    const { 'lifecycles.takeovers': looked = 0 } = runtime.lifechart.stats()
    await clock.advance(60_000)
    const { 'lifecycles.takeovers': lookedAt = 0, 'timers.armed': timers, 'lifecycles.left': left } = runtime.lifechart.stats()
    await runtime.lifechart.close()
    const cost = {
      queries: counts.queries - before.queries,
      shown: counts.shown - before.shown,
      others: counts.loads + counts.reads + counts.commits - before.loads - before.reads - before.commits,
      looked: lookedAt - looked,
    }
    return { cost, timers, left }
  }

  it.each(['before', 'here'] as const)('costs as much beside two thousand parked lifecycles as beside two (parked %s)', async parks => {
    const few = await idleMinute(2, parks)
    const many = await idleMinute(2_000, parks)
    expect(many.cost).toEqual(few.cost)
    // Of each sweep a look for orphans, and the one earliest deadline.
    expect(many.cost).toEqual({ queries: 16, shown: 8, others: 0, looked: 0 })
    expect(many.left).toBe(0)
    expect(many.timers).toBeLessThan(100)
  })

  it('looks at an orphan that it leaves once, and remembers it no longer than it is one', async () => {
    const [first, second] = [await runtimes().open(), await runtimes().open({ charts: [waiting] })]
    for (let i = 0; i < 20; i++) await first.lifechart.actors.spawn(waiting, { id: `${i}`, input: { limit: day } }).started
    runtimes().crash(first)
    await runtimes().clock.advance(2 * ttl)
    expect(second.lifechart.stats()).toMatchObject({ 'lifecycles.left': 20, 'lifecycles.takeovers': 20, 'lifecycles.loaded': 0 })
    await runtimes().clock.advance(60_000)
    expect(second.lifechart.stats()).toMatchObject({ 'lifecycles.left': 20, 'lifecycles.takeovers': 20 })
    for (let i = 0; i < 20; i++) await (await second.lifechart.actors.get(waiting, `${i}`))?.[Symbol.asyncDispose]()
    await runtimes().clock.advance(ttl)
    expect(second.lifechart.stats()).toMatchObject({ 'lifecycles.left': 0, 'lifecycles.loaded': 0 })
  })

  it('takes over what was parked at work when a lifecycle of its chart is asked for here for the first time', async () => {
    const starts: string[] = []
    const chart = workingChart(starts)
    const [first, second] = [await runtimes().open(), await runtimes().open()]
    await first.lifechart.actors.spawn(chart, { id: 'a' }).started
    await first.lifechart.close()
    await runtimes().clock.advance(ttl)
    expect(second.lifechart.kernel.size).toBe(0)
    expect(await second.lifechart.actors.get(chart, 'b')).toBeUndefined()
    await runtimes().clock.advance(ttl / 2)
    expect(second.lifechart.kernel.size).toBe(1)
    expect(starts).toEqual(['started', 'stopped', 'started'])
  })

  it('tries again what could not be looked at', async () => {
    const chart = workingChart()
    const [first, second] = [await runtimes().open(), await runtimes().open({ charts: [chart] })]
    await first.lifechart.actors.spawn(chart, { id: 'a' }).started
    await settled()
    second.store.fail('load', busy(), 2)
    await first.lifechart.close()
    await runtimes().clock.advance(ttl / 2)
    expect(second.lifechart.kernel.size).toBe(0)
    await runtimes().clock.advance(ttl / 2)
    expect(second.lifechart.kernel.size).toBe(1)
  })
})

describe('what its owner gave back with something under way', () => {
  it('is gone on with elsewhere within a second', async () => {
    const starts: string[] = []
    const chart = workingChart(starts)
    const [first, second] = [await runtimes().open(), await runtimes().open({ charts: [chart] })]
    const one = first.lifechart.actors.spawn(chart, { id: 'a' })
    await one.dispatch({ type: 'go' })
    await runtimes().clock.advance(10 * ttl)
    await first.lifechart.close()
    await runtimes().clock.advance(1_000)
    expect(starts).toEqual(['started', 'stopped', 'started'])
    expect(second.lifechart.kernel.size).toBe(1)
  })

  it('is gone on with by the same runtime when there is no other', async () => {
    const starts: string[] = []
    const chart = workingChart(starts)
    const only = await runtimes().open()
    const one = only.lifechart.actors.spawn(chart, { id: 'a' })
    await one.started
    await one[Symbol.asyncDispose]()
    expect(starts).toEqual(['started', 'stopped'])
    await runtimes().clock.advance(1_000)
    expect(starts).toEqual(['started', 'stopped', 'started'])
  })

  it('is gone on with at the next sweep by a runtime that only hears that something changed', async () => {
    const chart = workingChart()
    const first = await runtimes().open()
    const adapter = seen(runtimes().memory, ({ watch }) => ({ watch: listener => watch(() => listener('all')) }))
    const second = await runtimes().open({ adapter, charts: [chart] })
    await first.lifechart.actors.spawn(chart, { id: 'a' }).started
    await runtimes().clock.advance(2 * ttl)
    await first.lifechart.close()
    await runtimes().clock.advance(ttl / 2)
    expect(second.lifechart.kernel.size).toBe(1)
  })

  it('is a run, which is resumed within a second', async () => {
    const [first, second] = [await runtimes().open(), await runtimes().open()]
    for (const { lifechart } of [first, second]) lifechart.runs.define('tick', ticking)
    first.lifechart.runs.start('chat', { type: 'tick' }, { orphan: 'resume' })
    await runtimes().clock.advance(10 * ttl)
    await first.lifechart.close()
    await runtimes().clock.advance(1_000)
    expect(second.lifechart.stats()).toMatchObject({ 'runs.resumed': 1, 'runs.live': 1 })
  })

  it('is a run of a type that nobody has defined, which is resumed as soon as somebody does', async () => {
    const [first, second] = [await runtimes().open(), await runtimes().open()]
    first.lifechart.runs.define('tick', ticking)
    await first.lifechart.runs.start('chat', { type: 'tick' }, { orphan: 'resume' }).started
    await first.lifechart.close()
    await runtimes().clock.advance(20_000)
    expect(second.lifechart.stats()).toMatchObject({ 'runs.resumed': 0 })
    second.lifechart.runs.define('tick', ticking)
    await settled()
    expect(second.lifechart.stats()).toMatchObject({ 'runs.resumed': 1, 'runs.live': 1 })
  })
})

describe('what others write to', () => {
  it('is not looked at while they go on writing, and once when they pause', async () => {
    const { clock, memory } = runtimes()
    const { adapter, counts } = counted(memory)
    const first = await runtimes().open()
    await runtimes().open({ adapter, charts: [waiting] })
    const one = first.lifechart.actors.spawn(waiting, { id: 'a', input: { limit: day } })
    await one.started
    await clock.advance(2_000)
    const { loads } = counts
    for (let i = 0; i < 50; i++) {
      await one.dispatch({ type: 'count' })
      await clock.advance(100)
    }
    expect(counts.loads).toBe(loads)
    await clock.advance(10_000)
    expect(counts.loads).toBe(loads + 1)
  })
})

/** At work until it is told to stop. */
function ticking({ signal }: ProducerContext): Promise<void> {
  return new Promise(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
}
