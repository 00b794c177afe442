// What there is one of in a process.
import { type Lifechart, openLifechart } from 'lifechart'
import { lowdbAdapter } from 'lifechart/adapters/lowdb'
import { type Authorize, type RunHandler, runHandler } from 'lifechart/http'
import { reply } from './reply.ts'

export interface Served {
  lifechart: Lifechart
  runs: RunHandler
}

// Next loads a module once for each route, and again whenever it changes in development. The process stays, and this with it:
// what you change here counts when it is started again.
const kept = globalThis as typeof globalThis & { lifechart?: Promise<Served> }

export function served(): Promise<Served> {
  kept.lifechart ??= open().catch(error => {
    // The next request tries again.
    kept.lifechart = undefined
    throw error
  })
  return kept.lifechart
}

async function open(): Promise<Served> {
  const lifechart = await openLifechart({ adapter: lowdbAdapter({ dir: process.env.RUNS_DIR ?? '.data/runs' }) })
  lifechart.runs.define('reply', reply)
  // Next would wait for the streams, and they for their runs: start it with NEXT_MANUAL_SIG_HANDLE=1, which leaves the signal to you.
  process.once('SIGTERM', () =>
    lifechart
      .close()
      .catch(console.error)
      .finally(() => process.exit()),
  )
  return { lifechart, runs: runHandler({ lifechart, authorize }) }
}

/** Here the ids of a user's chats begin with the user, and a cookie is believed. Ask your session and your database. */
export const authorize: Authorize = ({ request, id }) => {
  const user = /(?:^|; )user=(\w+)/.exec(request.headers.get('cookie') ?? '')?.[1]
  return user !== undefined && id.startsWith(`${user}.`) && { caller: user }
}
