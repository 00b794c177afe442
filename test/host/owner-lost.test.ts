import { describe, expect, it } from 'vitest'
import { type AnyMachineSnapshot, fromCallback, setup } from 'xstate'
import type { ChartSpec } from '../../src/kernel/host/chart.ts'
import type { Kernel } from '../../src/kernel/kernel.ts'
import { settled } from '../../src/testing/simulated-clock.ts'
import { freshRuntimes } from '../support/runtimes.ts'

const runtimes = freshRuntimes()
const presentation = { project: (entry: unknown) => entry, gap: () => undefined }

/** A chart that is told when its owner was lost, and what it did. */
function spec(done: string[]): ChartSpec {
  const machine = setup({
    types: { events: {} as { type: 'owner.lost'; resume: boolean } },
    actors: {
      work: fromCallback(() => {
        done.push('work started')
        return () => void done.push('work stopped')
      }),
      recovery: fromCallback(() => void done.push('recovery started')),
    },
    actions: { note: (_, params: string) => done.push(params), explode: () => (done.push('explode') && undefined) ?? raise() },
    guards: { resumes: ({ event }) => event.resume },
  }).createMachine({
    id: 'told',
    initial: 'working',
    states: {
      working: {
        invoke: { src: 'work', id: 'work' },
        on: {
          'owner.lost': [
            { guard: 'resumes', target: 'recovering', actions: ['explode', { type: 'note', params: 'resumed' }] },
            { target: 'ended', actions: { type: 'note', params: 'given up' } },
          ],
        },
      },
      recovering: { invoke: { src: 'recovery', id: 'recovery' } },
      ended: { entry: { type: 'note', params: 'ended' }, type: 'final' },
    },
  })
  return {
    machine,
    kind: 'told',
    takeover: (_snapshot, _stored, facts) => ({ type: 'owner.lost', resume: (facts as { resume: boolean }).resume }),
  }
}

function raise(): never {
  throw new Error('boom')
}

async function lost(resume: boolean) {
  const done: string[] = []
  const told = spec(done)
  const first = await runtimes().open()
  const use = (kernel: Kernel) => kernel.register({ kinds: ['told'], adopt: async () => false })
  use(first.lifechart.kernel)
  const one = first.lifechart.kernel.create('told/a', told, presentation, undefined)
  one.journal.facts = { resume }
  await one.open()
  runtimes().crash(first)
  done.length = 0
  await runtimes().clock.advance(15_000)
  const second = await runtimes().open()
  const { kernel } = second.lifechart
  use(kernel)
  const host = kernel.takeOver((await kernel.adapter.load('told/a'))!, told, presentation)
  return { host, done, kernel, ...second }
}

describe('a chart that is told that its owner was lost', () => {
  it('decides before anything of it starts, and starts from what it decided', async () => {
    const { host, done, store } = await lost(true)
    store.hold()
    const opening = host.open()
    await settled()
    expect(done).toEqual([])
    store.release()
    await opening
    expect((host.snapshot as AnyMachineSnapshot).value).toBe('recovering')
    expect(done).toContain('recovery started')
    expect(done).not.toContain('work started')
    expect(host.journal.attempt).toBe(2)
  })

  it('goes on although an action of that step throws', async () => {
    const { host, done, environment } = await lost(true)
    await host.open()
    expect(done).toEqual(['recovery started', 'explode'])
    expect(host.snapshot.status).toBe('active')
    expect(environment.log).toContainEqual(expect.objectContaining({ level: 'error', message: expect.stringContaining('action threw') }))
  })

  it('may end with it: its actions are performed, nothing of it starts, and the end is stored', async () => {
    const { host, done, kernel } = await lost(false)
    await host.open()
    expect(done).toEqual(['given up', 'ended'])
    expect(host.over).toBe(true)
    expect(kernel.size).toBe(0)
    expect(await kernel.adapter.load('told/a')).toMatchObject({ version: 2, index: { live: false } })
  })
})
