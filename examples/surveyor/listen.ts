import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { A2ARequestHandler } from '@a2a-js/sdk/server'
import { A2AService, grpcService, UserBuilder } from '@a2a-js/sdk/server/grpc'
import { Server as GrpcServer, ServerCredentials } from '@grpc/grpc-js'
import { connectionAware } from 'lifechart/a2a'

const host = '127.0.0.1'

/** Listens on loopback; gives the address, as `host:port`. Rejects with what the system says of a port that is taken. */
export async function listen(server: Server, port: number): Promise<string> {
  server.listen(port, host)
  await once(server, 'listening')
  return `${host}:${(server.address() as AddressInfo).port}`
}

/** A server of gRPC on loopback, and its address. It answers once it is given an agent. */
export async function listenForGrpc(port: number): Promise<{ address: string; give(agent: A2ARequestHandler): void; close(): void }> {
  const server = new GrpcServer()
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`${host}:${port}`, ServerCredentials.createInsecure(), (error, at) => (error ? reject(error) : resolve(at)))
  })
  return {
    address: `${host}:${bound}`,
    give: requestHandler =>
      server.addService(A2AService, grpcService({ requestHandler, userBuilder: connectionAware(UserBuilder.noAuthentication) })),
    close: () => server.forceShutdown(),
  }
}
