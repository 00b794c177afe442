/** Appends to eight streams and one inbox until it is killed, and says what is acknowledged. Arguments: directory, name of the round. */
import { lowdbAdapter } from 'lifechart/adapters/lowdb'
import type { PersistenceAdapter } from 'lifechart/port'
import { realEnvironment, say } from './lowdb-environment.ts'

const [dir = '', round = ''] = process.argv.slice(2)
say({ begun: process.pid })
const adapter = await lowdbAdapter({ dir, segmentBytes: 20_000 }).open(realEnvironment)
say({ open: process.pid })
await Promise.all(Array.from({ length: 8 }, (_, writer) => write(adapter, `run/${writer}`)))

async function write(adapter: PersistenceAdapter, stream: string): Promise<never> {
  let version = (await adapter.load(stream))?.version ?? 0
  for (;;) {
    const next = version + 1
    await adapter.commit({
      id: `${round} ${stream} ${next}`,
      changes: [
        { stream, kind: 'run', expect: version, events: [JSON.stringify({ n: next })], state: JSON.stringify({ at: next }) },
        { stream: 'inbox', kind: 'inbox', expect: 'any', events: [JSON.stringify({ stream, n: next })] },
      ],
    })
    version = next
    say({ stream, version })
    if (version % 40 === 0) await adapter.forget(stream, { through: version - 20 })
    if (version % 100 === 0) await shorten(adapter, 'inbox')
  }
}

async function shorten(adapter: PersistenceAdapter, stream: string): Promise<void> {
  const version = (await adapter.load(stream))?.version ?? 0
  if (version > 1_000) await adapter.forget(stream, { through: version - 1_000 })
}
