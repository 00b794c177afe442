import type { Server } from 'node:http'
import { createAdaptorServer } from '@hono/node-server'
import { honoApp } from '../../examples/http/hono.ts'
import { listen } from './listening.ts'
import { itServesRuns } from './mounted.ts'
import { byCookie, openReplies } from './replies.ts'

itServesRuns(
  'runs in Hono, on Node',
  async () => {
    const replies = await openReplies()
    const { fetch: answer } = honoApp({ lifechart: replies.lifechart, authorize: byCookie })
    const { origin, close } = await listen(createAdaptorServer({ fetch: answer }) as Server)
    return { replies, app: { ask: (path, init) => fetch(origin + path, init), close } }
  },
  { straight: true },
)

itServesRuns('runs in Hono, without a server', async () => {
  const replies = await openReplies()
  const app = honoApp({ lifechart: replies.lifechart, authorize: byCookie })
  return { replies, app: { ask: async (path, init) => app.request(path, init), close: async () => undefined } }
})
