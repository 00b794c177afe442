import { PushNotificationNotSupportedError, RequestMalformedError, TaskNotFoundError } from '@a2a-js/sdk/errors'
import type { A2ARequestHandler } from '@a2a-js/sdk/server'
import { describe, expect, it } from 'vitest'
import { errorOf, processes } from '../runs/support.ts'
import { all, type Script, state } from '../tasks/support.ts'
import { caller, config, dealtWith, executor, hangs, receivers, sends, serve, until } from './push-receiver.ts'

const house = processes()
const receiver = receivers()

/** Waits for its user. */
function asks(script: Script): void {
  script.task()
  script.status(state.TASK_STATE_INPUT_REQUIRED)
}

const url = 'https://example.com/hook'

async function waiting(handler: A2ARequestHandler, user?: string): Promise<string> {
  const task = await handler.sendMessage(sends('go'), caller(user))
  return 'status' in task ? task.id : ''
}

describe('the configurations of a task', () => {
  it('are created, read, listed in order, and deleted', async () => {
    const { lifechart } = await house.open()
    const handler = serve(lifechart, asks)
    const taskId = await waiting(handler)
    const authentication = { scheme: 'Bearer', credentials: 'c' }
    const first = await handler.createTaskPushNotificationConfig(config(url, { taskId, id: 'one', token: 't', authentication }), caller())
    expect(first).toEqual(config(url, { taskId, id: 'one', token: 't', authentication }))
    const second = await handler.createTaskPushNotificationConfig(config(url, { taskId, id: 'ü/..' }), caller())
    const get = (id: string) => handler.getTaskPushNotificationConfig({ tenant: '', taskId, id }, caller())
    expect([await get('one'), await get('ü/..')]).toEqual([first, second])
    const list = () => handler.listTaskPushNotificationConfigs({ tenant: '', taskId, pageSize: 0, pageToken: '' }, caller())
    expect(await list()).toEqual({ configs: [first, second], nextPageToken: '' })
    await handler.deleteTaskPushNotificationConfig({ tenant: '', taskId, id: 'one' }, caller())
    expect(await list()).toEqual({ configs: [second], nextPageToken: '' })
    expect(await errorOf(() => get('one'))).toBeInstanceOf(TaskNotFoundError)
  })

  it('are listed in pages, with all of them on exactly one, also when those that were seen are deleted', async () => {
    const { lifechart } = await house.open()
    const handler = serve(lifechart, asks)
    const taskId = await waiting(handler)
    const ids = ['one', 'two', 'ü/..', 'four', 'five']
    for (const id of ids) await handler.createTaskPushNotificationConfig(config(url, { taskId, id }), caller())
    const list = (pageSize: number, pageToken = '') =>
      handler.listTaskPushNotificationConfigs({ tenant: '', taskId, pageSize, pageToken }, caller())
    const first = await list(2)
    expect(first.configs.map(({ id }) => id)).toEqual(['one', 'two'])
    for (const { id } of first.configs) await handler.deleteTaskPushNotificationConfig({ tenant: '', taskId, id }, caller())
    const second = await list(2, first.nextPageToken)
    const third = await list(2, second.nextPageToken)
    expect([...second.configs, ...third.configs].map(({ id }) => id)).toEqual(['ü/..', 'four', 'five'])
    expect(third.nextPageToken).toBe('')
    for (const size of [0, 3, 100]) expect(await list(size)).toMatchObject({ configs: [{}, {}, {}], nextPageToken: '' })
  })

  it.each([
    [-1, ''],
    [1.5, ''],
    [Number.NaN, ''],
    [0, 'forged'],
    [2, '__proto__'],
  ])('are not listed in pages of %d from %j', async (pageSize, pageToken) => {
    const { lifechart } = await house.open()
    const handler = serve(lifechart, asks)
    const taskId = await waiting(handler)
    const list = () => handler.listTaskPushNotificationConfigs({ tenant: '', taskId, pageSize, pageToken }, caller())
    expect(await errorOf(list)).toBeInstanceOf(RequestMalformedError)
  })

  it('can be deleted again and again', async () => {
    const { lifechart } = await house.open()
    const handler = serve(lifechart, asks)
    const taskId = await waiting(handler)
    await handler.createTaskPushNotificationConfig(config(url, { taskId, id: 'one' }), caller())
    const remove = (id: string) => handler.deleteTaskPushNotificationConfig({ tenant: '', taskId, id }, caller())
    expect([await remove('one'), await remove('one'), await remove('never'), await remove('\ud800')]).toEqual(Array(4).fill(undefined))
  })

  it('get an id that nobody can guess when they come without one', async () => {
    const { lifechart } = await house.open()
    const handler = serve(lifechart, asks)
    const taskId = await waiting(handler)
    const create = () => handler.createTaskPushNotificationConfig(config(url, { taskId }), caller())
    const ids = [(await create()).id, (await create()).id]
    expect(new Set(ids).size).toBe(2)
    for (const id of ids) expect(id.length).toBeGreaterThan(22)
  })

  it('are replaced by one of the same id, which goes on where the former one was', async () => {
    const [old, young] = [await receiver(), await receiver()]
    let turn = 0
    const { lifechart } = await house.open()
    const handler = serve(lifechart, script => (turn++ === 0 ? asks(script) : void script.status(state.TASK_STATE_COMPLETED)))
    const task = await handler.sendMessage(sends('go', config(old.url(), { id: 'one' })), caller())
    const taskId = 'status' in task ? task.id : ''
    await dealtWith(handler, 2)
    await handler.createTaskPushNotificationConfig(config(young.url(), { taskId, id: 'one' }), caller())
    await handler.sendMessage(sends('that', undefined, { taskId }), caller())
    await dealtWith(handler, 3)
    expect([old.said, young.said]).toEqual([['task submitted', 'input-required'], ['completed']])
    const { configs } = await handler.listTaskPushNotificationConfigs({ tenant: '', taskId, pageSize: 0, pageToken: '' }, caller())
    expect(configs.map(({ url }) => url)).toEqual([young.url()])
  })

  it('are told nothing more when they were deleted', async () => {
    const hook = await receiver()
    let turn = 0
    const { lifechart } = await house.open()
    const handler = serve(lifechart, script => (turn++ === 0 ? asks(script) : void script.status(state.TASK_STATE_COMPLETED)))
    const task = await handler.sendMessage(sends('go', config(hook.url(), { id: 'one' })), caller())
    const taskId = 'status' in task ? task.id : ''
    await until(() => handler.pushStats().delivered === 2)
    await handler.deleteTaskPushNotificationConfig({ tenant: '', taskId, id: 'one' }, caller())
    const other = await receiver()
    await handler.createTaskPushNotificationConfig(config(other.url(), { taskId, id: 'two' }), caller())
    await handler.sendMessage(sends('that', undefined, { taskId }), caller())
    await until(() => other.received.length === 1 && handler.pushStats().held === 0)
    expect(hook.received.length).toBe(2)
  })

  it('break off what is on its way to them when they are deleted', async () => {
    const hook = await receiver()
    hook.behaviour = hangs
    const { lifechart } = await house.open()
    const handler = serve(lifechart, asks)
    const task = await handler.sendMessage(sends('go', config(hook.url(), { id: 'one' })), caller())
    await until(() => hook.received.length === 1)
    await handler.deleteTaskPushNotificationConfig({ tenant: '', taskId: 'id' in task ? task.id : '', id: 'one' }, caller())
    await until(() => hook.received[0]?.answer.destroyed === true)
    expect(handler.pushStats()).toEqual({ delivered: 0, failed: 0, dead: 0, held: 0 })
  })

  it('do not exist for another caller, and neither does their task', async () => {
    const { lifechart } = await house.open()
    const handler = serve(lifechart, asks)
    const taskId = await waiting(handler, 'ada')
    await handler.createTaskPushNotificationConfig(config(url, { taskId, id: 'one' }), caller('ada'))
    for (const other of [caller('bob'), caller()]) {
      for (const call of [
        () => handler.createTaskPushNotificationConfig(config(url, { taskId }), other),
        () => handler.getTaskPushNotificationConfig({ tenant: '', taskId, id: 'one' }, other),
        () => handler.listTaskPushNotificationConfigs({ tenant: '', taskId, pageSize: 0, pageToken: '' }, other),
        () => handler.deleteTaskPushNotificationConfig({ tenant: '', taskId, id: 'one' }, other),
      ]) {
        expect(await errorOf(call)).toBeInstanceOf(TaskNotFoundError)
      }
    }
    const { configs } = await handler.listTaskPushNotificationConfigs({ tenant: '', taskId, pageSize: 0, pageToken: '' }, caller('ada'))
    expect(configs.map(({ id }) => id)).toEqual(['one'])
  })

  it('are as many as limits.pushConfigs; one more is refused until one is deleted', async () => {
    const { lifechart } = await house.open({ limits: { pushConfigs: 2 } })
    const handler = serve(lifechart, asks)
    const taskId = await waiting(handler)
    const create = (id: string) => handler.createTaskPushNotificationConfig(config(url, { taskId, id }), caller())
    const outcomes = await Promise.all(['a', 'b', 'c'].map(id => errorOf(() => create(id))))
    expect(outcomes.filter(Boolean)).toEqual([expect.objectContaining({ metadata: { code: 'TASK_CAPACITY' } })])
    const { configs } = await handler.listTaskPushNotificationConfigs({ tenant: '', taskId, pageSize: 0, pageToken: '' }, caller())
    expect(configs.length).toBe(2)
    expect(await errorOf(() => create(configs[0]?.id ?? ''))).toBeUndefined()
    await handler.deleteTaskPushNotificationConfig({ tenant: '', taskId, id: configs[0]?.id ?? '' }, caller())
    expect(await errorOf(() => create('d'))).toBeUndefined()
  })

  it('that are too many fail the call that brings them, and keep no task here', async () => {
    const { lifechart } = await house.open({ limits: { pushConfigs: 1 } })
    const handler = serve(lifechart, asks)
    const taskId = await waiting(handler)
    await handler.createTaskPushNotificationConfig(config(url, { taskId, id: 'one' }), caller())
    const error = await errorOf(() => handler.sendMessage(sends('that', config(url, { id: 'two' }), { taskId }), caller()))
    expect(error).toMatchObject({ metadata: { code: 'TASK_CAPACITY' } })
    await until(() => lifechart.stats()['tasks.live'] === 0)
  })

  it.each([
    ['that is none', 'example.com/hook'],
    ['of another protocol', 'ftp://example.com/hook'],
    ['of a script', 'javascript:alert(1)'],
    ['with credentials', 'https://user:s3cret@example.com/'],
    ['with a user', 'https://s3cret@example.com/'],
    ['that is very long', `https://example.com/${'x'.repeat(20_000)}`],
  ])('are refused with a url %s, in words that do not repeat it', async (_what, wrong) => {
    const { lifechart, log } = await house.open()
    const handler = serve(lifechart, asks)
    const taskId = await waiting(handler)
    const error = await errorOf(() => handler.createTaskPushNotificationConfig(config(wrong, { taskId }), caller()))
    expect(error).toBeInstanceOf(RequestMalformedError)
    expect(String(error)).not.toContain('s3cret')
    expect(await errorOf(() => handler.sendMessage(sends('go', config(wrong)), caller()))).toBeInstanceOf(RequestMalformedError)
    expect((await lifechart.kernel.adapter.query({ kinds: ['task'], limit: 9 })).items.length).toBe(1)
    expect(JSON.stringify(log)).not.toContain('s3cret')
  })

  it.each([
    ['a token', { token: 's3cret\r\nx-other: 1' }],
    ['credentials', { authentication: { scheme: 'Bearer', credentials: 's3cret\n' } }],
    ['an id that is very long', { id: 'x'.repeat(300) }],
    ['an id with half a character', { id: '\ud800' }],
  ])('are refused with %s that can not be used', async (_what, more) => {
    const { lifechart } = await house.open()
    const handler = serve(lifechart, asks)
    const taskId = await waiting(handler)
    const error = await errorOf(() => handler.createTaskPushNotificationConfig(config(url, { taskId, ...more }), caller()))
    expect(error).toBeInstanceOf(RequestMalformedError)
    expect(String(error)).not.toContain('s3cret')
  })

  it('are none where the card promises no push notifications', async () => {
    const { lifechart } = await house.open()
    const handler = serve(lifechart, asks, { pushes: false })
    for (const call of [
      () => handler.createTaskPushNotificationConfig(config(url, { taskId: 'a' }), caller()),
      () => handler.getTaskPushNotificationConfig({ tenant: '', taskId: 'a', id: 'one' }, caller()),
      () => handler.listTaskPushNotificationConfigs({ tenant: '', taskId: 'a', pageSize: 0, pageToken: '' }, caller()),
      () => handler.deleteTaskPushNotificationConfig({ tenant: '', taskId: 'a', id: 'one' }, caller()),
      () => handler.sendMessage(sends('go', config(url)), caller()),
      () => all(handler.sendMessageStream(sends('go', config(url)), caller()) as never),
    ]) {
      expect(await errorOf(call)).toBeInstanceOf(PushNotificationNotSupportedError)
    }
    expect((await lifechart.kernel.adapter.query({ limit: 9 })).items).toEqual([])
  })

  it('are made once by a message that is sent twice', async () => {
    const hook = await receiver()
    const { lifechart, store } = await house.open()
    const handler = serve(lifechart, asks)
    const request = sends('go', config(hook.url()))
    const [first, again] = [await handler.sendMessage(request, caller('ada')), await handler.sendMessage(request, caller('ada'))]
    expect('id' in first && 'id' in again && first.id === again.id).toBe(true)
    const taskId = 'status' in first ? first.id : ''
    const { configs } = await handler.listTaskPushNotificationConfigs({ tenant: '', taskId, pageSize: 0, pageToken: '' }, caller('ada'))
    expect(configs.length).toBe(1)
    await until(() => handler.pushStats().delivered >= 2 && handler.pushStats().held === 0)
    expect(hook.said).toEqual(['task submitted', 'input-required'])
    expect(JSON.stringify(store.commits.map(({ changes }) => changes.map(({ events }) => events)))).not.toContain('replaced')
  })

  it('show their credentials in no record, no state of a stream, no step and no log', async () => {
    const hook = await receiver()
    hook.behaviour = ({ answer }) => void answer.writeHead(500).end()
    const { lifechart, log, store } = await house.open()
    const steps: unknown[] = []
    lifechart.transitions$.subscribe(step => void steps.push(step))
    const seen: unknown[] = []
    const handler = serve(lifechart, asks, {
      push: { allowPrivateHosts: true, attempts: 1 },
      executor: {
        execute: async (context, bus) => {
          seen.push(JSON.stringify(context))
          await executor(asks).execute(context, bus)
        },
        cancelTask: async () => undefined,
      },
    })
    const authentication = { scheme: 'Bearer', credentials: 'credential-s3cret' }
    await handler.sendMessage(sends('go', config(hook.url(), { token: 'token-s3cret', authentication })), caller())
    await dealtWith(handler, 2)
    const { items } = await lifechart.kernel.adapter.query({ limit: 100 })
    expect(items.map(({ kind }) => kind).sort()).toEqual(['push', 'push-list', 'task'])
    expect(steps.length).toBeGreaterThan(1)
    const records = store.commits.flatMap(({ changes }) => changes.flatMap(({ events, state }) => [events, state]))
    expect(JSON.stringify([items, steps, records, log, seen, handler.pushStats()])).not.toContain('s3cret')
    expect(JSON.stringify(store.commits.map(({ changes }) => changes.map(({ view }) => view)))).toContain('token-s3cret')
  })
})
