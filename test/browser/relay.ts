import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { afterEach } from 'vitest'

export interface Relay {
  url: string
  /** Breaks every connection that there is. */
  cut(): void
}

/** A wire to a server, which can be cut. It is gone behind its test. */
export async function relayTo(port: string): Promise<Relay> {
  const sockets = new Set<Socket>()
  const keep = (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    // Of a socket that is cut: its other end is destroyed as well.
    socket.on('error', () => socket.destroy())
  }
  const server = createServer(near => {
    const far = connect(Number(port), '127.0.0.1')
    keep(near)
    keep(far)
    near.pipe(far).pipe(near)
    near.on('close', () => far.destroy())
    far.on('close', () => near.destroy())
  })
  const cut = () => {
    for (const socket of sockets) socket.destroy()
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  living.push(() => {
    server.close()
    cut()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, cut }
}

const living: (() => void)[] = []
afterEach(() => {
  for (const end of living.splice(0)) end()
})
