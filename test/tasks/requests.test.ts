import { expect, it } from 'vitest'
import { LifechartError } from '../../src/errors.ts'
import type { Tasks } from '../../src/tasks/tasks.ts'
import { settled } from '../../src/testing/simulated-clock.ts'
import { processes } from '../runs/support.ts'
import { agent, all, deferred, says, state, taskOf, textOf } from './support.ts'

const house = processes()
const caller = { user: 'ann' }
const asking = state.TASK_STATE_INPUT_REQUIRED
const working = state.TASK_STATE_WORKING
const completed = state.TASK_STATE_COMPLETED

const outcome = (sent: Promise<unknown>) =>
  sent.then(
    () => 'taken',
    error => error.code ?? String(error),
  )
const quick = agent(script => void script.status(completed))
/** Is at work on its first request until it is let go. */
function busy(then: number = asking) {
  const gate = deferred()
  const seen: unknown[] = []
  const executor = agent(async script => {
    seen.push(script.context.context)
    if (!script.context.task) script.task()
    await gate.promise
    script.status(then)
  })
  return { executor, gate, seen }
}

const long = 'x'.repeat(2_000)

it.each([
  ['a part that is none', { parts: [null] }],
  ['a text that is none', { parts: [{ content: { $case: 'text', value: 5 } }] }],
  ['references that are no list', { referenceTaskIds: 'x' }],
  ['metadata that is no object', { metadata: 'x' }],
  ['a contextId that is no text', { contextId: 7 }],
  ['a taskId that is no text', { taskId: 7 }],
  ['an extension that is no text', { extensions: [1] }],
  ['too much of metadata', { metadata: { long } }],
  ['too long an extension', { extensions: [long] }],
  ['too long an id', { messageId: long }],
  ['too long a file name', { parts: [{ filename: long }] }],
  ['too many references', { referenceTaskIds: Array(300).fill('') }],
])('a message with %s is refused as invalid', async (_what, more) => {
  const { lifechart } = await house.open({ limits: { messageBytes: 1_500 } })
  lifechart.tasks.define('quick', quick)
  expect(await outcome(lifechart.tasks.send('quick', says('go', more as never)))).toBe('REQUEST_INVALID')
})

it('a message may have as many characters as the limit says, with its metadata, and not one more', async () => {
  const request = { ...says('go', { metadata: { a: 1 } }), metadata: { b: 2 } }
  const { messageId, role, parts, metadata } = request.message
  const stored = { messageId, role, parts: parts.map(({ content }) => ({ text: content?.value })), metadata }
  const messageBytes = JSON.stringify({ message: stored, caller: {}, metadata: request.metadata }).length
  const codes = [0, 1].map(async less => {
    const { lifechart } = await house.open({ limits: { messageBytes: messageBytes - less } })
    lifechart.tasks.define('quick', quick)
    return outcome(lifechart.tasks.send('quick', request))
  })
  expect(await Promise.all(codes)).toEqual(['taken', 'REQUEST_INVALID'])
})

it('a message is taken as it was when it was sent', async () => {
  const { lifechart } = await house.open()
  const said: string[] = []
  lifechart.tasks.define(
    'asks',
    agent(script => {
      said.push(textOf(script.context.userMessage.parts))
      script.status(asking)
    }),
  )
  const first = says('one')
  const sent = lifechart.tasks.send('asks', first)
  const { id: taskId } = taskOf(await sent)
  const second = says('two', { taskId })
  const more = lifechart.tasks.send('asks', second)
  await settled()
  second.message.parts.length = 0
  await more
  expect(said).toEqual(['one', 'two'])
})

