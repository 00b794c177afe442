import type { AgentExecutor } from '@a2a-js/sdk/server'
import { type Limits, openLifechart } from 'lifechart'
import { a2aRequestHandler } from 'lifechart/a2a'
import { memoryAdapter } from 'lifechart/adapters/memory'
import type { AdapterSource, PersistenceAdapter } from 'lifechart/port'
import { Gates } from './gates.ts'
import { agentCard, ann, cancelGrace, type Server, type Subject } from './server.ts'

/** Our handler over the memory adapter. */
export const lifechart: Subject = {
  name: '`lifechart/a2a`',
  open: (executor, { mortal = false } = {}) => serve(memoryAdapter(), executor, mortal ? { sessionTtl: 300 } : {}),
}

const mostFollowers = 50

async function serve(stored: AdapterSource, executor: AgentExecutor, limits: Partial<Limits>): Promise<Server> {
  const store = new Gates()
  const silent = () => {}
  const runtime = await openLifechart({
    adapter: { ...stored, durable: true, open: async environment => gated(await stored.open(environment), store) },
    logger: { info: silent, warn: silent, error: silent },
    limits: { subscribers: mostFollowers, ...limits },
  })
  const handler = a2aRequestHandler({ lifechart: runtime, agentCard, executor, policy: { cancelGrace } })
  return {
    handler,
    store,
    async followers(taskId) {
      const others = Array.from({ length: mostFollowers }, () => handler.resubscribe({ tenant: '', id: taskId }, ann))
      const refused = await Promise.all(
        others.map(other =>
          other.next().then(
            () => 0,
            () => 1,
          ),
        ),
      )
      await Promise.all(others.map(other => other.return()))
      return refused.reduce<number>((sum, one) => sum + one, 0)
    },
    async restart(next) {
      store.die()
      return serve(stored, next, limits)
    },
  }
}

function gated(adapter: PersistenceAdapter, store: Gates): PersistenceAdapter {
  return {
    commit: commit => store.write(() => adapter.commit(commit)),
    load: at => store.read(() => adapter.load(at)),
    read: (stream, page) => store.read(() => adapter.read(stream, page)),
    query: query => store.other(() => adapter.query(query)),
    async session(node, ttl) {
      const session = await adapter.session(node, ttl)
      return { id: session.id, renew: () => store.other(() => session.renew()), end: () => store.other(() => session.end()) }
    },
    watch: listener => adapter.watch(listener),
    forget: (stream, options) => store.other(() => adapter.forget(stream, options)),
    close: () => adapter.close(),
  }
}
