import type { A2ARequestHandler } from '@a2a-js/sdk/server'
import { agentCardHandler, jsonRpcHandler, restHandler, UserBuilder } from '@a2a-js/sdk/server/express'
import express, { type ErrorRequestHandler, type Express } from 'express'
import { connectionAware } from 'lifechart/a2a'
import { ownPagesOnly } from './own-pages.ts'
import { printable } from './printable.ts'

const cardPath = '/.well-known/agent-card.json'

/** True if the address of a request is one of the agent's. */
export function isOfAgent(url = ''): boolean {
  return url.startsWith('/a2a/') || url.split('?')[0] === cardPath
}

/** The agent over HTTP: its card, JSON-RPC and REST. */
export function createAgentApp(requestHandler: A2ARequestHandler): Express {
  const app = express()
  const served = { requestHandler, userBuilder: connectionAware(UserBuilder.noAuthentication) }
  app.disable('x-powered-by')
  app.use(ownPagesOnly)
  app.use((_request, response, next) => {
    response.setHeader('x-content-type-options', 'nosniff')
    next()
  })
  app.use(cardPath, agentCardHandler({ agentCardProvider: requestHandler }))
  app.use('/a2a/jsonrpc', jsonRpcHandler(served))
  app.use('/a2a/rest', restHandler(served))
  app.use((_request, response) => void response.status(404).json(nothing))
  app.use(failed)
  return app
}

const nothing = { error: { code: 'NOT_FOUND', message: 'There is nothing of this name.' } }

/** Express would show its stack. It takes a handler for one of errors by its four parameters. */
const failed: ErrorRequestHandler = (error: { status?: unknown }, _request, response, _next) => {
  const isOurs = !(typeof error.status === 'number' && error.status < 500)
  if (isOurs) process.stderr.write(`A request to the agent failed: ${printable(String(error))}\n`)
  const message = isOurs ? 'The server failed; the cause is in its log.' : 'This is no request that the agent understands.'
  response.status(isOurs ? 500 : 400).json({ error: { code: isOurs ? 'SERVER_FAILED' : 'REQUEST_INVALID', message } })
}
