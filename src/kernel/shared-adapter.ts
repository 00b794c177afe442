import type { AdapterSource, Environment, PersistenceAdapter } from './port.ts'

interface Shared {
  users: number
  opened: Promise<PersistenceAdapter>
}

const shared = new WeakMap<AdapterSource, Shared>()
/** What the last user has left: a store that takes one writer can not be opened again before it is closed. */
const closing = new WeakMap<AdapterSource, Promise<void>>()

/** Opens the adapter for one more runtime of this process: the first opens it, the last to close closes it. */
export async function openShared(
  source: AdapterSource,
  environment: Environment,
): Promise<{ adapter: PersistenceAdapter; close(): Promise<void> }> {
  const held = shared.get(source) ?? { users: 0, opened: openAfter(closing.get(source), source, environment) }
  shared.set(source, held)
  held.users++
  try {
    const adapter = await held.opened
    let closed: Promise<void> | undefined
    return { adapter, close: () => (closed ??= leave(source, held, adapter)) }
  } catch (error) {
    // At once, though others wait for the same answer: whoever comes next tries again.
    if (shared.get(source) === held) shared.delete(source)
    throw error
  }
}

async function openAfter(closed: Promise<void> | undefined, source: AdapterSource, environment: Environment): Promise<PersistenceAdapter> {
  // What was wrong with it is told to the one who closed it.
  await closed?.catch(() => undefined)
  return source.open(environment)
}

async function leave(source: AdapterSource, held: Shared, adapter: PersistenceAdapter): Promise<void> {
  if (--held.users > 0) return
  shared.delete(source)
  const closed = adapter.close()
  closing.set(source, closed)
  await closed
}
