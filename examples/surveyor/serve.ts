// The surveyor with a page:
//   node .build/examples/surveyor/serve.js [--port <number>] [--dir <directory>] [--data <directory>]
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { isLifechartError, type Lifechart, openLifechart } from 'lifechart'
import { lowdbAdapter } from 'lifechart/adapters/lowdb'
import { createApp } from './app.ts'
import { readOptions, type ServeOptions, UsageError } from './options.ts'
import type { Page } from './page.ts'
import { printable } from './printable.ts'
import { createSurveys } from './surveys.ts'

const { port, root, data } = optionsOrExit()
const lifechart = await storeOrExit()
const surveys = createSurveys(lifechart, root)
const server = createAdaptorServer({ fetch: createApp({ lifechart, surveys, page: pageOnce }) })
server.once('error', async (error: NodeJS.ErrnoException) => {
  await lifechart.close()
  const taken = error.code === 'EADDRINUSE'
  fail(1, taken ? `Port ${port} is taken: end what listens there, or choose another one with --port.` : error.message)
})
server.listen(port, '127.0.0.1', () => {
  process.stdout.write(`The surveyor is at http://127.0.0.1:${(server.address() as AddressInfo).port}\n`)
})
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, end)

let page: Promise<Page> | undefined

/** Drawing the chart takes most of a second: it is done for the first who asks for the page, not for each start of a server. */
function pageOnce(): Promise<Page> {
  page ??= import('./page.ts').then(({ assemblePage }) => assemblePage(root))
  return page
}

/** What is under way is left to the next start of this server. */
async function end(): Promise<void> {
  await lifechart.close()
  server.close()
  if ('closeAllConnections' in server) server.closeAllConnections()
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
