import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { paced } from './pace.ts'
import type { BenchServer } from './server.ts'

/** The least that has to be done: every event is written to every connection, in the same frames. Nothing is kept, nobody can resume. */
export async function plainServer(): Promise<BenchServer> {
  const runId = '0'.repeat(26)
  let connections: ServerResponse[] = []
  let begin = async () => {}
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
    response.write('retry: 1000\n\n')
    connections.push(response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async prepare(_id, events, burst) {
      connections = []
      begin = () =>
        paced(events, burst, (text, n) => {
          const frame = `id: ${runId}:${n + 2}\nevent: chunk\ndata: ${JSON.stringify(text)}\n\n`
          for (const connection of connections) connection.write(frame)
        })
    },
    async emit() {
      const since = performance.now()
      await begin()
      const took = performance.now() - since
      for (const connection of connections) connection.end('event: end\ndata: {"status":"done"}\n\n')
      return took
    },
  }
}
