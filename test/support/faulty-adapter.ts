import { LifechartError } from '../../src/errors.ts'
import { wait } from '../../src/kernel/clock.ts'
import type { AdapterSource, Commit, PersistenceAdapter } from '../../src/kernel/port.ts'

type Method = 'commit' | 'load' | 'read' | 'query' | 'session' | 'forget'

/** A store that can be made to fail, to hang and to lose its answers. */
export interface FaultyAdapter extends AdapterSource {
  /** How often each method was called through here. */
  readonly calls: Record<Method, number>
  /** Every commit that was asked for, repetitions included. */
  readonly commits: readonly Commit[]
  /** Calls that are held back now. */
  readonly holding: number
  /** Milliseconds of the runtime's clock that each commit takes. */
  latency: number
  /** Changes are noticed only while this is false. */
  deaf: boolean
  /** The next `times` calls have no effect and reject with the error. */
  fail(method: Method, error: Error, times?: number): void
  /** The next `times` commits take effect, but their answer is lost. */
  cut(times?: number): void
  /** From here on calls have no effect until they are released. */
  hold(method?: Method): void
  /** Lets the oldest `count` held calls through; all of them, and those to come, when no count is given. */
  release(count?: number): void
}

/** Several of them over one source stand for several processes over one store. */
export function faultyAdapter(source: AdapterSource): FaultyAdapter {
  const calls: Record<Method, number> = { commit: 0, load: 0, read: 0, query: 0, session: 0, forget: 0 }
  const commits: Commit[] = []
  const failures = new Map<Method, { error: Error; times: number }>()
  const held: (() => void)[] = []
  const holds = new Set<Method>()
  let cuts = 0

  async function through<T>(method: Method, call: () => Promise<T>): Promise<T> {
    calls[method]++
    if (holds.has(method)) await new Promise<void>(resolve => held.push(resolve))
    const failure = failures.get(method)
    if (failure && failure.times-- > 0) throw failure.error
    return call()
  }

  const faulty: FaultyAdapter = {
    name: source.name,
    durable: source.durable,
    calls,
    commits,
    latency: 0,
    deaf: false,
    get holding() {
      return held.length
    },
    fail: (method, error, times = 1) => failures.set(method, { error, times }),
    cut(times = 1) {
      cuts = times
    },
    hold: (method = 'commit') => holds.add(method),
    release(count) {
      if (count === undefined) holds.clear()
      for (const resolve of held.splice(0, count ?? held.length)) resolve()
    },

    async open(environment) {
      const adapter = await source.open(environment)
      const wrapped: PersistenceAdapter = {
        commit(commit) {
          commits.push(commit)
          return through('commit', async () => {
            if (faulty.latency > 0) await wait(environment.clock, faulty.latency)
            const versions = await adapter.commit(commit)
            if (cuts-- > 0) throw new LifechartError('OUTCOME_UNKNOWN', 'The connection was cut.', { retryable: true })
            return versions
          })
        },
        load: at => through('load', () => adapter.load(at)),
        read: (stream, page) => through('read', () => adapter.read(stream, page)),
        query: query => through('query', () => adapter.query(query)),
        session: (node, ttl) => through('session', () => adapter.session(node, ttl)),
        forget: (stream, options) => through('forget', () => adapter.forget(stream, options)),
        watch: listener =>
          adapter.watch(changed => {
            if (!faulty.deaf) listener(changed)
          }),
        close: () => adapter.close(),
      }
      return wrapped
    },
  }
  return faulty
}

/** What a store says that is busy for a moment. */
export const busy = () => new LifechartError('STORE_BUSY', 'The store is busy.', { retryable: true })
