import { describe, expect, it } from 'vitest'
import type { Producer } from '../../src/runs/producer.ts'
import { settled } from '../../src/testing/simulated-clock.ts'
import { aborted, chunks, codeOf, collect, deaf, emits, emitsAndStays, latch, patient, processes } from './support.ts'

const house = processes()

/** Producers that note when they begin and when they are through with their clean-up. */
function noted() {
  const log: string[] = []
  let at = 0
  let most = 0
  const producer =
    (name: string, cleanUp: () => Promise<unknown> = () => settled(2)): Producer =>
    async ({ signal }) => {
      log.push(`${name} begins`)
      most = Math.max(most, ++at)
      await aborted(signal)
      await cleanUp()
      at--
      log.push(`${name} is through`)
    }
  return { log, producer, most: () => most }
}

describe('a start while a run of the id is in flight', () => {
  it('interrupts it by default, and begins when its clean-up is over', async () => {
    const { runs } = await house.open()
    const { log, producer } = noted()
    const go = latch()
    const first = runs.start(
      'chat',
      producer('A', () => go.opened),
    )
    await first.started
    await settled()
    const second = runs.start('chat', producer('B'))
    await settled()
    expect([first.status, second.status]).toEqual(['stopping', 'waiting'])
    expect(log).toEqual(['A begins'])
    go.open()
    await first.ended
    await settled()
    expect(log).toEqual(['A begins', 'A is through', 'B begins'])
    expect(await collect(first.subscribe())).toContainEqual({
      seq: 3,
      type: 'end',
      status: 'stopped',
      reason: 'replaced',
      by: second.runId,
    })
    await second.stop()
    expect((await collect(second.subscribe())).map(event => (event.type === 'state' ? event.state : event.type))).toEqual([
      'waiting',
      'running',
      'stopping',
      'end',
    ])
  })

  it('waits for all runs before it: of A, B and C no two are ever at work', async () => {
    const { runs } = await house.open()
    const { log, producer, most } = noted()
    const go = latch()
    const a = runs.start(
      'chat',
      producer('A', () => go.opened),
    )
    await settled()
    const b = runs.start('chat', producer('B'))
    const c = runs.start('chat', producer('C'))
    expect(await b.ended).toMatchObject({ status: 'stopped', reason: 'replaced', by: c.runId })
    await settled()
    expect([a.status, c.status]).toEqual(['stopping', 'waiting'])
    go.open()
    await a.ended
    await settled()
    await c.stop()
    expect(log).toEqual(['A begins', 'A is through', 'C begins', 'C is through'])
    expect(most()).toBe(1)
  })

  it('does not wait for a producer that was given up: that one counts as gone', async () => {
    const { runs, clock } = await house.open()
    const first = runs.start('chat', deaf)
    await first.started
    const second = runs.start('chat', emits('b'))
    await clock.advance(5_000)
    expect(await first.ended).toMatchObject({ status: 'stopped', reason: 'replaced', forced: true })
    expect(await second.ended).toMatchObject({ status: 'done' })
  })

  it('may queue up behind it instead', async () => {
    const { runs } = await house.open()
    const go = latch()
    const order: string[] = []
    const a = runs.start('chat', async () => {
      await go.opened
      order.push('A')
    })
    const b = runs.start('chat', () => void order.push('B'), { policy: 'enqueue' })
    const c = runs.start('chat', () => void order.push('C'), { policy: 'enqueue' })
    await c.started
    await settled()
    expect([a.status, b.status, c.status]).toEqual(['running', 'waiting', 'waiting'])
    go.open()
    await c.ended
    expect(order).toEqual(['A', 'B', 'C'])
    expect(await a.ended).toMatchObject({ status: 'done' })
  })

  it('may be refused instead, with the run that is in the way', async () => {
    const { runs } = await house.open()
    const first = runs.start('chat', patient)
    expect(() => runs.start('chat', patient, { policy: 'reject' })).toThrow(
      expect.objectContaining({ code: 'RUN_IN_FLIGHT', details: { runId: first.runId } }),
    )
    await first.stop()
    const second = runs.start('chat', emits('b'), { policy: 'reject' })
    expect(await second.ended).toMatchObject({ status: 'done' })
  })

  it('may share it instead', async () => {
    const { runs } = await house.open()
    let opened = 0
    const first = runs.start('chat', emitsAndStays('a'))
    expect(runs.start('chat', () => void opened++, { policy: 'share' })).toBe(first)
    await first.stop()
    const second = runs.start('chat', () => void opened++, { policy: 'share' })
    expect(second).not.toBe(first)
    await second.ended
    expect(opened).toBe(1)
  })

  it('of another id is left in peace', async () => {
    const { runs } = await house.open()
    const one = runs.start('one', patient)
    const two = runs.start('two', patient)
    await Promise.all([one.started, two.started])
    expect([one.status, two.status]).toEqual(['running', 'running'])
  })

  it('with a policy or an option that there is not is refused', async () => {
    const { runs } = await house.open()
    expect(() => runs.start('chat', patient, { policy: 'queue' as never })).toThrow(codeOf('INVALID_OPTION'))
    expect(() => runs.start('chat', patient, { orphan: 'ignore' as never })).toThrow(codeOf('INVALID_OPTION'))
    expect(() => runs.start('chat', patient, { durability: 'some' as never })).toThrow(codeOf('INVALID_OPTION'))
    expect(() => runs.start('chat', patient, { limits: { wallTimeout: -1 } })).toThrow(codeOf('INVALID_OPTION'))
    expect(() => runs.start('chat', patient, { limits: { wallTimeOut: 1 } as never })).toThrow(codeOf('INVALID_OPTION'))
    expect(() => runs.start('chat', patient, { owner: 7 as never })).toThrow(codeOf('INVALID_OPTION'))
    for (const none of [undefined, null, 'text', { typ: 'count' }, []]) {
      expect(() => runs.start('chat', none as never)).toThrow(codeOf('INVALID_OPTION'))
    }
    const run = runs.start('chat', patient, { limits: { idleTimeout: undefined } as never })
    await expect(run.stop({ reason: 'because' as never })).rejects.toEqual(codeOf('INVALID_OPTION'))
    await expect(runs.stop('chat', { reason: 'because' as never })).rejects.toEqual(codeOf('INVALID_OPTION'))
    await run.started
    expect(run.status).toBe('running')
  })

  it('keeps the lane also when some of its runs are not stored', async () => {
    const { runs, lifechart } = await house.open()
    const { log, producer, most } = noted()
    const a = runs.start('chat', producer('A'))
    await a.started
    await settled()
    const b = runs.start('chat', producer('B'), { durability: 'none' })
    await a.ended
    await settled()
    const c = runs.start('chat', producer('C'))
    await b.ended
    await settled()
    expect(await runs.get('chat')).toMatchObject({ runId: c.runId, status: 'running' })
    await c.stop()
    expect(log).toEqual(['A begins', 'A is through', 'B begins', 'B is through', 'C begins', 'C is through'])
    expect(most()).toBe(1)
    expect(lifechart.stats()['streams.followed']).toBe(0)
  })
})

describe('what belongs to an old run', () => {
  it('its timers never touch the new one', async () => {
    const { runs, clock } = await house.open()
    const limits = { wallTimeout: 10_000, idleTimeout: 8_000 }
    const first = runs.start('chat', patient, { limits })
    await first.started
    await clock.advance(5_000)
    const second = runs.start('chat', patient)
    await first.ended
    await clock.advance(60_000)
    expect(second.status).toBe('running')
  })

  it('a late subscriber and a late write of it never reach the new one', async () => {
    const { runs, clock } = await house.open()
    const go = latch()
    const late = latch<boolean>()
    const first = runs.start('chat', async ({ emit }) => {
      await go.opened
      late.open(await emit('from the old one'))
    })
    await first.started
    const second = runs.start('chat', emitsAndStays('new'), { attached: true })
    await clock.advance(5_000)
    await first.ended
    const old = runs.subscribe('chat', { runId: first.runId })
    await old.next()
    await old.return()
    go.open()
    expect(await late.opened).toBe(false)
    await settled()
    expect(second.status).toBe('running')
    await second.stop()
    expect(chunks(await collect(second.subscribe()))).toEqual(['new'])
  })
})