it('an execution that is tried again gets the request as it was sent, whatever the one before did with it', async () => {
  const { lifechart, clock } = await house.open()
  const seen: unknown[] = []
  lifechart.tasks.define(
    'tries',
    agent(script => {
      const { request, userMessage, attempt } = script.context
      const own = [request.metadata, request.configuration, userMessage.metadata] as unknown as { list: number[] }[]
      seen.push(own.map(({ list }) => list.length))
      for (const { list } of own) list.push(attempt)
      if (attempt < 3) throw new Error('again')
      script.status(completed)
    }),
    { retry: { max: 3, backoff: 1 } },
  )
  const given = { ...says('go', { metadata: { list: [] } }), metadata: { list: [] }, configuration: { list: [] } }
  const sent = lifechart.tasks.send('tries', given as never)
  await settled()
  await clock.advance(1)
  await settled()
  await clock.advance(2)
  await sent
  expect(seen).toEqual(Array(3).fill([0, 0, 0]))
  expect(given.metadata).toEqual({ list: [] })
})

it('each request has the context of its own call; those of requests that are done with, or were refused, are dropped', async () => {
  const { lifechart } = await house.open({ limits: { requestsPerTask: 2 } })
  const { executor, gate, seen } = busy()
  lifechart.tasks.define('busy', executor)
  const send = (taskId: string, context: string) =>
    outcome(lifechart.tasks.send('busy', says('more', { taskId }), { context, returnImmediately: true }))
  const { id: taskId } = taskOf(await lifechart.tasks.send('busy', says('go'), { context: 'first', returnImmediately: true }))
  const watching = all(lifechart.tasks.subscribe(taskId))
  expect(await Promise.all(['second', 'third', 'refused'].map(name => send(taskId, name)))).toEqual(['taken', 'taken', 'TASK_CAPACITY'])
  const live = (lifechart.tasks as Tasks).house.live(`task/${taskId}`)
  expect([...(live?.contexts.values() ?? [])]).toEqual(['first', 'second', 'third'])
  gate.resolve()
  await settled()
  expect(seen).toEqual(['first', 'second', 'third'])
  expect([...(live?.contexts.values() ?? [])]).toEqual(['third'])
  await lifechart.tasks.cancel(taskId)
  await watching
})

it('each request is given the tasks that it refers to, those of its own caller', async () => {
  const { lifechart } = await house.open()
  const seen: unknown[] = []
  lifechart.tasks.define(
    'asks',
    agent(script => {
      seen.push(script.context.referenceTasks?.map(({ id }) => id))
      script.status(asking)
    }),
  )
  const send = async (user: string | undefined, more = {}) =>
    taskOf(await lifechart.tasks.send('asks', says('go', more), { caller: { user } })).id
  const [hers, his, nobodys] = [await send('ann'), await send('bob'), await send(undefined)]
  const referenceTaskIds = [his, hers, nobodys, hers, 'unknown']
  const taskId = await send('ann', { referenceTaskIds })
  await send('ann', { taskId, referenceTaskIds })
  expect(seen.slice(3)).toEqual([[hers], [hers]])
})

it('a message that was not executed because its task ended is refused each time it is sent, however it is stored', async () => {
  const { lifechart } = await house.open()
  const gate = deferred()
  lifechart.tasks.define(
    'long',
    agent(async script => {
      script.task()
      await gate.promise
      for (let i = 0; i < 300; i++) await script.artifact('a', 'x', i > 0)
      script.status(completed)
    }),
  )
  const go = says('go')
  const { id: taskId } = taskOf(await lifechart.tasks.send('long', go, { returnImmediately: true, caller }))
  const second = says('second', { taskId })
  const first = outcome(lifechart.tasks.send('long', second, { caller }))
  await settled()
  gate.resolve()
  expect(await first).toBe('TASK_TERMINAL')
  await expect.poll(() => lifechart.stats()['tasks.live']).toBe(0)
  expect(await outcome(lifechart.tasks.send('long', second, { caller }))).toBe('TASK_TERMINAL')
  expect(await outcome(all(lifechart.tasks.stream('long', second, { caller })))).toBe('TASK_TERMINAL')
  expect(taskOf(await lifechart.tasks.send('long', go, { caller })).status?.state).toBe(completed)
  expect(await all(lifechart.tasks.stream('long', go, { caller }))).toEqual(['task completed'])
})

