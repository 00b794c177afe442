import { LifechartError } from '../../errors.ts'
import type { Environment, PersistenceAdapter } from '../../kernel/port.ts'
import { createWatchers } from '../catalogue/watchers.ts'
import { follow } from './follower.ts'
import type { Layout } from './layout.ts'
import { identify, noStore } from './open.ts'
import { createReader } from './reader.ts'
import { createSegments } from './segments.ts'
import type { Settings } from './settings.ts'
import { createSurface } from './surface.ts'

/** Reads beside a writer, or when there is none. */
export async function openReader(
  { dir, files, pollInterval }: Settings,
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
  // Sessions live in the process that writes: nothing is known of them here.
  const surface = createSurface({ contents, reader, watchers, logger, alive: () => false, settled: follower.settled })
  const { guard, load, read, query, watch } = surface
  const refuse = async (): Promise<never> => {
    guard()
    throw new LifechartError('STORE_READ_ONLY', 'The store was opened with `readOnly: true`; it takes no writes.')
  }

  return {
    load,
    read,
    query,
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
