import { describe, expect, it } from 'vitest'
import type { Message, SendRequest } from '../../src/tasks/model.ts'
import { processes } from '../runs/support.ts'
import { agent, says, state, taskOf, textOf } from './support.ts'

const house = processes()
const ann = { user: 'ann' }

async function opened() {
  const { lifechart } = await house.open()
  let calls = 0
  lifechart.tasks.define(
    'agent',
    agent(script => {
      calls++
      script.status(state.TASK_STATE_INPUT_REQUIRED)
    }),
  )
  return { tasks: lifechart.tasks, calls: () => calls }
}

function cyclic(): object {
  const value: { self?: object } = {}
  value.self = value
  return value
}

const nested = (levels: number): object => (levels === 0 ? {} : { inner: nested(levels - 1) })
const part = (more: object) => ({ parts: [{ metadata: undefined, filename: '', mediaType: '', ...more }] })

/** What is wrong with a message, by name. */
const wrong: Record<string, object> = {
  'no role': { role: 0 },
  'a role that is none': { role: -1 },
  'the role of the agent': { role: 2 },
  'an id that is no text': { messageId: 5 },
  'a taskId that is no text': { taskId: 5 },
  'parts that are no list': { parts: 'hello' },
  'a part that is nothing': { parts: [null] },
  'a part that is no object': { parts: ['hello'] },
  'a part without content': part({}),
  'content of an unknown kind': part({ content: { $case: 'video', value: 'x' } }),
  'a text that is none': part({ content: { $case: 'text', value: 5 } }),
  'bytes that are none': part({ content: { $case: 'raw', value: 'x' } }),
  'metadata of a part that is a list': part({ content: { $case: 'text', value: 'x' }, metadata: [1] }),
  'data that is no JSON': part({ content: { $case: 'data', value: Number.NaN } }),
  'data that is nested too deeply': part({ content: { $case: 'data', value: nested(60) } }),
  'metadata that is a list': { metadata: [1] },
  'metadata that is a text': { metadata: 'x' },
  'metadata with a cycle': { metadata: cyclic() },
  'metadata that is nested too deeply': { metadata: nested(62) },
  'extensions that are no texts': { extensions: [5] },
  'references that are no texts': { referenceTaskIds: [{}] },
  'more references than anybody has': { referenceTaskIds: Array(65).fill('x') },
  'too large metadata': { metadata: { much: 'x'.repeat(1_100_000) } },
  'too large a part of metadata': part({ content: { $case: 'text', value: 'x' }, metadata: { much: 'x'.repeat(1_100_000) } }),
  'too long an id': { messageId: 'x'.repeat(1_100_000) },
}

describe('a message with', () => {
  it.each(Object.keys(wrong))('%s is refused, whether it begins a task or not, and nobody is called for it', async name => {
    const { tasks, calls } = await opened()
    const waiting = taskOf(await tasks.send('agent', says('ask'), { caller: ann }))
    for (const ids of [{}, { taskId: waiting.id }]) {
      const message = { ...ids, ...wrong[name] } as Partial<Message>
      await expect(tasks.send('agent', says('x', message), { caller: ann })).rejects.toMatchObject({
        code: expect.stringMatching(/^(REQUEST_INVALID|NOT_SERIALIZABLE)$/),
      })
    }
    expect(await tasks.get(waiting.id, { caller: ann })).toEqual(waiting)
    expect([calls(), (await tasks.list({ caller: ann })).totalSize]).toEqual([1, 1])
  })

  it('64 levels, foreign names and half a character is stored as it is', async () => {
    const { tasks } = await opened()
    const metadata = JSON.parse('{"__proto__":{"a":1},"constructor":{"prototype":{"b":2}},"half":"\\ud800"}')
    metadata.deep = nested(57)
    const { id } = taskOf(await tasks.send('agent', says('\ud800', { metadata }), { caller: ann }))
    const [kept] = (await tasks.get(id, { caller: ann })).history
    expect(JSON.stringify(kept?.metadata)).toBe(JSON.stringify(metadata))
    expect([textOf(kept?.parts ?? []), ({} as { a?: unknown }).a]).toEqual(['\ud800', undefined])
  })

  it('as many references as it may have is given each task that exists', async () => {
    const { tasks } = await opened()
    const { id } = taskOf(await tasks.send('agent', says('ask'), { caller: ann }))
    await expect(tasks.send('agent', says('x', { referenceTaskIds: [id, ...Array(63).fill('x')] }), { caller: ann })).resolves.toBeDefined()
  })
})

