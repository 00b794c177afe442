import type { AdapterSource, Environment, PersistenceAdapter } from './port.ts'

interface Shared {
  users: number
  opened: Promise<PersistenceAdapter>
}

const shared = new WeakMap<AdapterSource, Shared>()

/** Opens the adapter for one more runtime of this process: the first opens it, the last to close closes it. */
export async function openShared(
  source: AdapterSource,
  environment: Environment,
): Promise<{ adapter: PersistenceAdapter; close(): Promise<void> }> {
  let entry = shared.get(source)
  if (!entry) {
    entry = { users: 0, opened: source.open(environment) }
    shared.set(source, entry)
  }
  const held = entry
  held.users++
  let closed = false
  const close = async () => {
    if (closed) return
    closed = true
    if (--held.users > 0) return
    if (shared.get(source) === held) shared.delete(source)
    await (await held.opened).close()
  }
  try {
    return { adapter: await held.opened, close }
  } catch (error) {
    if (--held.users === 0 && shared.get(source) === held) shared.delete(source)
    throw error
  }
}
