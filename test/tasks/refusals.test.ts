import { expect, it } from 'vitest'
import type { Tasks } from '../../src/tasks/tasks.ts'
import { processes } from '../runs/support.ts'
import { agent, all, deferred, nameOf, says, state, taskOf, textOf } from './support.ts'

const house = processes()
const limits = { chunkBytes: 1_000, requestsPerTask: 2, tasksPerCaller: 2 }
const large = 'x'.repeat(2_000)

it.each([
  ['its first event', false],
  ['an event behind a status that is not stored yet', true],
])('a task ends as failed when %s is too large, and not as if it had been taken', async (_what, begun) => {
  const { lifechart } = await house.open({ limits })
  lifechart.tasks.define(
    'large',
    agent(script => {
      if (begun) script.task({}, state.TASK_STATE_WORKING)
      script.artifact('a', large)
      script.artifact('b', 'small')
      script.status(state.TASK_STATE_COMPLETED)
    }),
  )
  const task = taskOf(await lifechart.tasks.send('large', says('go')))
  expect([nameOf(task.status?.state), task.artifacts]).toEqual(['failed', []])
  expect(textOf(task.status?.message?.parts ?? [])).toContain('limits.chunkBytes')
  await expect.poll(() => lifechart.stats()['tasks.live']).toBe(0)
})

it('a task takes as many messages as may wait, however many come at once', async () => {
  const { lifechart } = await house.open({ limits })
  const gate = deferred()
  lifechart.tasks.define(
    'slow',
    agent(async script => {
      if (!script.context.task) script.task()
      await gate.promise
      script.status(state.TASK_STATE_INPUT_REQUIRED)
    }),
  )
  const { id: taskId } = taskOf(await lifechart.tasks.send('slow', says('go'), { returnImmediately: true }))
  const sends = Array.from({ length: 5 }, () =>
    lifechart.tasks.send('slow', says('more', { taskId }), { returnImmediately: true }).then(
      () => 'taken',
      error => error.code,
    ),
  )
  expect((await Promise.all(sends)).sort()).toEqual(['TASK_CAPACITY', 'TASK_CAPACITY', 'TASK_CAPACITY', 'taken', 'taken'])
  // Nothing is kept of those that were refused.
  expect((lifechart.tasks as Tasks).house.live(`task/${taskId}`)?.contexts.size).toBe(3)
  gate.resolve()
  await expect.poll(() => lifechart.stats()['tasks.live']).toBe(0)
})

it('a subscription that is refused keeps no task here', async () => {
  const { lifechart } = await house.open()
  lifechart.tasks.define(
    'asks',
    agent(script => void script.status(state.TASK_STATE_INPUT_REQUIRED)),
  )
  const { id } = taskOf(await lifechart.tasks.send('asks', says('go')))
  await expect(all(lifechart.tasks.subscribe(id, { after: 99, statusAsTask: true }))).rejects.toMatchObject({ code: 'CURSOR_AHEAD' })
  await expect.poll(() => lifechart.stats()['tasks.live']).toBe(0)
})

const status = { state: state.TASK_STATE_WORKING, message: undefined, timestamp: undefined }
it.each([
  ['a status', { kind: 'statusUpdate', data: { status: { ...status, message: says(large).message } } }],
  ['the metadata of a status', { kind: 'statusUpdate', data: { status, metadata: { large } } }],
  ['a task', { kind: 'task', data: { id: '', status, metadata: { large } } }],
])('a task ends as failed when %s is too large, as its first event or a later one', async (_what, event) => {
  for (const begun of [false, true]) {
    const { lifechart } = await house.open({ limits })
    lifechart.tasks.define(
      'large',
      agent(script => {
        if (begun) script.task()
        script.bus.publish(event as never)
        script.status(state.TASK_STATE_COMPLETED)
      }),
    )
    const task = taskOf(await lifechart.tasks.send('large', says('go')))
    expect([nameOf(task.status?.state), task.metadata]).toEqual(['failed', undefined])
    expect(textOf(task.status?.message?.parts ?? [])).toContain('limits.chunkBytes')
  }
})

const another = { taskId: 'another', contextId: '' }
const elsewhere = { taskId: '', contextId: 'another' }
const artifact = { artifactId: 'a', parts: [] }
it.each([
  { kind: 'statusUpdate' },
  { kind: 'artifactUpdate', data: null },
  { kind: 'task', data: 7 },
  { kind: 'artifactUpdate', data: {} },
  { kind: 'artifactUpdate', data: { artifact: { ...artifact, artifactId: '' } } },
  { kind: 'artifactUpdate', data: { artifact: { ...artifact, parts: [null] } } },
  { kind: 'task', data: { status, history: [null] } },
  { kind: 'task', data: { status, artifacts: [{ parts: [] }] } },
  { kind: 'task', data: { status, id: 'another' } },
  { kind: 'task', data: { status, contextId: 'another' } },
  { kind: 'artifactUpdate', data: { ...another, artifact } },
  { kind: 'artifactUpdate', data: { ...elsewhere, artifact } },
  { kind: 'statusUpdate', data: { ...another, status } },
  { kind: 'statusUpdate', data: { ...elsewhere, status } },
  { kind: 'statusUpdate', data: { status: { ...status, state: 0 } } },
])('an event that is none of this task is refused, and the task goes on: %j', async event => {
  const { lifechart } = await house.open()
  lifechart.tasks.define(
    'wild',
    agent(async script => {
      await script.task()
      script.bus.publish(event as never)
      script.status(state.TASK_STATE_COMPLETED)
    }),
  )
  expect(await all(lifechart.tasks.stream('wild', says('go')))).toEqual(['task submitted', 'completed'])
  expect(lifechart.stats()['tasks.refused']).toBe(1)
})

