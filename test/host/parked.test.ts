import { describe, expect, it } from 'vitest'
import { createMachine, setup } from 'xstate'
import { settled } from '../../src/testing/simulated-clock.ts'
import { freshRuntimes, type Runtime } from '../support/runtimes.ts'

const runtimes = freshRuntimes()

const timed = setup({
  types: { context: {} as { delay: number }, input: {} as number },
  delays: { limit: ({ context }) => context.delay },
}).createMachine({
  id: 'timed',
  context: ({ input }) => ({ delay: input }),
  initial: 'waiting',
  states: { waiting: { after: { limit: 'over' } }, over: { type: 'final' } },
})

async function park(runtime: Runtime, id: string, delay: number) {
  const one = runtime.lifechart.actors.spawn(timed, { id, input: delay })
  await one.started
  await one[Symbol.asyncDispose]()
}

async function states(runtime: Runtime): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  let cursor: string | undefined
  do {
    const page = await runtime.lifechart.kernel.adapter.query({
      kinds: ['chart/timed'],
      limit: 5_000,
      ...(cursor !== undefined && { cursor }),
    })
    for (const { index } of page.items) counts[index.state] = (counts[index.state] ?? 0) + 1
    cursor = page.next
  } while (cursor !== undefined)
  return counts
}

describe('parked lifecycles', () => {
  it('of ten thousand deadlines each fires within a second of its time, and none is loaded before', async () => {
    const total = 10_000
    const spread = 5_000
    const { clock } = runtimes()
    const first = await runtimes().open()
    const start = clock.now()
    await Promise.all(Array.from({ length: total }, (_, i) => park(first, `${i}`, 60_000 + (i % spread))))
    await first.lifechart.close()

    const fired: { late: number }[] = []
    const second = await runtimes().open({ charts: [timed] })
    second.lifechart.transitions$.subscribe(({ cause, lifecycle, at }) => {
      if (cause !== 'timer') return
      const id = Number(lifecycle.split('/').at(-1))
      fired.push({ late: at - (start + 60_000 + (id % spread)) })
    })
    await clock.advance(59_000)
    expect(second.lifechart.kernel.size).toBe(0)
    expect(second.store.calls).toMatchObject({ load: 0, read: 0, commit: 0 })

    let most = 0
    for (let passed = 0; passed < spread + 1_000; passed += 250) {
      await clock.advance(250)
      most = Math.max(most, second.lifechart.kernel.size)
    }
    await clock.advance(1_000)
    expect(fired).toHaveLength(total)
    expect(Math.max(...fired.map(({ late }) => late))).toBeLessThanOrEqual(1_000)
    expect(Math.min(...fired.map(({ late }) => late))).toBeGreaterThanOrEqual(0)
    expect(most).toBeLessThan(total / 10)
    expect(second.lifechart.kernel.size).toBe(0)
    expect(await states(second)).toEqual({ '"over"': total })
  })

  it('are woken in time by another runtime than the one that parked them', async () => {
    const other = await runtimes().open({ charts: [timed] })
    const one = await runtimes().open()
    await park(one, 'a', 3_000)
    runtimes().crash(one)
    await runtimes().clock.advance(3_000)
    expect(await states(other)).toEqual({ '"over"': 1 })
  })

  it('are woken in time though the store is asked for the next one while one more is parked', async () => {
    const runtime = await runtimes().open({ charts: [timed] })
    await park(runtime, 'late', 5_000)
    runtime.store.hold('query')
    const parking = park(runtime, 'soon', 1_000)
    await settled()
    const third = park(runtime, 'sooner', 500)
    await settled()
    runtime.store.release()
    await parking
    await third
    await runtimes().clock.advance(1_000)
    expect(await states(runtime)).toEqual({ '"over"': 2, '"waiting"': 1 })
  })

  it('that can not be read harm no others: not their start, and not their deadlines', async () => {
    const first = await runtimes().open()
    for (let i = 0; i < 20; i++) await park(first, `damaged ${i}`, 1_000)
    await park(first, 'whole', 30_000)
    for (let i = 0; i < 20; i++) {
      const stream = `lifecycle/timed/damaged ${i}`
      const version = (await first.lifechart.kernel.adapter.load(stream))?.version ?? 0
      await first.lifechart.kernel.adapter.commit({
        id: `damage ${i}`,
        changes: [{ stream, kind: 'chart/timed', expect: version, state: '{"schema":' }],
      })
    }
    await first.lifechart.close()
    const second = await runtimes().open({ charts: [timed] })
    await expect(second.lifechart.actors.get(timed, 'damaged 3')).rejects.toMatchObject({ code: 'ENVELOPE_INVALID' })
    await runtimes().clock.advance(30_000)
    expect(await states(second)).toEqual({ '"over"': 1, '"waiting"': 20 })
    const complaints = second.environment.log.filter(({ level }) => level === 'error')
    expect(complaints.length).toBeGreaterThanOrEqual(20)
    expect(complaints.length).toBeLessThan(120)
  })

  it('are given to whoever asks while their deadline wakes them', async () => {
    const chart = createMachine({
      id: 'bell',
      initial: 'waiting',
      states: { waiting: { after: { 1000: 'rung' } }, rung: { on: { hush: 'silent' } }, silent: {} },
    })
    const runtime = await runtimes().open()
    const one = runtime.lifechart.actors.spawn(chart, { id: 'a' })
    await one.started
    await one[Symbol.asyncDispose]()
    runtime.store.hold()
    await runtimes().clock.advance(1_000)
    const asked = runtime.lifechart.actors.get(chart, 'a')
    await settled()
    runtime.store.release()
    const again = await asked
    await again?.dispatch({ type: 'hush' }).catch(() => undefined)
    await settled()
    expect(again?.snapshot.value).toBe('silent')
  })
})
