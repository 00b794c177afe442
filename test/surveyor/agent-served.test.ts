import { request } from 'node:http'
import { TaskState } from '@a2a-js/sdk'
import { type Client, ClientFactory, ClientFactoryOptions, DefaultAgentCardResolver } from '@a2a-js/sdk/client'
import { GrpcTransportFactory } from '@a2a-js/sdk/client/grpc'
import { describe, expect, it } from 'vitest'
import { says, textIn } from '../../examples/surveyor/told.ts'
import { type SurveyServer, surveyServers } from '../support/survey-server.ts'
import { findingsOf, taskIn, toldBy } from './conversation.ts'
import { survey, temporary } from './tree.ts'

const { directory, tree } = temporary()
const { serve, fail } = surveyServers()

const files = { 'a.ts': 'x\n', 'sub/b.ts': "import 'c'\ny\n", 'sub/deep/c.ts': 'z\n' }
const transports = ['JSONRPC', 'HTTP+JSON', 'GRPC'] as const

function clientOf({ url }: SurveyServer, transport: (typeof transports)[number]): Promise<Client> {
  const { transports: known } = ClientFactoryOptions.default
  const options = { ...ClientFactoryOptions.default, transports: [...known, new GrpcTransportFactory()], preferredTransports: [transport] }
  return new ClientFactory(options).createFromUrl(url)
}

/** The findings as they are told, and as they come over a wire. */
async function expected(dir: string): Promise<unknown[]> {
  const { findings } = await survey(dir)
  return findings.map(({ totals, place, ...found }) => JSON.parse(JSON.stringify(found)) as unknown)
}

describe.each(transports)('the agent over %s', transport => {
  it('asks, surveys what is answered, and streams what it finds', async () => {
    const dir = tree(files)
    const client = await clientOf(await serve({ dir, data: directory() }), transport)
    expect(client.transport.protocolName).toBe(transport)
    const asked = taskIn(await client.sendMessage(says('missing')))
    expect(asked.status?.state).toBe(TaskState.TASK_STATE_INPUT_REQUIRED)
    expect(textIn(asked.status?.message?.parts)).toContain('There is no directory missing.')

    const answer = says('sub', { taskId: asked.id, contextId: asked.contextId })
    const told = await toldBy(client.sendMessageStream(answer))
    expect(told.states.slice(-2)).toEqual(['WORKING', 'COMPLETED'])
    expect(told.findings).toEqual(await expected(`${dir}/sub`))
    expect(told.report).toContain('# Survey of sub')
    const task = await client.getTask({ tenant: '', id: asked.id })
    expect(findingsOf(task)).toEqual(told.findings)
  })

  it('rejects what is outside, and cancels', async () => {
    const client = await clientOf(await serve({ dir: tree(files), data: directory() }), transport)
    expect(taskIn(await client.sendMessage(says('../..'))).status?.state).toBe(TaskState.TASK_STATE_REJECTED)

    const stream = client.sendMessageStream(says('.', { metadata: { pace: 10_000 } }))
    let taskId = ''
    for await (const { payload } of stream) {
      if (payload?.$case !== 'artifactUpdate') continue
      taskId = payload.value.taskId
      break
    }
    const followed = toldBy(client.resubscribeTask({ tenant: '', id: taskId }))
    const cancelled = await client.cancelTask({ tenant: '', id: taskId, metadata: undefined })
    expect(cancelled.status?.state).toBe(TaskState.TASK_STATE_CANCELED)
    expect((await followed).states.at(-1)).toBe('CANCELED')
  })
})

