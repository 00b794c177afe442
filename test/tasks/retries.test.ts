import { expect, it } from 'vitest'
import { processes } from '../runs/support.ts'
import { agent, nameOf, says, state, taskOf, textOf } from './support.ts'

const house = processes({ durable: true })

/** An executor that throws so often before it completes. */
const failing = (times: number) => {
  const attempts: number[] = []
  const executor = agent(script => {
    attempts.push(script.context.attempt)
    if (!script.context.task) script.task()
    script.status(state.TASK_STATE_WORKING)
    if (attempts.length <= times) throw new Error('not yet')
    script.status(state.TASK_STATE_COMPLETED, 'at last')
  })
  return { attempts, executor }
}

it('an executor that throws is tried again after a while that doubles; who waits gets the outcome of the last try', async () => {
  const { lifechart, clock } = await house.open()
  const { attempts, executor } = failing(2)
  lifechart.tasks.define('failing', executor, { retry: { max: 2, backoff: 1_000 } })
  let outcome: string | undefined
  const sent = lifechart.tasks.send('failing', says('go')).then(task => {
    outcome = nameOf(taskOf(task).status?.state)
    return taskOf(task)
  })
  const tried = async (passes: number, times: number) => {
    await clock.advance(passes)
    await expect.poll(() => attempts.length).toBe(times)
    expect(outcome).toBeUndefined()
  }
  await tried(0, 1)
  await tried(999, 1)
  const [{ id = '' } = {}] = lifechart.kernel.hosts()
  expect(await lifechart.explain(id)).toMatchObject([
    { text: 'Its executor threw, and is tried again after a while.' },
    {},
    { code: 'timer' },
  ])
  await tried(1, 2)
  await tried(1_999, 2)
  await clock.advance(1)
  const task = await sent
  expect(attempts).toEqual([1, 2, 3])
  expect(outcome).toBe('completed')
  expect(textOf(task.status?.message?.parts ?? [])).toBe('at last')
  expect(task.history.filter(({ role }) => role === 1)).toHaveLength(1)
})

it('a task whose executor throws once more than it is tried again has failed', async () => {
  const { lifechart, clock } = await house.open()
  const { attempts, executor } = failing(9)
  lifechart.tasks.define('failing', executor, { retry: { max: 1, backoff: 1_000 } })
  const sent = lifechart.tasks.send('failing', says('go'))
  await expect.poll(() => attempts.length).toBe(1)
  await clock.advance(1_000)
  expect(nameOf(taskOf(await sent).status?.state)).toBe('failed')
  expect(attempts).toEqual([1, 2])
})

it('a task that waits for its next try is tried by the next process when its own is gone', async () => {
  const first = await house.open()
  const one = failing(9)
  first.lifechart.tasks.define('failing', one.executor, { retry: { max: 3, backoff: 60_000 } })
  const { id } = taskOf(await first.lifechart.tasks.send('failing', says('go'), { returnImmediately: true }))
  await expect.poll(() => first.lifechart.stats()['tasks.parked']).toBe(1)
  first.lifechart.kernel.crash()
  const second = await house.open()
  const other = failing(0)
  second.lifechart.tasks.define('failing', other.executor, { retry: { max: 3, backoff: 60_000 } })
  await house.clock.advance(61_000)
  await expect.poll(async () => nameOf((await second.lifechart.tasks.get(id)).status?.state)).toBe('completed')
  expect(other.attempts).toEqual([2])
})
