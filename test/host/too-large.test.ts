import { describe, expect, it } from 'vitest'
import { fromCallback, fromPromise, setup } from 'xstate'
import { settled } from '../../src/testing/simulated-clock.ts'
import { freshRuntimes } from '../support/runtimes.ts'

const runtimes = freshRuntimes()
const large = () => 'x'.repeat(9 * 1024 * 1024)

describe('what no commit can hold', () => {
  it.each([
    ['the output of a child', fromPromise(async () => large())],
    ['the error of a child', fromPromise(() => Promise.reject(new Error(large())))],
    ['what a child sends', fromCallback(({ sendBack }) => sendBack({ type: 'told', text: large() }))],
  ])('ends the lifecycle as an error, and that is committed: %s', async (_name, src) => {
    const chart = setup({ actors: { src } }).createMachine({
      id: 'full',
      initial: 'a',
      states: { a: { invoke: { id: 'c', src: 'src', onDone: 'z', onError: 'z' }, on: { told: 'z' } }, z: { type: 'final' } },
    })
    const { lifechart, environment } = await runtimes().open()
    const one = lifechart.actors.spawn(chart, { id: 'a' })
    await expect(one.ended).rejects.toMatchObject({ code: 'CHART_FAULT', cause: { code: 'COMMIT_TOO_LARGE' } })
    await settled()
    const stored = await lifechart.kernel.adapter.load('lifecycle/full/a')
    expect(stored).toMatchObject({ version: 2, index: { live: false } })
    expect(JSON.parse(stored?.state ?? '').snapshot).toMatchObject({
      status: 'error',
      error: { message: expect.stringContaining('bytes') },
    })
    const steps = one.steps({ after: 1 })
    const { event } = (await steps.next()).value as { event: object }
    expect(Object.keys(event).sort()).toEqual(['fault', 'type'])
    expect(lifechart.kernel.size).toBe(0)
    expect(JSON.stringify(environment.log).length).toBeLessThan(10_000)
  })

  it('refuses a command, and the lifecycle goes on', async () => {
    const chart = setup({ types: { events: {} as { type: 'tell'; text: string } } }).createMachine({
      id: 'full',
      on: { tell: { actions: () => undefined } },
    })
    const { lifechart } = await runtimes().open()
    const one = lifechart.actors.spawn(chart, { id: 'a' })
    await expect(one.dispatch({ type: 'tell', text: large() })).rejects.toMatchObject({ code: 'COMMIT_TOO_LARGE' })
    await expect(one.dispatch({ type: 'tell', text: 'less' })).resolves.toMatchObject({ status: 'active' })
  })
})