describe('the server of the agent', () => {
  it('says in a card where it is, what it can do, and how to ask', async () => {
    const server = await serve({ dir: tree(files), data: directory() })
    const card = await new DefaultAgentCardResolver().resolve(server.url)
    expect(card.capabilities).toMatchObject({ streaming: true, pushNotifications: false })
    expect(card.supportedInterfaces.map(({ protocolBinding, url }) => [protocolBinding, url])).toEqual([
      ['JSONRPC', `${server.url}/a2a/jsonrpc`],
      ['HTTP+JSON', `${server.url}/a2a/rest`],
      ['GRPC', expect.stringMatching(/^127\.0\.0\.1:\d+$/)],
    ])
    expect(card.skills).toEqual([expect.objectContaining({ id: 'survey', examples: expect.arrayContaining(['.']) })])
  })

  it('answers no page but its own, and under no name but that of this machine', async () => {
    const server = await serve({ dir: tree(files), data: directory() })
    const { url, port } = server
    const paths = ['/.well-known/agent-card.json', '/a2a/jsonrpc', '/a2a/rest/message:send', '/a2a/rest/tasks', '/a2a/nothing']
    const foreign = ['http://example.com', 'null', `http://localhost:${port}`, `https://127.0.0.1:${port}`, `${url}.example.com`]
    for (const path of paths) {
      for (const origin of foreign) {
        expect([path, origin, await statusOf(server, path, { origin })]).toEqual([path, origin, 403])
      }
      for (const host of [`example.com:${port}`, `127.0.0.1.example.com:${port}`, 'example.com', '127.0.0.1@example.com']) {
        expect([path, host, await statusOf(server, path, { host })]).toEqual([path, host, 421])
      }
    }
    const own = await fetch(url + paths[0], { headers: { origin: url } })
    expect(own.status).toBe(200)
    expect(own.headers.get('access-control-allow-origin')).toBeNull()
    expect(own.headers.get('x-content-type-options')).toBe('nosniff')
    expect(await statusOf(server, '/a2a/nothing', { host: `LOCALHOST:${port}` })).toBe(404)
    expect(await statusOf(server, '/a2a/rest/tasks/%E0', {})).toBe(400)
  })

  it('starts nothing for a body that a page of others could send without being asked', async () => {
    const { url } = await serve({ dir: tree(files), data: directory() })
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'SendMessage', params: { message: { ...says('.').message } } })
    const headers = { 'content-type': 'text/plain', 'a2a-version': '1.0' }
    const rpc = (await (await fetch(`${url}/a2a/jsonrpc`, { method: 'POST', headers, body })).json()) as { error?: unknown }
    expect(rpc.error).toBeDefined()
    expect((await fetch(`${url}/a2a/rest/message:send`, { method: 'POST', headers, body })).status).toBe(400)
  })

  it('ends at SIGTERM with code 0, also while a task is followed, and goes on with it', async () => {
    const dir = tree(files)
    const data = directory()
    const first = await serve({ dir, data })
    const client = await clientOf(first, 'JSONRPC')
    const stream = client.sendMessageStream(says('.', { metadata: { pace: 400 } }))
    let taskId = ''
    for await (const { payload } of stream) {
      if (payload?.$case !== 'artifactUpdate') continue
      taskId = payload.value.taskId
      break
    }
    expect(await first.end('SIGTERM')).toBe(0)
    const second = await clientOf(await serve({ dir, data, port: first.port }), 'JSONRPC')
    const told = await toldBy(second.resubscribeTask({ tenant: '', id: taskId }))
    expect(told.states.at(-1)).toBe('COMPLETED')
    expect(told.findings).toEqual(await expected(dir))
  })

  it('says that the port of gRPC is taken', async () => {
    const dir = tree(files)
    const { url } = await serve({ dir, data: directory() })
    const card = await new DefaultAgentCardResolver().resolve(url)
    const taken = card.supportedInterfaces[2]?.url.split(':')[1] ?? ''
    const refused = await fail('--dir', dir, '--data', directory(), '--port', '0', '--grpc-port', taken)
    expect(refused).toEqual({ code: 1, complaint: expect.stringContaining('choose another one with --grpc-port') })
  })
})

function statusOf({ port }: SurveyServer, path: string, headers: Record<string, string>): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path, headers }, response => {
      response.resume()
      resolve(response.statusCode)
    })
      .on('error', reject)
      .end()
  })
}
