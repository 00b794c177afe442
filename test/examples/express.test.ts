import { createServer } from 'node:http'
import { expressApp } from '../../examples/http/express.ts'
import { listen } from './listening.ts'
import { itServesRuns } from './mounted.ts'
import { byCookie, openReplies } from './replies.ts'

itServesRuns(
  'runs in Express',
  async () => {
    const replies = await openReplies()
    const { origin, close } = await listen(createServer(expressApp({ lifechart: replies.lifechart, authorize: byCookie })))
    return { replies, app: { ask: (path, init) => fetch(origin + path, init), close } }
  },
  { straight: true },
)
