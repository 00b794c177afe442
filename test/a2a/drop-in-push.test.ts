import type { AgentCard, StreamResponse, Task, TaskPushNotificationConfig } from '@a2a-js/sdk'
import { TaskNotFoundError } from '@a2a-js/sdk/errors'
import {
  InMemoryPushNotificationStore,
  InMemoryTaskStore,
  type PushNotificationSender,
  type PushNotificationStore,
  ServerCallContext,
} from '@a2a-js/sdk/server'
import { DefaultRequestHandler, type DropInOptions } from 'lifechart/a2a'
import { expect, it, vi } from 'vitest'
import { settled } from '../../src/testing/simulated-clock.ts'
import { processes } from '../runs/support.ts'
import { brief, deferred, nameOf, state } from '../tasks/support.ts'
import { does, threeChunks } from './executors.ts'
import { agentCard, byId, send, taskIn } from './servers.ts'

const house = processes()
const as = (userName: string) => new ServerCallContext({ user: { isAuthenticated: true, userName } })
const ann = () => as('ann')

const card: AgentCard = { ...agentCard, capabilities: { streaming: true, pushNotifications: true, extensions: [] } }

const config = (more: Partial<TaskPushNotificationConfig> = {}): TaskPushNotificationConfig => ({
  tenant: '',
  id: '',
  taskId: '',
  url: 'https://example.com/hook',
  token: 'secret',
  authentication: undefined,
  ...more,
})

/** A sender that writes down what it is given for tasks that have a configuration. */
class Recorder implements PushNotificationSender {
  readonly sent: string[] = []
  readonly tasks: string[] = []
  readonly users: (string | undefined)[] = []
  before: () => Promise<void> | void = () => undefined
  readonly #store: PushNotificationStore | undefined

  constructor(store?: PushNotificationStore) {
    this.#store = store
  }

