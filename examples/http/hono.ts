// Runs in a Hono app. On Node: serve({ fetch: honoApp({ lifechart, authorize }).fetch, port: 3000 })
import type { HttpBindings } from '@hono/node-server'
import { Hono } from 'hono'
import type { Lifechart } from 'lifechart'
import { type Authorize, runHandler } from 'lifechart/http'

export interface AppOptions {
  /** Has the run type `reply` defined. */
  lifechart: Lifechart
  authorize: Authorize
}

export function honoApp({ lifechart, authorize }: AppOptions) {
  const runs = runHandler({ lifechart, authorize })
  const app = new Hono<{ Bindings: HttpBindings }>()

  // What a run is started with is the app's own; that it may be, and comes from a page that may, the handler sees to.
  app.post('/chats/:id/messages', c => {
    const id = c.req.param('id')
    return runs.start(c.req.raw, { id, begin: input => lifechart.runs.start(id, { type: 'reply', input }) }, c.env)
  })

  // c.env is what @hono/node-server adds: with it, streams are written straight to the socket, past what a middleware would add to
  // their headers (for cors, the handler has an option of its own). Elsewhere there is nothing in it.
  app.all('/runs/*', c => runs(c.req.raw, c.env))
  return app
}
