import { LifechartError } from '../../errors.ts'
import type { Environment } from '../../kernel/environment.ts'
import type { PersistenceAdapter } from '../../kernel/port.ts'
import { createWatchers } from '../catalogue/watchers.ts'
import type { Contents } from './contents.ts'
import { follow } from './follower.ts'
import type { Settings } from './index.ts'
import type { Layout } from './layout.ts'
import { identify, noStore } from './open.ts'
import { createReader, type Reader } from './reader.ts'
import { createSegments } from './segments.ts'
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

  let reader: { of: Contents; reader: Reader } | undefined
  const surface = createSurface({
    contents: () => follower.contents,
    reader() {
      // The follower starts over with other contents when the writer took something back.
      const { contents } = follower
      if (reader?.of !== contents) reader = { of: contents, reader: createReader(segments, contents, follower.refresh) }
      return reader.reader
    },
    watchers,
    logger,
    // Sessions live in the process that writes.
    alive: () => false,
  })
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
