import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { openLifechart } from 'lifechart'
import { lowdbAdapter } from 'lifechart/adapters/lowdb'
import { memoryAdapter } from 'lifechart/adapters/memory'
import { type NodeBindings, type Question, runHandler } from 'lifechart/http'
import { quiet } from '../quiet.ts'
import { Gate } from './gate.ts'
import { paced } from './pace.ts'
import type { BenchServer } from './server.ts'

export interface LifechartServerOptions {
  /** Straight to the socket. */
  direct: boolean
  /** Stored there; else in memory. */
  dir?: string
}

/** Runs over HTTP, with the default limits. Callers are named by the header `caller`, where it is there. */
export async function lifechartServer({ direct, dir }: LifechartServerOptions): Promise<BenchServer> {
  const adapter = dir === undefined ? memoryAdapter() : lowdbAdapter({ dir })
  const lifechart = await openLifechart({ adapter, logger: quiet })
  const authorize = ({ request }: Question) => {
    const caller = request.headers.get('caller')
    return caller === null || { caller }
  }
  const handler = runHandler({ lifechart, authorize })
  const listener = getRequestListener((request, env) => handler(request, direct ? (env as NodeBindings) : undefined))
  const server = createServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  let begin = async () => {}
  return {
    port: (server.address() as AddressInfo).port,
    async prepare(id, events, burst) {
      const gate = new Gate()
      const run = lifechart.runs.start(id, async ({ emit }) => {
        await gate.passed
        await paced(events, burst, text => emit(text))
      })
      await run.started
      begin = async () => {
        gate.open()
        await run.ended
      }
    },
    async emit() {
      const since = performance.now()
      await begin()
      return performance.now() - since
    },
  }
}