it('a follow-up that reaches several processes at once is executed once, and all of them get its outcome', async () => {
  const places = [await house.open(), await house.open()]
  const { executor, gate, seen } = busy()
  for (const { lifechart } of places) lifechart.tasks.define('busy', executor)
  const [first, second] = places.map(({ lifechart }) => lifechart.tasks)
  if (!first || !second) throw new Error('There are two.')
  const { id: taskId } = taskOf(await first.send('busy', says('go'), { returnImmediately: true, caller }))
  const more = says('more', { taskId })
  const sends = [first, second, first, second].map(tasks => outcome(tasks.send('busy', more, { caller })))
  await settled()
  gate.resolve()
  expect(await Promise.all(sends)).toEqual(['taken', 'taken', 'taken', 'taken'])
  expect(seen).toHaveLength(2)
})

it('a follow-up that another process sends while it is being stored is executed once', async () => {
  const [first, second] = [await house.open(), await house.open()]
  const { executor, gate, seen } = busy()
  for (const { lifechart } of [first, second]) lifechart.tasks.define('busy', executor)
  const { id: taskId } = taskOf(await first.lifechart.tasks.send('busy', says('go'), { returnImmediately: true, caller }))
  await settled()
  const more = says('more', { taskId })
  first.store.hold('commit')
  const here = outcome(first.lifechart.tasks.send('busy', more, { caller }))
  await expect.poll(() => first.store.holding).toBe(1)
  const there = outcome(second.lifechart.tasks.send('busy', more, { caller }))
  for (let i = 0; i < 5; i++) await settled()
  first.store.release()
  await settled()
  gate.resolve()
  expect(await Promise.all([here, there])).toEqual(['taken', 'taken'])
  expect(seen).toHaveLength(2)
})

it('a message has the ids of its task, in the history and for its executor; each event says of which execution it is', async () => {
  const { lifechart } = await house.open()
  const given: unknown[] = []
  lifechart.tasks.define(
    'asks',
    agent(script => {
      const { userMessage, request } = script.context
      for (const { taskId, contextId } of [userMessage, request.message]) given.push([taskId, contextId])
      script.status(working)
      script.status(working, 'still')
      script.artifact('a', 'x')
      script.task({}, working)
      script.task({}, asking)
    }),
  )
  const { id: taskId, contextId } = taskOf(await lifechart.tasks.send('asks', says('one')))
  const { history } = taskOf(await lifechart.tasks.send('asks', says('two', { taskId })))
  expect(given).toEqual(Array(4).fill([taskId, contextId]))
  expect(history.filter(({ role }) => role === 1).map(message => [message.taskId, message.contextId])).toEqual(given.slice(2))
  await lifechart.tasks.cancel(taskId)
  const attempts: unknown[] = []
  for await (const { payload } of lifechart.tasks.subscribe(taskId, { after: 0 }))
    attempts.push(payload?.$case !== 'message' && payload?.value.metadata?.['lifechart/attempt'])
  expect(attempts).toEqual([1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2])
})

it('a message that is placed, and whose sender can not go on, lets go of its task', async () => {
  const { lifechart } = await house.open()
  lifechart.tasks.define(
    'asks',
    agent(script => void script.status(asking)),
  )
  const placed = () => Promise.reject(new Error('no'))
  expect(await outcome(lifechart.tasks.send('asks', says('go'), { placed }))).toBe('Error: no')
  await expect.poll(() => lifechart.stats()['tasks.live']).toBe(0)
})

it('a duplicate of a message lets go of its task when that can not be read', async () => {
  const { lifechart, store } = await house.open({ limits: { windowRecords: 3 } })
  const [published, gate] = [deferred(), deferred()]
  lifechart.tasks.define(
    'long',
    agent(async script => {
      for (let i = 0; i < 20; i++) await script.artifact('a', 'x', i > 0)
      published.resolve()
      await gate.promise
      script.status(completed)
    }),
  )
  const message = says('go')
  await lifechart.tasks.send('long', message, { caller, returnImmediately: true })
  await published.promise
  await settled()
  store.fail('read', new LifechartError('GAP', 'It can not be read.'))
  expect(await outcome(lifechart.tasks.send('long', message, { caller }))).toBe('GAP')
  gate.resolve()
  await expect.poll(() => lifechart.stats()['tasks.live']).toBe(0)
})
