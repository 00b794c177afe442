// Runs in an Express 5 app: expressApp({ lifechart, authorize }).listen(3000)
import { getRequestListener } from '@hono/node-server'
import express from 'express'
import type { Lifechart } from 'lifechart'
import { type Authorize, type Body, type NodeBindings, runHandler } from 'lifechart/http'

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

  // What a run is started with is the app's own; that it may be, and comes from a page that may, the handler sees to.
  app.post('/chats/:id/messages', (req, res) => {
    const { id } = req.params
    const begin = (input: Body) => lifechart.runs.start(id, { type: 'reply', input })
    return listen((request, node) => runs.start(request, { id, begin }, node))(req, res)
  })
  return app
}