it.each([another, elsewhere])('a message for another task is no answer: %j', async ids => {
  const { lifechart } = await house.open()
  lifechart.tasks.define(
    'wild',
    agent(script => void script.bus.publish({ kind: 'message', data: says('x', ids).message })),
  )
  expect(await all(lifechart.tasks.stream('wild', says('go')))).toEqual(['task submitted', 'failed'])
  expect(lifechart.stats()['tasks.refused']).toBe(1)
})

it('an artifact may have no parts: the last chunk of many says that it is the last, and nothing else', async () => {
  const { lifechart } = await house.open()
  lifechart.tasks.define(
    'ends',
    agent(script => {
      const none = { artifactId: 'a', name: '', description: '', parts: [], metadata: undefined, extensions: [] }
      const { taskId, contextId } = script.context
      script.artifact('a', 'x')
      const data = { taskId, contextId, artifact: none, append: true, lastChunk: true, metadata: undefined }
      script.bus.publish({ kind: 'artifactUpdate', data })
      script.status(state.TASK_STATE_COMPLETED)
    }),
  )
  const stream = await all(lifechart.tasks.stream('ends', says('go')))
  expect(stream).toEqual(['task submitted', 'artifact a: x', 'artifact a+: ', 'completed'])
})

it('a caller has as many tasks as it may, also of those whose executors have said nothing yet', async () => {
  const { lifechart } = await house.open({ limits })
  const gate = deferred()
  let calls = 0
  lifechart.tasks.define(
    'silent',
    agent(async script => {
      calls++
      await gate.promise
      if (textOf(script.context.userMessage.parts) === 'answer') return void script.message('an answer')
      script.status(state.TASK_STATE_COMPLETED)
    }),
  )
  const sends = (texts: string[], user: string) =>
    texts.map(text =>
      lifechart.tasks.send('silent', says(text), { caller: { user } }).then(
        () => 'taken',
        error => error.code,
      ),
    )
  const [ann, bob] = [sends(['go', 'answer', 'go', 'go'], 'ann'), sends(['go'], 'bob')]
  expect(await Promise.all(ann.slice(2))).toEqual(['TASK_CAPACITY', 'TASK_CAPACITY'])
  gate.resolve()
  expect(await Promise.all([...ann.slice(0, 2), ...bob])).toEqual(['taken', 'taken', 'taken'])
  await expect.poll(() => lifechart.stats()['tasks.live']).toBe(0)
  expect([await Promise.all(sends(['go', 'answer'], 'ann')), calls]).toEqual([['taken', 'taken'], 5])
})

it('callers without a user are one caller: they have as many tasks as one may, and tenants do not share', async () => {
  const { lifechart } = await house.open({ limits })
  lifechart.tasks.define(
    'silent',
    agent(() => new Promise(() => undefined)),
  )
  const send = (tenant: string) => lifechart.tasks.send('silent', says('go'), { caller: { tenant } }).catch(error => error.code)
  const sent = [send(''), send(''), send('a')]
  expect(await Promise.all([send(''), send('')])).toEqual(['TASK_CAPACITY', 'TASK_CAPACITY'])
  await lifechart.close()
  expect(await Promise.all(sent)).toEqual(['RUNTIME_CLOSED', 'RUNTIME_CLOSED', 'RUNTIME_CLOSED'])
})

it('a caller has as many streams as it may, of sends and of tasks; one that has ended, by whichever way, makes room', async () => {
  const { lifechart } = await house.open({ limits: { taskStreamsPerCaller: 2 } })
  const { tasks } = lifechart
  let calls = 0
  tasks.define(
    'asks',
    agent(script => {
      calls++
      script.status(state.TASK_STATE_INPUT_REQUIRED)
    }),
  )
  const caller = { user: 'ann' }
  const { id } = taskOf(await tasks.send('asks', says('go'), { caller }))
  const follow = () => {
    const stream = tasks.subscribe(id, { caller, includeInitialTask: true })
    return { stream, first: stream.next().catch(error => error.code) }
  }
  const [one, other, refused] = [follow(), follow(), follow()]
  expect(await refused.first).toBe('STREAM_LIMIT')
  await expect(all(tasks.stream('asks', says('more'), { caller }))).rejects.toMatchObject({ code: 'STREAM_LIMIT' })
  expect(calls).toBe(1)
  expect(await all(tasks.stream('asks', says('go'), { caller: { user: 'bob' } }))).toEqual(['task submitted', 'input-required'])
  expect(await one.first).toMatchObject({ done: false })
  await one.stream.return()
  await one.stream.return()
  // To its end, then refused by its task: neither is open any more.
  expect(await all(tasks.stream('asks', says('go'), { caller }))).toEqual(['task submitted', 'input-required'])
  await expect(all(tasks.subscribe('unknown', { caller }))).rejects.toMatchObject({ code: 'TASK_NOT_FOUND' })
  // Nobody reads that it is refused.
  tasks.subscribe('unknown', { caller })
  await new Promise(resolve => setImmediate(resolve))
  const third = follow()
  expect(await third.first).toMatchObject({ done: false })
  expect(await follow().first).toBe('STREAM_LIMIT')
  for (const { stream } of [other, third]) await stream.return()
})
