import { EventEmitter } from 'node:events'
import { ServerCallContext, UnauthenticatedUser } from '@a2a-js/sdk/server'
import { a2aRequestHandler, connectionAware } from 'lifechart/a2a'
import { expect, it } from 'vitest'
import { settled } from '../../src/testing/simulated-clock.ts'
import { processes } from '../runs/support.ts'
import { brief, deferred, state } from '../tasks/support.ts'
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

/** A response, or a call, that is full until the test says otherwise. */
class Outlet extends EventEmitter {
  writableNeedDrain = false
  destroyed = false
  cancelled = false
}

/** A context as the SDK's transports make it. */
async function over(source: object): Promise<ServerCallContext> {
  return new ServerCallContext({ user: await connectionAware(async () => new UnauthenticatedUser())(source) })
}

it.each(['close', 'cancelled'] as const)('a stream whose connection is full gives nothing, and ends when that says "%s"', async how => {
  const { lifechart } = await house.open()
  const executor = does(script => {
    script.task()
    script.status(state.TASK_STATE_WORKING)
    script.status(state.TASK_STATE_COMPLETED)
  })
  const handler = a2aRequestHandler({ lifechart, executor, agentCard })
  const outlet = new Outlet()
  const stream = handler.sendMessageStream(send('go'), await over(how === 'close' ? { res: outlet } : outlet))
  expect(brief((await stream.next()).value!)).toBe('task submitted')
  outlet.writableNeedDrain = true
  const told: unknown[] = []
  const second = stream.next().then(({ value }) => told.push(brief(value!)))
  await settled()
  expect(told).toEqual([])
  outlet.writableNeedDrain = false
  outlet.emit('drain')
  await second
  expect(told).toEqual(['working'])
  outlet.writableNeedDrain = true
  const third = stream.next()
  outlet[how === 'close' ? 'destroyed' : 'cancelled'] = true
  outlet.emit(how)
  expect(await third).toEqual({ value: undefined, done: true })
  expect(outlet.listenerCount('drain')).toBe(0)
  await settled()
  expect(lifechart.stats()['tasks.live']).toBe(0)
})

it('a stream whose connection was gone before it began ends at once, and its message is executed', async () => {
  const { lifechart } = await house.open()
  const executor = does(script => {
    script.task()
    script.status(state.TASK_STATE_COMPLETED)
  })
  const handler = a2aRequestHandler({ lifechart, executor, agentCard })
  const stream = handler.sendMessageStream(send('go'), await over({ res: Object.assign(new Outlet(), { destroyed: true }) }))
  expect(await stream.next()).toEqual({ value: undefined, done: true })
  await settled()
  expect(lifechart.stats()).toMatchObject({ 'tasks.created': 1, 'tasks.ended': 1, 'tasks.live': 0 })
})
