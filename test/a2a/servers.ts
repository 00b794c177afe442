import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { AgentCard, SendMessageConfiguration, SendMessageRequest, Message as SentMessage, Task } from '@a2a-js/sdk'
import { type Client, ClientFactory, JsonRpcTransportFactory, type RequestOptions, RestTransportFactory } from '@a2a-js/sdk/client'
import { GrpcTransportFactory } from '@a2a-js/sdk/client/grpc'
import type { A2ARequestHandler, AgentExecutor, User } from '@a2a-js/sdk/server'
import { jsonRpcHandler, restHandler, type UserBuilder } from '@a2a-js/sdk/server/express'
import { A2AService, type UserBuilder as GrpcUserBuilder, grpcService } from '@a2a-js/sdk/server/grpc'
import { Server, ServerCredentials } from '@grpc/grpc-js'
import express from 'express'
import { type A2ARequestHandlerOptions, a2aRequestHandler, connectionAware } from 'lifechart/a2a'
import { afterEach, beforeEach, vi } from 'vitest'
import type { Message } from '../../src/tasks/model.ts'
import { type Process, processes } from '../runs/support.ts'
import { says } from '../tasks/support.ts'

export const transports = ['JSON-RPC', 'REST', 'gRPC'] as const
export type TransportName = (typeof transports)[number]

const bindings = { 'JSON-RPC': 'JSONRPC', REST: 'HTTP+JSON', gRPC: 'GRPC' } as const

export const agentCard: AgentCard = {
  name: 'agent',
  description: 'Does what the test says.',
  supportedInterfaces: Object.values(bindings).map(protocolBinding => ({ url: '', protocolBinding, tenant: '', protocolVersion: '1.0' })),
  provider: undefined,
  version: '1.0.0',
  capabilities: { streaming: true, pushNotifications: false, extensions: [] },
  securitySchemes: {},
  securityRequirements: [],
  defaultInputModes: [],
  defaultOutputModes: [],
  skills: [],
  signatures: [],
}

/** For a request that is made as this user. */
export const as = (name: string): RequestOptions => ({ serviceParameters: { 'x-user': name } })

const named = (userName = ''): User => ({ isAuthenticated: userName !== '', userName })
const fromRequest: UserBuilder = async request => named(request.header('x-user'))
const fromCall: GrpcUserBuilder = async call => named(call.metadata.get('x-user')[0]?.toString())

/** A server of the SDK, over one of its transports. */
export interface Listening {
  port: number
  close(): void
}

/** Serves on a free port, with users that their client names in a header. */
export async function listen(transport: TransportName, requestHandler: A2ARequestHandler): Promise<Listening> {
  if (transport === 'gRPC') {
    const server = new Server()
    server.addService(A2AService, grpcService({ requestHandler, userBuilder: connectionAware(fromCall) }))
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => (error ? reject(error) : resolve(bound))),
    )
    return { port, close: () => server.forceShutdown() }
  }
  const handler = transport === 'REST' ? restHandler : jsonRpcHandler
  const server = createServer(express().use(handler({ requestHandler, userBuilder: connectionAware(fromRequest) })))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = () => {
    server.close()
    server.closeAllConnections()
  }
  return { port: (server.address() as AddressInfo).port, close }
}

/** The SDK's own client. */
export function clientOf(transport: TransportName, port: number): Promise<Client> {
  const url = transport === 'gRPC' ? `127.0.0.1:${port}` : `http://127.0.0.1:${port}`
  const factory = new ClientFactory({ transports: [new JsonRpcTransportFactory(), new RestTransportFactory(), new GrpcTransportFactory()] })
  const supportedInterfaces = [{ url, protocolBinding: bindings[transport], tenant: '', protocolVersion: '1.0' }]
  return factory.createFromAgentCard({ ...agentCard, supportedInterfaces })
}

export interface Served extends Process {
  client: Client
  port: number
}

/** Servers of the SDK, each with a client; all are gone when the test is over. */
export function servers() {
  const house = processes()
  const listening: Listening[] = []
  beforeEach(() => {
    // Where the SDK's transports write every error that a client is told.
    vi.spyOn(console, 'error').mockImplementation(() => undefined)
  })
  afterEach(() => {
    for (const server of listening.splice(0)) server.close()
    vi.restoreAllMocks()
  })

  return {
    async serve(transport: TransportName, executor: AgentExecutor, options: Partial<A2ARequestHandlerOptions> = {}): Promise<Served> {
      const process = await house.open()
      const handler = a2aRequestHandler({ lifechart: process.lifechart, executor, agentCard, ...options })
      const server = await listen(transport, handler)
      listening.push(server)
      const { port } = server
      return { ...process, client: await clientOf(transport, port), port }
    },
  }
}

interface Sending extends Partial<Message> {
  tenant?: string
  historyLength?: number
  returnImmediately?: boolean
}

/** What a client sends: a message with an id of its own. */
export function send(text: string, { tenant = '', historyLength, returnImmediately, ...more }: Sending = {}): SendMessageRequest {
  const configured = historyLength !== undefined || returnImmediately !== undefined
  const configuration: SendMessageConfiguration | undefined = configured
    ? { acceptedOutputModes: [], taskPushNotificationConfig: undefined, historyLength, returnImmediately: returnImmediately ?? false }
    : undefined
  return { tenant, message: says(text, more).message, configuration, metadata: undefined }
}

/** The task that was the answer. */
export function taskIn(sent: SentMessage | Task): Task {
  if ('messageId' in sent) throw new Error('A message was the answer.')
  return sent
}

/** The task of a request by its id alone, as clients ask for it. */
export const byId = (id: string, tenant = '') => ({ id, tenant, metadata: undefined, historyLength: undefined })
