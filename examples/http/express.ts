// Runs in an Express 5 app: expressApp({ lifechart, authorize }).listen(3000)
import { getRequestListener } from '@hono/node-server'
import express from 'express'
import type { Lifechart } from 'lifechart'
import { type Authorize, type NodeBindings, runHandler } from 'lifechart/http'

export interface AppOptions {
  /** Has the run type `reply` defined. */
  lifechart: Lifechart
  authorize: Authorize
}

/** Answers a `Request` in Express. With the bindings, streams are written straight to the socket. */
const listen = (answer: (request: Request, node: NodeBindings) => Promise<Response>) =>
  getRequestListener((request, env) => answer(request, env), { overrideGlobalObjects: false })

export function expressApp({ lifechart, authorize }: AppOptions) {
  const runs = runHandler({ lifechart, authorize })
  const app = express()

  // Before express.json(), which would read the bodies. Not with app.use('/runs', …), which would take the base off the paths.
  app.all('/runs/*path', listen(runs))

  // Starting is the app's own: the handler shows and stops what is there.
  app.post('/chats/:id/messages', (req, res) => {
    const { id } = req.params
    return listen(async (request, node) => {
      if (!(await authorize({ request, action: 'events', id }))) return new Response(null, { status: 404 })
      // A page of another origin may send a form or plain text without being asked for its leave; JSON it may not.
      if (!req.is('application/json')) return new Response('Send JSON.', { status: 415 })
      const run = lifechart.runs.start(id, { type: 'reply', input: await request.json() })
      await run.started
      const { runId } = run
      if (req.get('accept') === 'text/event-stream') return runs.events(request, { id, runId }, node)
      return Response.json({ id, runId }, { status: 202 })
    })(req, res)
  })
  return app
}
