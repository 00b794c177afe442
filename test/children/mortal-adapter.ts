import type { AdapterSource } from 'lifechart/port'

export type Moment = 'before' | 'after'

/**
 * Kills its process at the given commit, counted from 1: before anything of it is written, or as soon as it is durable and
 * before anybody hears of it. Nothing of this process runs after that. Commit 0 never comes.
 */
export function mortal(source: AdapterSource, moment: Moment, at: number) {
  let commits = 0
  const dieIf = (now: Moment, commit: number) => {
    if (now === moment && commit === at) process.kill(process.pid, 'SIGKILL')
  }
  const adapter: AdapterSource = {
    ...source,
    async open(environment) {
      const adapter = await source.open(environment)
      return {
        async commit(commit) {
          const number = ++commits
          dieIf('before', number)
          const versions = await adapter.commit(commit)
          dieIf('after', number)
          return versions
        },
        load: at => adapter.load(at),
        read: (stream, page) => adapter.read(stream, page),
        query: query => adapter.query(query),
        session: (node, ttl) => adapter.session(node, ttl),
        watch: listener => adapter.watch(listener),
        forget: (stream, options) => adapter.forget(stream, options),
        close: () => adapter.close(),
      }
    },
  }
  return { adapter, commits: () => commits }
}
