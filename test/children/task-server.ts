import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { AgentCard } from '@a2a-js/sdk'
import type { AgentExecutor, ExecutionEventBus, RequestContext } from '@a2a-js/sdk/server'
import { jsonRpcHandler, UserBuilder } from '@a2a-js/sdk/server/express'
import express from 'express'
import { openLifechart } from 'lifechart'
import { a2aRequestHandler } from 'lifechart/a2a'
import { lowdbAdapter } from 'lifechart/adapters/lowdb'
import { type Moment, mortal } from './mortal-adapter.js'

// Serves an agent over JSON-RPC until it is killed: at the given commit, or by whoever started it. It counts aloud.
const [dir = '', moment = 'before', at = '0'] = process.argv.slice(2)

/** Counts to three, asks whether to go on, and counts to six; executed again, it goes on where it was. */
const counter: AgentExecutor = {
  async execute({ taskId, contextId, task, userMessage }: RequestContext, bus: ExecutionEventBus): Promise<void> {
    const status = (state: number) =>
      bus.publish({
        kind: 'statusUpdate',
        data: { taskId, contextId, status: { state, message: undefined, timestamp: undefined }, metadata: undefined },
      })
    const [first] = userMessage.parts
    const answered = first?.content?.$case === 'text' && first.content.value === 'go on'
    let counted = task?.artifacts[0]?.parts.length ?? 0
    status(2)
    for (const most = answered ? 6 : 3; counted < most; ) {
      counted++
      // Each in a commit of its own.
      await bus.publish({
        kind: 'artifactUpdate',
        data: {
          taskId,
          contextId,
          artifact: {
            artifactId: 'count',
            name: '',
            description: '',
            parts: [{ content: { $case: 'text', value: `${counted} ` }, metadata: undefined, filename: '', mediaType: '' }],
            metadata: undefined,
            extensions: [],
          },
          append: counted > 1,
          lastChunk: false,
          metadata: undefined,
        },
      })
      await new Promise(resolve => setImmediate(resolve))
    }
    status(answered ? 3 : 6)
  },
  cancelTask: async () => {},
}

const agentCard: AgentCard = {
  name: 'counter',
  description: 'Counts.',
  supportedInterfaces: [{ url: '', protocolBinding: 'JSONRPC', tenant: '', protocolVersion: '1.0' }],
  provider: undefined,
  version: '1',
  capabilities: { streaming: true, extensions: [] },
  securitySchemes: {},
  securityRequirements: [],
  defaultInputModes: [],
  defaultOutputModes: [],
  skills: [],
  signatures: [],
}

const { adapter, commits } = mortal(lowdbAdapter({ dir }), moment as Moment, Number(at))
const silent = () => {}
const lifechart = await openLifechart({ adapter, logger: { info: silent, warn: silent, error: silent } })
const requestHandler = a2aRequestHandler({ lifechart, agentCard, executor: counter, policy: { orphan: 'resume' } })
const app = express()
app.get('/commits', (_request, response) => {
  response.json(commits())
})
app.use('/', jsonRpcHandler({ requestHandler, userBuilder: UserBuilder.noAuthentication }))
const server = createServer(app).listen(0, '127.0.0.1', () => {
  console.log((server.address() as AddressInfo).port)
})
