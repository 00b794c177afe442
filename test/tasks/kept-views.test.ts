import { describe, expect, it } from 'vitest'
import { processes } from '../runs/support.ts'
import { agent, says, state, taskOf } from './support.ts'

const house = processes({ durable: true })

/** A task of so many chunks that nobody holds any more, as it is stored, and how many records are read for it by the next process. */
async function left(chunks: number, at: number) {
  const { lifechart } = await house.open()
  lifechart.tasks.define(
    'writer',
    agent(async script => {
      for (let i = 0; i < chunks; i++) await script.artifact('a', String(i), i > 0)
      script.status(at)
    }),
  )
  const task = taskOf(await lifechart.tasks.send('writer', says('go')))
  await expect.poll(() => lifechart.stats()).toMatchObject({ 'tasks.live': 0, 'lifecycles.loaded': 0 })
  const stored = await lifechart.kernel.adapter.load(`task/${task.id}`)
  return { task, behind: (stored?.version ?? 0) - (stored?.view?.through ?? 0), next: await house.open() }
}

describe('a task that nobody holds is not folded from its beginning, however long it is', () => {
  it('when it waits for its user', async () => {
    const { task, behind, next } = await left(500, state.TASK_STATE_INPUT_REQUIRED)
    expect(behind).toBeLessThan(32)
    expect(await next.lifechart.tasks.get(task.id)).toEqual(task)
  })

  it('when it has ended', async () => {
    const { task, behind, next } = await left(500, state.TASK_STATE_COMPLETED)
    expect(behind).toBe(0)
    expect(await next.lifechart.tasks.get(task.id)).toEqual(task)
  })

  it('when it is short, its records are all there is: a view would cost more than it spares', async () => {
    const { task, behind, next } = await left(5, state.TASK_STATE_COMPLETED)
    expect(behind).toBe(7)
    expect(await next.lifechart.tasks.get(task.id)).toEqual(task)
  })
})
