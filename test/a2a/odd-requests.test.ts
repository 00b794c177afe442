import type { AgentExecutor } from '@a2a-js/sdk/server'
import { describe, expect, it } from 'vitest'
import { Script, state } from '../tasks/support.ts'
import { servers } from './servers.ts'

const house = servers()

let executions = 0
const asks: AgentExecutor = {
  execute: async (context, bus) => {
    executions++
    await new Script(context as never, bus as never).status(state.TASK_STATE_INPUT_REQUIRED)
  },
  cancelTask: async () => {},
}

const nested = (levels: number): object => (levels === 0 ? {} : { inner: nested(levels - 1) })
let sent = 0
const message = (more: object = {}) => ({ messageId: `odd-${++sent}`, role: 'ROLE_USER', parts: [{ text: 'hello' }], ...more })

/** What a client sends as the parameters of `SendMessage`, and REST as its body. */
const bodies: Record<string, () => object> = {
  'no message': () => ({}),
  'no message id': () => ({ message: message({ messageId: '' }) }),
  'no role': () => ({ message: message({ role: undefined }) }),
  'an unknown role': () => ({ message: message({ role: 'ROLE_KING' }) }),
  'no parts': () => ({ message: message({ parts: [] }) }),
  'parts that are no list': () => ({ message: message({ parts: 'hello' }) }),
  'a part of an unknown kind': () => ({ message: message({ parts: [{ video: 'x' }] }) }),
  'a part that is a number': () => ({ message: message({ parts: [5] }) }),
  'metadata that is a list': () => ({ message: message({ metadata: [1] }) }),
  'metadata of a part that is a list': () => ({ message: message({ parts: [{ text: 'x', metadata: [1] }] }) }),
  'metadata that is nested too deeply': () => ({ message: message({ metadata: nested(70) }) }),
  'data that is nested too deeply': () => ({ message: message({ parts: [{ data: nested(62) }] }) }),
  'metadata of the request that is nested too deeply': () => ({ message: message(), metadata: nested(70) }),
  'a contextId of 10 kB': () => ({ message: message({ contextId: 'x'.repeat(10_000) }) }),
  'a contextId with half a character': () => ({ message: message({ contextId: '\ud800' }) }),
  'a thousand references': () => ({ message: message({ referenceTaskIds: Array(1_000).fill('x') }) }),
  'a negative history': () => ({ message: message(), configuration: { historyLength: -1 } }),
  'half a message of history': () => ({ message: message(), configuration: { historyLength: 1.5 } }),
  'a history that is no number': () => ({ message: message(), configuration: { historyLength: 'all' } }),
}

/** Parameters of other calls, by method. */
const others: [method: string, params: object][] = [
  ['GetTask', { historyLength: -1 }],
  ['GetTask', { historyLength: 'all' }],
  ['GetTask', { tenant: ['a'] }],
  ['GetTask', { tenant: 'x'.repeat(10_000) }],
  ['CancelTask', { tenant: { a: 1 } }],
  ['SubscribeToTask', { tenant: nested(100) }],
  ['SendMessage', { message: message(), tenant: { a: 1 } }],
  ['SendMessage', { message: message(), tenant: 'x'.repeat(10_000) }],
  ['SendStreamingMessage', { message: message({ role: undefined }) }],
  ['SendStreamingMessage', { message: message(), configuration: { historyLength: -1 } }],
  ['ListTasks', { tenant: nested(100) }],
  ['ListTasks', { contextId: 'a\0b' }],
  ['ListTasks', { contextId: '\ud800' }],
  ['ListTasks', { contextId: 'x'.repeat(10_000) }],
  ['ListTasks', { pageSize: -1 }],
  ['ListTasks', { pageSize: 1e9 }],
  ['ListTasks', { pageSize: 'many' }],
  ['ListTasks', { pageToken: 'x'.repeat(10_000) }],
  ['ListTasks', { pageToken: '__proto__' }],
  ['ListTasks', { status: 99 }],
  ['ListTasks', { status: 'TASK_STATE_HAPPY' }],
  ['ListTasks', { statusTimestampAfter: 'yesterday' }],
  ['ListTasks', { historyLength: -5 }],
]

const headers = { 'content-type': 'application/json', 'a2a-version': '1.0', 'x-user': 'ann' }

async function answer(url: string, body: unknown): Promise<{ status: number; json: { result?: object; error?: { code: number } } }> {
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
  return { status: response.status, json: await response.json() }
}

const rpc = (port: number, method: string, params: object) => answer(`http://127.0.0.1:${port}/`, { jsonrpc: '2.0', id: 1, method, params })

async function served(transport: 'JSON-RPC' | 'REST') {
  const { port, lifechart, log } = await house.serve(transport, asks)
  executions = 0
  return { port, log, made: () => [executions, lifechart.stats()['tasks.created']] }
}

describe('a client that sends', () => {
  it.each(Object.keys(bodies))('%s is told that this is malformed, and nothing has happened', async name => {
    const one = await served('JSON-RPC')
    expect(await rpc(one.port, 'SendMessage', bodies[name]?.() ?? {})).toMatchObject({ status: 200, json: { error: { code: -32602 } } })
    expect(one.made()).toEqual([0, 0])
    const other = await served('REST')
    const { status, json } = await answer(`http://127.0.0.1:${other.port}/message:send`, bodies[name]?.())
    expect([status, json.error?.code]).toEqual([400, 400])
    expect(other.made()).toEqual([0, 0])
    // It is not the server's fault.
    expect([...one.log, ...other.log]).toEqual([])
  })

  it.each(others)('%s with %j is told so as well', async (method, params) => {
    const { port, made, log } = await served('JSON-RPC')
    const first = await rpc(port, 'SendMessage', { message: message() })
    const { id } = (first.json.result as { task: { id: string } }).task
    const { json } = await rpc(port, method, { id, ...params })
    expect(json.error?.code).toBe(-32602)
    expect([made(), log]).toEqual([[1, 1], []])
  })

  it.each([
    'tenant=a&tenant=b',
    'contextId=a&contextId=b',
    'contextId=%00',
    'historyLength=-1',
    'pageSize=0',
    'pageToken=a&pageToken=b',
    'status=99',
  ])('the query %s is told so as well', async query => {
    const { port } = await served('REST')
    const response = await fetch(`http://127.0.0.1:${port}/tasks?${query}`, { headers })
    expect([response.status, await response.json()]).toMatchObject([400, { error: { status: 'INVALID_ARGUMENT' } }])
  })

  it.each(['x'.repeat(10_000), '__proto__', 'constructor', '../../etc', 'a\0b', '\ud800', 'CON', '', 5, {}, null])(
    'the task id %j is told that there is no such task',
    async id => {
      const { port } = await served('JSON-RPC')
      for (const method of ['GetTask', 'CancelTask', 'SubscribeToTask']) {
        expect((await rpc(port, method, { id })).json.error?.code).toBe(-32001)
      }
    },
  )

  it('foreign names and half a character gets them back', async () => {
    const { port } = await served('JSON-RPC')
    const metadata = JSON.parse('{"__proto__":{"a":1},"constructor":{"prototype":{"b":2}},"half":"\\ud800"}')
    const { json } = await rpc(port, 'SendMessage', { message: message({ metadata }) })
    const [kept] = (json.result as { task: { history: { metadata: object }[] } }).task.history
    expect(JSON.stringify(kept?.metadata)).toBe(JSON.stringify(metadata))
    expect(({} as { a?: unknown }).a).toBeUndefined()
  })
})