  async send(event: StreamResponse, context: ServerCallContext, task?: Task): Promise<void> {
    await this.before()
    if (this.#store && (await this.#store.load(task?.id ?? '', context)).length === 0) return
    this.sent.push(brief(event))
    this.tasks.push(nameOf(task?.status?.state))
    this.users.push(context.user?.userName)
  }
}

async function served(store?: PushNotificationStore, sender?: PushNotificationSender, executor = threeChunks, options: DropInOptions = {}) {
  const process = await house.open()
  const { lifechart } = process
  const given = { lifechart, ...options }
  const taskStore = new InMemoryTaskStore()
  const handler = new DefaultRequestHandler(card, taskStore, executor, undefined, store, sender, undefined, undefined, given)
  return { ...process, handler, taskStore }
}

/** With a configuration of its own. */
function sendWith(text: string, more: Partial<TaskPushNotificationConfig> = {}) {
  const request = send(text)
  const configuration = {
    acceptedOutputModes: [],
    taskPushNotificationConfig: config(more),
    historyLength: undefined,
    returnImmediately: false,
  }
  return { ...request, configuration }
}

const everything = ['task submitted', 'working', 'artifact result: one ', 'artifact result+: two ', 'artifact result+: three', 'completed']

const asksFirst = does(script => {
  if (!script.context.task) {
    script.task()
    script.status(state.TASK_STATE_INPUT_REQUIRED)
  } else script.status(state.TASK_STATE_COMPLETED)
})

const page = { tenant: '', pageSize: 0, pageToken: '' }

it('the sender is given each event in order, with the task as of it and the context of its request', async () => {
  const store = new InMemoryPushNotificationStore()
  const sender = new Recorder(store)
  const { handler } = await served(store, sender)
  const task = taskIn(await handler.sendMessage(sendWith('go'), ann()))
  await settled()
  expect(sender.sent).toEqual(everything)
  expect(sender.tasks).toEqual(['submitted', 'working', 'working', 'working', 'working', 'completed'])
  expect(new Set(sender.users)).toEqual(new Set(['ann']))
  expect(await store.load(task.id, ann())).toMatchObject([{ taskId: task.id, token: 'secret' }])
  expect(JSON.stringify(task)).not.toContain('secret')
})

it('a stream brings its configuration along too', async () => {
  const store = new InMemoryPushNotificationStore()
  const sender = new Recorder(store)
  const { handler } = await served(store, sender)
  for await (const _event of handler.sendMessageStream(sendWith('go'), ann()));
  await settled()
  expect(sender.sent).toEqual(everything)
})

it('a sender that is slow delays nobody, and loses nothing', async () => {
  const sender = new Recorder()
  const gate = deferred()
  sender.before = () => gate.promise
  const { handler, lifechart } = await served(undefined, sender)
  expect(nameOf(taskIn(await handler.sendMessage(send('go'), ann())).status?.state)).toBe('completed')
  await settled()
  expect([sender.sent, lifechart.stats()['tasks.live']]).toEqual([[], 0])
  gate.resolve()
  await settled()
  expect(sender.sent).toEqual(everything)
})

it('a sender that throws is in the log, and is given what follows', async () => {
  const sender = new Recorder()
  let calls = 0
  sender.before = () => {
    if (++calls === 2) throw new Error('no')
  }
  const { handler, log } = await served(undefined, sender)
  await handler.sendMessage(send('go'), ann())
  await settled()
  expect(sender.sent).toEqual(everything.filter(event => event !== 'working'))
  expect(log.filter(({ level }) => level === 'error')).toMatchObject([
    { message: 'A notification could not be sent.', facts: { error: 'Error: no' } },
  ])
})

it('a task that waits and goes on is told of once', async () => {
  const sender = new Recorder()
  const { handler, lifechart } = await served(undefined, sender, asksFirst)
  const { id } = taskIn(await handler.sendMessage(send('go'), ann()))
  await settled()
  expect(lifechart.stats()).toMatchObject({ 'tasks.live': 0 })
  await handler.sendMessage(send('this one', { taskId: id }), ann())
  await settled()
  expect(sender.sent).toEqual(['task submitted', 'input-required', 'completed'])
})

it('another process tells what happens from when it has the task', async () => {
  const sender = new Recorder()
  const first = await served(undefined, new Recorder(), asksFirst)
  const { id } = taskIn(await first.handler.sendMessage(send('go'), ann()))
  await settled()
  first.lifechart.kernel.crash()
  const { handler } = await served(undefined, sender, asksFirst)
  await handler.cancelTask(byId(id), ann())
  await settled()
  expect([sender.sent, sender.users]).toEqual([['canceled'], ['ann']])
})

it('a task that was taken over from the task store is told of from there', async () => {
  const sender = new Recorder()
  const first = await served(undefined, new Recorder(), asksFirst)
  const { id } = taskIn(await first.handler.sendMessage(send('go'), ann()))
  await settled()
  const task = (await first.taskStore.load(id, ann())) as Task
  const { handler, taskStore } = await served(undefined, sender, asksFirst)
  await taskStore.save({ ...task, id: 'elsewhere' }, ann())
  await handler.getTask(byId('elsewhere'), ann())
  await handler.cancelTask(byId('elsewhere'), ann())
  await settled()
  expect(sender.sent).toEqual(['input-required', 'canceled'])
})

it('configurations are made, found, listed and deleted in the given store, which names them', async () => {
  const store = new InMemoryPushNotificationStore()
  const { handler } = await served(store, new Recorder(), asksFirst)
  const { id: taskId } = taskIn(await handler.sendMessage(send('go'), ann()))
  const made = await handler.createTaskPushNotificationConfig(config({ taskId }), ann())
  expect(made.id).not.toBe('')
  expect(await store.load(taskId, ann())).toEqual([made])
  expect(await handler.getTaskPushNotificationConfig({ tenant: '', taskId, id: made.id }, ann())).toEqual(made)
  expect(await handler.listTaskPushNotificationConfigs({ ...page, taskId }, ann())).toEqual({ configs: [made], nextPageToken: '' })
  await handler.deleteTaskPushNotificationConfig({ tenant: '', taskId, id: made.id }, ann())
  expect(await store.load(taskId, ann())).toEqual([])
  await expect(handler.getTaskPushNotificationConfig({ tenant: '', taskId, id: made.id }, ann())).rejects.toThrow(TaskNotFoundError)
})

it('nobody has configurations of the task of somebody else', async () => {
  const store = new InMemoryPushNotificationStore(() => 'everybody')
  const { handler } = await served(store, new Recorder(), asksFirst)
  const { id: taskId } = taskIn(await handler.sendMessage(send('go'), ann()))
  const { id } = await handler.createTaskPushNotificationConfig(config({ taskId }), ann())
  const named = { tenant: '', taskId, id }
  await expect(handler.createTaskPushNotificationConfig(config({ taskId }), as('bob'))).rejects.toThrow(TaskNotFoundError)
  await expect(handler.getTaskPushNotificationConfig(named, as('bob'))).rejects.toThrow(TaskNotFoundError)
  await expect(handler.listTaskPushNotificationConfigs({ ...page, taskId }, as('bob'))).rejects.toThrow(TaskNotFoundError)
  await expect(handler.deleteTaskPushNotificationConfig(named, as('bob'))).rejects.toThrow(TaskNotFoundError)
  expect(await store.load(taskId, ann())).toHaveLength(1)
})

it("with a sender alone, configurations are in the SDK's memory", async () => {
  const { handler } = await served(undefined, new Recorder(), asksFirst)
  const { id: taskId } = taskIn(await handler.sendMessage(send('go'), ann()))
  const made = await handler.createTaskPushNotificationConfig(config({ taskId, id: 'mine' }), ann())
  expect((await handler.listTaskPushNotificationConfigs({ ...page, taskId }, ann())).configs).toEqual([made])
})

it("with a store alone, the SDK's own sender delivers", async () => {
  const posted: unknown[] = []
  vi.spyOn(console, 'info').mockImplementation(() => undefined)
  const post = vi.spyOn(globalThis, 'fetch').mockImplementation(async (url, init) => {
    posted.push([url, JSON.parse(String(init?.body)).statusUpdate?.status.state])
    return new Response()
  })
  const { handler } = await served(new InMemoryPushNotificationStore(), undefined, asksFirst)
  await handler.sendMessage(sendWith('go'), new ServerCallContext({ requestedVersion: '1.0' }))
  await settled()
  post.mockRestore()
  expect(posted).toEqual([
    ['https://example.com/hook', undefined],
    ['https://example.com/hook', 'TASK_STATE_INPUT_REQUIRED'],
  ])
})

it('with neither, configurations are in the store of the runtime', async () => {
  const { handler, lifechart } = await served(undefined, undefined, asksFirst)
  const { id: taskId } = taskIn(await handler.sendMessage(send('go'), ann()))
  const made = await handler.createTaskPushNotificationConfig(config({ taskId, id: 'mine' }), ann())
  expect((await handler.listTaskPushNotificationConfigs({ ...page, taskId }, ann())).configs).toEqual([made])
  expect(await lifechart.kernel.adapter.load(`push/${taskId}/mine`)).toBeDefined()
})

it('a card that promises notifications goes on saying so', async () => {
  const { handler } = await served(undefined, new Recorder())
  expect((await handler.getAgentCard()).capabilities?.pushNotifications).toBe(true)
})
