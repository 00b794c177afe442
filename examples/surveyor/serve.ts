// The surveyor with a page, and as an A2A agent:
//   node .build/examples/surveyor/serve.js [--port <number>] [--grpc-port <number>] [--dir <directory>] [--data <directory>]
import { createServer } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { isLifechartError, type Lifechart, openLifechart } from 'lifechart'
import { a2aRequestHandler } from 'lifechart/a2a'
import { lowdbAdapter } from 'lifechart/adapters/lowdb'
import { createAgentApp, isOfAgent } from './a2a.ts'
import { surveyAgent, surveyPolicy } from './agent.ts'
import { createApp } from './app.ts'
import { agentCard } from './card.ts'
import { listen, listenForGrpc } from './listen.ts'
import { readOptions, type ServeOptions, UsageError } from './options.ts'
import type { Page } from './page.ts'
import { printable } from './printable.ts'
import { createSurveys } from './surveys.ts'

const { port, grpcPort, root, data } = optionsOrExit()
const lifechart = await storeOrExit()
const surveys = createSurveys(lifechart, root)
const server = createServer()
const grpc = await portOrExit('--grpc-port', grpcPort, listenForGrpc(grpcPort))
const url = `http://${await portOrExit('--port', port, listen(server, port))}`
// Only now it is known where the agent is, which its card says.
const agent = a2aRequestHandler({
  lifechart,
  executor: surveyAgent(root),
  agentCard: agentCard({ url, grpc: grpc.address }),
  policy: surveyPolicy,
})
grpc.give(agent)
const agentApp = createAgentApp(agent)
const app = getRequestListener(createApp({ lifechart, surveys, page: pageOnce }))
server.on('request', (request, response) => void (isOfAgent(request.url) ? agentApp : app)(request, response))
process.stdout.write(`The surveyor is at ${url}\nIts agent card is at ${url}/.well-known/agent-card.json, and gRPC at ${grpc.address}\n`)
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, end)

let page: Promise<Page> | undefined

/** Drawing the charts takes most of a second: it is done for the first who asks for the page, not for each start of a server. */
function pageOnce(): Promise<Page> {
  page ??= import('./page.ts').then(({ assemblePage }) => assemblePage(root))
  return page
}

/** What is under way is left to the next start of this server. */
async function end(): Promise<void> {
  await lifechart.close()
  grpc.close()
  server.close()
  server.closeAllConnections()
}

async function portOrExit<T>(option: string, wanted: number, listening: Promise<T>): Promise<T> {
  try {
    return await listening
  } catch (error) {
    await lifechart.close()
    const { code, message } = error as NodeJS.ErrnoException
    const taken = code === 'EADDRINUSE' || message.includes('EADDRINUSE')
    return fail(1, taken ? `Port ${wanted} is taken: end what listens there, or choose another one with ${option}.` : message)
  }
}

async function storeOrExit(): Promise<Lifechart> {
  try {
    return await openLifechart({ adapter: lowdbAdapter({ dir: data }) })
  } catch (error) {
    if (!isLifechartError(error)) throw error
    const locked = error.code === 'STORE_LOCKED'
    return fail(
      1,
      locked
        ? `The store ${printable(data)} is open in process ${error.details.pid}: end it, or choose another one with --data.`
        : error.message,
    )
  }
}

function optionsOrExit(): ServeOptions {
  try {
    return readOptions(process.argv.slice(2))
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    return fail(2, error.message)
  }
}

function fail(code: 1 | 2, message: string): never {
  process.stderr.write(`${message}\n`)
  process.exit(code)
}
