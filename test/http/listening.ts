import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect, createServer as createProxy, type Socket } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { afterEach } from 'vitest'
import type { RunHandler } from '../../src/http/index.ts'

/** By the `Response` that the handler returns, or straight to the socket. */
export const ways = ['through a Response', 'to the socket'] as const
export type Way = (typeof ways)[number]

/** Servers on 127.0.0.1, each on a free port; ended when the test is over. */
export function listening() {
  const servers: { close(callback: () => void): unknown; closeAllConnections(): void }[] = []
  afterEach(async () => {
    for (const server of servers.splice(0)) {
      const closed = new Promise<void>(resolve => server.close(() => resolve()))
      server.closeAllConnections()
      await closed
    }
  })

  const listen = async (server: Pick<Server, 'listen' | 'once' | 'address'>): Promise<number> => {
    server.listen(0, '127.0.0.1')
    await once(server as Server, 'listening')
    return (server.address() as AddressInfo).port
  }

  return {
    async serve(handler: RunHandler, way: Way): Promise<{ server: Server; url: string; port: number }> {
      const server = createServer(getRequestListener((request, env) => handler(request, way === 'to the socket' ? env : undefined)))
      servers.push(server)
      const port = await listen(server)
      return { server, port, url: `http://127.0.0.1:${port}` }
    },

    /** Passes connections on to a port; the first one is cut behind so many bytes of what comes back. */
    async cutting(port: number, cutBehind: number): Promise<{ url: string; connections(): number }> {
      const sockets = new Set<Socket>()
      let connections = 0
      const proxy = createProxy(client => {
        let left = ++connections === 1 ? cutBehind : Number.POSITIVE_INFINITY
        const upstream = connect(port, '127.0.0.1')
        for (const socket of [client, upstream]) {
          sockets.add(socket)
          socket.on('error', () => undefined)
          socket.on('close', () => {
            sockets.delete(socket)
            client.destroy()
            upstream.destroy()
          })
        }
        client.pipe(upstream)
        upstream.on('data', (bytes: Buffer) => {
          const passed = bytes.subarray(0, left)
          left -= passed.length
          // What was let through arrives, then the connection is gone.
          if (left > 0) client.write(passed)
          else client.end(passed)
        })
        if (left === 0) client.destroy()
      })
      servers.push({
        close: done => proxy.close(done),
        closeAllConnections: () => {
          for (const socket of sockets) socket.destroy()
        },
      })
      return { url: `http://127.0.0.1:${await listen(proxy as never)}`, connections: () => connections }
    },
  }
}
