/**
 * Serves a run that counts, on a lowdb store, over HTTP, until it is told to end. Arguments: directory, port (0 for a free one).
 * Says its port. SIGTERM closes it as a server would.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { openLifechart } from 'lifechart'
import { lowdbAdapter } from 'lifechart/adapters/lowdb'
import { runHandler } from 'lifechart/http'
import { say } from './lowdb-environment.ts'

const [dir = '', port = '0'] = process.argv.slice(2)
const silent = () => {}
const lifechart = await openLifechart({ adapter: lowdbAdapter({ dir }), logger: { info: silent, warn: silent, error: silent } })

lifechart.runs.define('count', async function* ({ input, attempt, chunks, signal }) {
  // However slow its clients are, it is not over before they have ended this process twice.
  const last = attempt < 3 ? attempt * 100 : Number(input)
  for (let n = chunks + 1; n <= last && !signal.aborted; n++) {
    yield n
    await new Promise(resolve => setTimeout(resolve, 1))
  }
  if (attempt < 3 && !signal.aborted) await once(signal, 'abort')
  return 'counted'
})
if (!(await lifechart.runs.get('count'))) {
  await lifechart.runs.start('count', { type: 'count', input: 300 }, { orphan: 'resume' }).started
}
const handler = runHandler({ lifechart, authorize: 'public', retry: 20 })
const server = createServer(getRequestListener((request, env) => handler(request, env)))
server.listen(Number(port), '127.0.0.1', () => void say((server.address() as AddressInfo).port))
process.once('SIGTERM', () => void lifechart.close({ timeout: 2_000 }).then(() => server.close(() => process.exit(0))))
