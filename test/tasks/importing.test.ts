import { expect, it } from 'vitest'
import type { Task } from '../../src/tasks/model.ts'
import type { Tasks } from '../../src/tasks/tasks.ts'
import { settled } from '../../src/testing/simulated-clock.ts'
import { processes } from '../runs/support.ts'
import { agent, agentMessage, all, nameOf, says, state, taskOf, textOf } from './support.ts'

const house = processes()
const caller = { user: 'ann' }

const answers = agent(script => void script.status(state.TASK_STATE_COMPLETED, `got ${textOf(script.context.userMessage.parts)}`))

/** A task as it is kept elsewhere. */
function kept(at: number, more: Partial<Task> = {}): Task {
  const message = agentMessage('which one?')
  return {
    id: 'kept',
    contextId: 'context',
    status: { state: at, message, timestamp: '2020-01-01T00:00:00.000Z' },
    artifacts: [{ artifactId: 'a', name: 'A', description: '', parts: says('part').message.parts, metadata: undefined, extensions: [] }],
    history: [says('go').message, message],
    metadata: { origin: 'elsewhere' },
    ...more,
  }
}

async function opened(policy = {}) {
  const process = await house.open()
  const tasks = process.lifechart.tasks as Tasks
  tasks.define('agent', answers, policy)
  return { ...process, tasks }
}

it.each([{ strict: false }, { strict: true }])('a task keeps its state, and all that is known of it: %j', async policy => {
  for (const at of [
    state.TASK_STATE_SUBMITTED,
    state.TASK_STATE_WORKING,
    state.TASK_STATE_INPUT_REQUIRED,
    state.TASK_STATE_AUTH_REQUIRED,
  ]) {
    const { tasks, lifechart } = await opened(policy)
    const task = kept(at, { id: `kept-${at}` })
    await tasks.import('agent', task, { caller })
    const { status, history, ...rest } = await tasks.get(task.id, { caller })
    expect(rest).toEqual({ id: task.id, contextId: 'context', artifacts: task.artifacts, metadata: task.metadata })
    expect([nameOf(status?.state), textOf(status?.message?.parts ?? [])]).toEqual([nameOf(at), 'which one?'])
    // What the status says becomes history when another one follows.
    expect(history.map(({ parts }) => textOf(parts))).toEqual(['go'])
    await settled()
    expect(lifechart.stats()).toMatchObject({ 'tasks.live': 0 })
  }
})

it('a task of which hardly anything is known is submitted', async () => {
  const { tasks } = await opened()
  const bare = { id: 'bare', contextId: '', status: undefined } as unknown as Task
  await tasks.import('agent', bare, { caller })
  const { contextId, status } = await tasks.get('bare', { caller })
  expect([nameOf(status?.state), contextId.length > 0]).toEqual(['submitted', true])
})

it('its next message is executed, with what was said before', async () => {
  const { tasks } = await opened()
  await tasks.import('agent', kept(state.TASK_STATE_INPUT_REQUIRED), { caller })
  const task = taskOf(await tasks.send('agent', says('this one', { taskId: 'kept' }), { caller }))
  expect(nameOf(task.status?.state)).toBe('completed')
  expect(task.history.map(({ parts }) => textOf(parts))).toEqual(['go', 'which one?', 'this one'])
  expect(task.artifacts.map(({ artifactId }) => artifactId)).toEqual(['a'])
})

it('it belongs to its caller', async () => {
  const { tasks } = await opened()
  await tasks.import('agent', kept(state.TASK_STATE_WORKING), { caller })
  await expect(tasks.get('kept', { caller: { user: 'bob' } })).rejects.toMatchObject({ code: 'TASK_NOT_FOUND' })
  expect((await tasks.list({ caller })).tasks.map(({ id }) => id)).toEqual(['kept'])
})

it('a second one changes nothing, at the same time, later, or in another process', async () => {
  const first = await opened()
  const second = await opened()
  const task = kept(state.TASK_STATE_INPUT_REQUIRED)
  await Promise.all([first, first, second, second].map(({ tasks }) => tasks.import('agent', task, { caller })))
  const before = await first.tasks.get('kept', { caller })
  await second.tasks.import('agent', { ...task, metadata: { origin: 'forged' } }, { caller: { user: 'bob' } })
  expect(await first.tasks.get('kept', { caller })).toEqual(before)
  expect(before.metadata).toEqual({ origin: 'elsewhere' })
  expect((await first.tasks.cancel('kept', { caller })).status?.state).toBe(state.TASK_STATE_CANCELED)
  await first.tasks.import('agent', task, { caller })
  expect(nameOf((await first.tasks.get('kept', { caller })).status?.state)).toBe('canceled')
})

it('a follower hears of it from where it was taken over', async () => {
  const { tasks } = await opened()
  await tasks.import('agent', kept(state.TASK_STATE_WORKING), { caller })
  const following = all(tasks.subscribe('kept', { caller, includeInitialTask: true }))
  await settled()
  await tasks.cancel('kept', { caller })
  expect(await following).toEqual(['task working', 'canceled'])
})

it('those who defined the agent are told of what changes, not of what was known', async () => {
  const { lifechart } = await house.open()
  const tasks = lifechart.tasks as Tasks
  const told: unknown[][] = []
  const onStatus = (taskId: string, { caller, context }: { caller: object; context: unknown }) => void told.push([taskId, caller, context])
  const recall = ({ user }: { user?: string | undefined }) => `recalled ${user}`
  tasks.define('agent', answers, {}, { onStatus, recall })
  await tasks.import('agent', kept(state.TASK_STATE_SUBMITTED), { caller })
  expect(told).toEqual([])
  await tasks.cancel('kept', { caller })
  await tasks.send('agent', says('go'), { caller, context: 'live' })
  expect(told.map(([, ...behalf]) => behalf)).toEqual([
    [caller, 'recalled ann'],
    [caller, 'live'],
    [caller, 'live'],
  ])
})

it.each([
  ['an id that no task here may have', kept(state.TASK_STATE_WORKING, { id: 'a/b' })],
  ['an end', kept(state.TASK_STATE_COMPLETED)],
  ['a state that is none', kept(77)],
])('a task with %s is refused', async (_what, task) => {
  const { tasks, lifechart } = await opened()
  await expect(tasks.import('agent', task, { caller })).rejects.toMatchObject({ code: 'REQUEST_INVALID' })
  expect(lifechart.stats()).toMatchObject({ 'lifecycles.steps': 0 })
})

it('a task that waits for its user waits no longer than one that was made here', async () => {
  const { tasks, clock } = await opened({ interruptedTimeout: 1_000 })
  await tasks.import('agent', kept(state.TASK_STATE_AUTH_REQUIRED), { caller })
  await settled()
  await clock.advance(999)
  expect(nameOf((await tasks.get('kept', { caller })).status?.state)).toBe('auth-required')
  await clock.advance(1_001)
  await settled()
  expect(nameOf((await tasks.get('kept', { caller })).status?.state)).toBe('failed')
})
