import type { Server, ServerResponse } from 'node:http'
import { createRequire } from 'node:module'

/** What a handler is given beside the request. */
export interface Bindings {
  outgoing: ServerResponse
}

/** Of what `@hono/node-server` offers, that which is used here: its declarations need the DOM's. */
export const { createAdaptorServer } = createRequire(import.meta.url)('@hono/node-server') as {
  createAdaptorServer(options: { fetch: (request: Request, bindings: Bindings) => Promise<Response> }): Server
}