describe('a request with', () => {
  it.each([
    ['a negative history', { historyLength: -1 }, {}],
    ['a history that is no number', { historyLength: Number.NaN }, {}],
    ['a tenant that is no text', { caller: { ...ann, tenant: { a: 1 } } }, {}],
    ['a tenant of many texts', { caller: { tenant: ['a', 'b'] } }, {}],
    ['too long a tenant', { caller: { tenant: 'x'.repeat(257) } }, {}],
    ['metadata that is a list', {}, { metadata: [1] }],
    ['metadata with a cycle', {}, { metadata: cyclic() }],
    ['a configuration that is no JSON', {}, { configuration: { historyLength: Number.NaN } }],
    ['too large a configuration', {}, { configuration: { acceptedOutputModes: ['x'.repeat(1_100_000)] } }],
  ])('%s is refused before anybody is called for it', async (_what, options, more) => {
    const { tasks, calls } = await opened()
    const sending = { caller: ann, ...options } as object
    await expect(tasks.send('agent', { ...says('x'), ...more } as SendRequest, sending)).rejects.toMatchObject({
      code: expect.stringMatching(/^(REQUEST_INVALID|NOT_SERIALIZABLE)$/),
    })
    const events = tasks.stream('agent', { ...says('x'), ...more } as SendRequest, sending)
    await expect(events.next()).rejects.toMatchObject({ code: expect.stringMatching(/^(REQUEST_INVALID|NOT_SERIALIZABLE)$/) })
    expect(calls()).toBe(0)
  })

  it('a tenant, as long as it may be, has its own tasks', async () => {
    const { tasks } = await opened()
    const caller = { ...ann, tenant: 'ü'.repeat(128) }
    const { id } = taskOf(await tasks.send('agent', says('x'), { caller }))
    expect((await tasks.list({ caller })).tasks.map(task => task.id)).toEqual([id])
    await expect(tasks.get(id, { caller: { ...ann, tenant: 'x'.repeat(257) } })).rejects.toMatchObject({ code: 'REQUEST_INVALID' })
  })

  it('a configuration and metadata gives the executor copies that are its own', async () => {
    const { lifechart } = await house.open()
    const seen: unknown[] = []
    lifechart.tasks.define(
      'notes',
      agent(script => {
        const { request } = script.context
        seen.push(structuredClone(request))
        Object.assign(request.metadata ?? {}, { mine: true })
        Object.assign(request.configuration as object, { mine: true })
        script.status(state.TASK_STATE_COMPLETED)
      }),
    )
    const request = { ...says('x'), metadata: { a: { b: 1 } }, configuration: { acceptedOutputModes: ['text/plain'] } }
    const sent = lifechart.tasks.send('notes', request, { caller: ann })
    request.metadata.a.b = 2
    taskOf(await sent)
    expect(seen).toMatchObject([{ metadata: { a: { b: 1 } }, configuration: { acceptedOutputModes: ['text/plain'] } }])
    expect(request.metadata).toEqual({ a: { b: 2 } })
  })
})

describe('a list', () => {
  it.each([
    ['contexts that no task can have', { contextId: 'a\0b' }],
    ['half a character', { contextId: '\ud800' }],
    ['too long a context', { contextId: 'x'.repeat(257) }],
    ['a context that is no text', { contextId: ['a', 'b'] }],
    ['a negative history', { historyLength: -1 }],
    ['a tenant that is no text', { caller: { tenant: {} } }],
  ])('of %s is refused, and says what is wrong', async (_what, options) => {
    const { tasks } = await opened()
    await expect(Promise.resolve(tasks.list({ caller: ann, ...options } as object))).rejects.toMatchObject({
      code: 'REQUEST_INVALID',
      message: expect.not.stringContaining('pageToken'),
    })
  })
})

describe('an executor', () => {
  it.each([60, 61, 62, 63, 64, 65])('that begins with a task of %i levels has a task in any case', async levels => {
    const { tasks } = await opened()
    tasks.define(
      'deep',
      agent(async script => {
        await script.task({ metadata: nested(levels) as never })
        await script.status(state.TASK_STATE_COMPLETED)
      }),
    )
    const task = taskOf(await tasks.send('deep', says('x'), { caller: ann }))
    expect(task.status?.state).toBe(levels > 60 ? state.TASK_STATE_FAILED : state.TASK_STATE_COMPLETED)
    expect(await tasks.get(task.id, { caller: ann })).toEqual(task)
  })
})
