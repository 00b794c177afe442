import { describe, expect, it } from 'vitest'
import { settled } from '../../src/testing/simulated-clock.ts'
import { aborted, codeOf, errorOf, latch, type Process, processes } from './support.ts'

const house = processes()

/** A is at work in the first process and cleans up until it is let go; B waits for it in the second. */
async function chain() {
  const one = await house.open()
  const two = await house.open()
  const three = await house.open()
  const go = latch()
  const a = one.runs.start('chat', async ({ signal }) => {
    await aborted(signal)
    await go.opened
  })
  await a.started
  await settled()
  const b = two.runs.start('chat', () => undefined)
  await b.started
  await settled()
  expect([a.status, b.status]).toEqual(['stopping', 'waiting'])
  return { one, two, three, a, b, go: go.open }
}

const places: ['one' | 'two' | 'three', string][] = [
  ['one', 'where A is'],
  ['two', 'where B is'],
  ['three', 'elsewhere'],
]

describe('A at work, B waiting for it in another process, and then C', () => {
  it.each(places)('started in process %s (%s), while B waits: C begins when A is through', async place => {
    const all = await chain()
    let opened = 0
    const c = (all[place] as Process).runs.start('chat', () => void opened++)
    await c.started
    await settled()
    expect(await all.b.ended).toMatchObject({ status: 'stopped', reason: 'replaced', by: c.runId })
    expect({ status: c.status, opened }).toEqual({ status: 'waiting', opened: 0 })
    all.go()
    expect(await c.ended).toMatchObject({ status: 'done' })
    expect(opened).toBe(1)
  })

  it.each(places)('started in process %s (%s), after B was stopped: C begins when A is through', async place => {
    const all = await chain()
    expect(await all.b.stop()).toBe(true)
    let opened = 0
    const c = (all[place] as Process).runs.start('chat', () => void opened++)
    await c.started
    await settled()
    expect({ status: c.status, opened }).toEqual({ status: 'waiting', opened: 0 })
    all.go()
    expect(await c.ended).toMatchObject({ status: 'done' })
  })

  it.each(places)('started in process %s (%s) by reject, after B was stopped: C is refused, for A is in flight', async place => {
    const all = await chain()
    await all.b.stop()
    const refused = await errorOf(() => (all[place] as Process).runs.start('chat', () => undefined, { policy: 'reject' }).started)
    expect(refused).toEqual(codeOf('RUN_IN_FLIGHT'))
    expect(refused).toMatchObject({ details: { runId: all.a.runId } })
  })

  it('a run behind one that has executed waits for nothing that is long over', async () => {
    const { go, b, two } = await chain()
    go()
    await b.ended
    const c = two.runs.start('chat', () => undefined)
    await c.started
    expect(c.status).toBe('running')
    expect(await c.ended).toMatchObject({ seq: 2, status: 'done' })
  })
})
