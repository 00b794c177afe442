import type fc from 'fast-check'
import { LifechartError } from '../../src/errors.ts'
import type { AdapterSource, PersistenceAdapter } from '../../src/kernel/port.ts'

/** What becomes of a commit: it is done, it is not, or it is and the answer is lost. */
export type Fate = 'answered' | 'refused' | 'unanswered'

const busy = () => new LifechartError('STORE_BUSY', 'The store is busy.', { retryable: true })
const cut = () => new LifechartError('OUTCOME_UNKNOWN', 'The connection was cut.', { retryable: true })

/**
 * A store whose every call takes effect when the scheduler says so, and is answered when it says so again. The fates are dealt to
 * the commits in their order; once they are used up, and while `healed`, every commit is answered.
 */
export function scheduledStore(source: AdapterSource, scheduler: fc.Scheduler, fates: readonly Fate[]) {
  const left = [...fates]
  const store = {
    healed: false,
    name: source.name,
    durable: true,
    async open(environment: Parameters<AdapterSource['open']>[0]): Promise<PersistenceAdapter> {
      const adapter = await source.open(environment)
      const inTurn = async <T>(name: string, call: () => Promise<T>): Promise<T> => {
        if (store.healed) return call()
        await scheduler.schedule(Promise.resolve(), `${name} takes effect`)
        const result = await call().then(
          value => ({ value }),
          error => ({ error }),
        )
        if (!store.healed) await scheduler.schedule(Promise.resolve(), `${name} is answered`)
        if ('error' in result) throw result.error
        return result.value
      }
      return {
        commit: commit =>
          inTurn('commit', async () => {
            const fate = store.healed ? 'answered' : (left.shift() ?? 'answered')
            if (fate === 'refused') throw busy()
            const versions = await adapter.commit(commit)
            if (fate === 'unanswered') throw cut()
            return versions
          }),
        load: at => inTurn('load', () => adapter.load(at)),
        read: (stream, page) => inTurn('read', () => adapter.read(stream, page)),
        query: query => adapter.query(query),
        session: (node, ttl) => adapter.session(node, ttl),
        forget: (stream, options) => inTurn('forget', () => adapter.forget(stream, options)),
        watch: listener => adapter.watch(listener),
        close: () => adapter.close(),
      }
    },
  }
  return store satisfies AdapterSource
}
