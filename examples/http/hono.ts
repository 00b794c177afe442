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

  // Starting is the app's own: the handler shows and stops what is there.
  app.post('/chats/:id/messages', async c => {
    const id = c.req.param('id')
    if (!(await authorize({ request: c.req.raw, action: 'events', id }))) return c.notFound()
    // A page of another origin may send a form or plain text without being asked for its leave; JSON it may not.
    if (c.req.header('content-type') !== 'application/json') return c.text('Send JSON.', 415)
    const run = lifechart.runs.start(id, { type: 'reply', input: await c.req.json() })
    await run.started
    const { runId } = run
    if (c.req.header('accept') === 'text/event-stream') return runs.events(c.req.raw, { id, runId }, c.env)
    return c.json({ id, runId }, 202)
  })

  // c.env is what @hono/node-server adds: with it, streams are written straight to the socket, past what a middleware would add to
  // their headers (for cors, the handler has an option of its own). Elsewhere there is nothing in it.
  app.all('/runs/*', c => runs(c.req.raw, c.env))
  return app
}
