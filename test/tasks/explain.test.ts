import { expect, it } from 'vitest'
import { processes } from '../runs/support.ts'
import { agent, deferred, says, state, taskOf } from './support.ts'

const house = processes({ durable: true })
const codes = (found: { code: string }[]) => found.map(({ code }) => code)

it('explain says of a task what it waits for: its executor, requests before others, its user, its end', async () => {
  const { lifechart } = await house.open()
  const gate = deferred()
  lifechart.tasks.define(
    'asks',
    agent(async script => {
      if (script.context.task) return void script.status(state.TASK_STATE_COMPLETED)
      script.task()
      await gate.promise
      script.status(state.TASK_STATE_INPUT_REQUIRED)
    }),
    { interruptedTimeout: 60_000 },
  )
  const { id } = taskOf(await lifechart.tasks.send('asks', says('go'), { returnImmediately: true }))
  expect(codes(await lifechart.explain(id))).toEqual(['executing'])
  const queued = lifechart.tasks.send('asks', says('more', { taskId: id }))
  await expect.poll(async () => codes(await lifechart.explain(id))).toEqual(['executing', 'waiting'])
  gate.resolve()
  await queued
  expect(codes(await lifechart.explain(id))).toEqual(['ended'])
  const asked = taskOf(await lifechart.tasks.send('asks', says('go')))
  await expect.poll(() => lifechart.stats()['tasks.live']).toBe(0)
  expect(await lifechart.explain(asked.id)).toMatchObject([{ code: 'parked', until: house.clock.now() + 60_000 }])
  const followed = lifechart.tasks.subscribe(asked.id)
  const next = followed.next()
  await expect.poll(async () => codes(await lifechart.explain(asked.id))).toEqual(['waiting', 'timer'])
  await followed.return()
  await next
})
