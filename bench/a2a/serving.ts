import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { jsonRpcHandler, UserBuilder } from '@a2a-js/sdk/server/express'
import express from 'express'
import { connectionAware } from 'lifechart/a2a'
import { answer } from '../http/remote.ts'
import { chunks } from './agents.ts'
import { handling } from './handlers.ts'

/** A program: an agent over JSON-RPC. */
const commands = {
  /** Resolves with the port on loopback. */
  async open(kind: 'memory' | 'sdk'): Promise<number> {
    const { handler: requestHandler } = await handling(kind, chunks(), '')
    const userBuilder = kind === 'sdk' ? UserBuilder.noAuthentication : connectionAware(UserBuilder.noAuthentication)
    const server = createServer(express().use(jsonRpcHandler({ requestHandler, userBuilder })))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  },
}

export type Serving = typeof commands

answer(commands)
