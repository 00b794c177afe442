import { expect, it } from 'vitest'
import { LifechartError } from '../../src/errors.ts'
import type { Tasks } from '../../src/tasks/tasks.ts'
import { settled } from '../../src/testing/simulated-clock.ts'
import { processes } from '../runs/support.ts'
import { agent, nameOf, says, state, taskOf, textOf } from './support.ts'

const house = processes()
const asking = state.TASK_STATE_INPUT_REQUIRED

const throws = () => {
  throw new Error('of a hook')
}
const rejects = () => Promise.reject(new Error('of a hook'))

it.each([
  ['onActivated', throws],
  ['onStatus', throws],
  ['onReleased', throws],
  ['onReleased', rejects],
] as const)('a hook (%s) that throws disturbs no task, and is logged: %s', async (name, hook) => {
  const { lifechart, log } = await house.open()
  const tasks = lifechart.tasks as Tasks
  const executor = agent(script => void script.status(script.context.task ? state.TASK_STATE_COMPLETED : asking))
  tasks.define('asks', executor, {}, { [name]: hook })
  const { id: taskId, status } = taskOf(await tasks.send('asks', says('go')))
  expect(nameOf(status?.state)).toBe('input-required')
  await settled()
  expect(lifechart.stats()['tasks.live']).toBe(0)
  expect(nameOf(taskOf(await tasks.send('asks', says('more', { taskId }))).status?.state)).toBe('completed')
  await settled()
  expect(lifechart.stats()['tasks.live']).toBe(0)
  expect(JSON.stringify(log)).toContain('of a hook')
})

it('a task that could not begin is released once, and its send has the cause', async () => {
  const { lifechart, store } = await house.open()
  const tasks = lifechart.tasks as Tasks
  const released: string[] = []
  const onReleased = (taskId: string) => {
    released.push(taskId)
    throws()
  }
  const quick = agent(script => void script.status(asking))
  tasks.define('asks', quick, {}, { onReleased })
  store.fail('commit', new LifechartError('COMMIT_TOO_LARGE', 'Refused.'))
  await expect(tasks.send('asks', says('go'))).rejects.toMatchObject({ code: 'COMMIT_TOO_LARGE' })
  await settled()
  expect(released).toHaveLength(1)
  expect(lifechart.stats()['tasks.live']).toBe(0)
})

it('a task whose bus can not be made fails, with a text that is safe to show', async () => {
  const { lifechart, log } = await house.open()
  const tasks = lifechart.tasks as Tasks
  const buses = [undefined]
  const bus = () => (buses.length > 0 ? buses.pop() : throws()) as never
  const quick = agent(script => void script.status(asking))
  tasks.define('asks', quick, {}, { bus })
  const { id: taskId } = taskOf(await tasks.send('asks', says('go')))
  const { status } = taskOf(await tasks.send('asks', says('more', { taskId })))
  expect([nameOf(status?.state), textOf(status?.message?.parts ?? [])]).toEqual([
    'failed',
    'The agent failed; the cause is in the log of the server.',
  ])
  expect(JSON.stringify(log)).toContain('of a hook')
})
