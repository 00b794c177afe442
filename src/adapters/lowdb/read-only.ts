import { LifechartError } from '../../errors.ts'
import type { Environment, PersistenceAdapter } from '../../kernel/port.ts'
import { createWatchers } from '../catalogue/watchers.ts'
import { unavailable } from './failures.ts'
import { follow } from './follower.ts'
import type { Layout } from './layout.ts'
import { isLocked } from './lock.ts'
import { identify, noStore } from './open.ts'
import { createReader } from './reader.ts'
import { createSegments } from './segments.ts'
import type { Settings } from './settings.ts'
import { createSurface } from './surface.ts'

/** Reads beside a writer, or when there is none. */
export async function openReader(
  { dir, files, pollInterval, lockHeartbeat: heartbeat }: Settings,
  layout: Layout,
  environment: Environment,
): Promise<PersistenceAdapter> {
  const { clock, logger } = environment
  const store = await identify(files, layout)
  if (store === undefined) throw noStore(dir)
  const segments = createSegments(files, layout)
  const watchers = createWatchers()
  const { changed, changedAll } = watchers
  const follower = await follow({ files, layout, logger, store, readOnly: true, clock, segments, pollInterval, changed, changedAll })

  // When the writer took something back, the follower has started over with other contents.
  const contents = () => follower.contents
  const reader = createReader(segments, contents, follower.refresh)
  // Sessions live in the process that writes. All that is known of them here is whether there is one.
  let written = false
  const surface = createSurface({ contents, reader, watchers, logger, alive: () => written, settled: follower.settled })
  const { guard, load, read, watch } = surface
  const lookForWriter = async () => {
    try {
      written = await isLocked({ files, dir, clock, heartbeat })
    } catch (error) {
      throw unavailable(error)
    }
  }
  const refuse = async (): Promise<never> => {
    guard()
    throw new LifechartError('STORE_READ_ONLY', 'The store was opened with `readOnly: true`; it takes no writes.')
  }

  return {
    load,
    read,
    async query(query) {
      guard()
      if (query.orphaned || query.free) await lookForWriter()
      return surface.query(query)
    },
    watch,
    commit: refuse,
    session: refuse,
    forget: refuse,
    async close() {
      surface.end()
      await follower.close()
      await segments.close()
    },
  }
}
