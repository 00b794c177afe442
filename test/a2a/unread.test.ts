import { ServerCallContext } from '@a2a-js/sdk/server'
import { a2aRequestHandler } from 'lifechart/a2a'
import { expect, it } from 'vitest'
import { settled } from '../../src/testing/simulated-clock.ts'
import { processes } from '../runs/support.ts'
import { deferred, state } from '../tasks/support.ts'
import { does } from './executors.ts'
import { agentCard, send, taskIn } from './servers.ts'

const house = processes()

it('a stream that is left before it is read does not keep its task in memory', async () => {
  const { lifechart } = await house.open()
  const executor = does(script => {
    script.task()
    script.status(state.TASK_STATE_INPUT_REQUIRED)
  })
  const handler = a2aRequestHandler({ lifechart, executor, agentCard })
  const { id } = taskIn(await handler.sendMessage(send('go'), new ServerCallContext()))
  await settled()
  expect(lifechart.stats()['tasks.live']).toBe(0)
  const stream = handler.resubscribe({ id, tenant: '' }, new ServerCallContext())
  await settled()
  expect(lifechart.stats()['tasks.live']).toBe(1)
  await stream.return()
  await settled()
  expect(lifechart.stats()['tasks.live']).toBe(0)
})

it('a stream that is left before there is anything to tell ends at once', async () => {
  const { lifechart } = await house.open()
  const gate = deferred()
  const executor = does(async script => {
    await gate.promise
    script.task()
    script.status(state.TASK_STATE_INPUT_REQUIRED)
  })
  const handler = a2aRequestHandler({ lifechart, executor, agentCard })
  const stream = handler.sendMessageStream(send('go'), new ServerCallContext())
  const first = stream.next()
  await stream.return()
  expect(await first).toEqual({ value: undefined, done: true })
  gate.resolve()
  await settled()
  expect(lifechart.stats()).toMatchObject({ 'tasks.created': 1, 'tasks.live': 0 })
})
