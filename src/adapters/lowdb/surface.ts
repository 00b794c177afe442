import { LifechartError } from '../../errors.ts'
import type { Id, Logger, PersistenceAdapter, StreamHead } from '../../kernel/port.ts'
import { presentHead } from '../catalogue/present.ts'
import { search } from '../catalogue/search.ts'
import type { Watchers } from '../catalogue/watchers.ts'
import type { Contents } from './contents.ts'
import { unavailable } from './failures.ts'
import type { Reader } from './reader.ts'

/** What those who write and those who only read answer alike. */
export interface Surface extends Pick<PersistenceAdapter, 'load' | 'read' | 'query' | 'watch'> {
  /** Throws `STORE_CLOSED` after `end`. */
  guard(): void
  end(): void
}

export interface SurfaceOptions {
  contents(): Contents
  reader: Reader
  watchers: Watchers
  logger: Logger
  alive(session: Id): boolean
  /** Resolves when the contents can be looked at. */
  settled?(): Promise<void>
}

/** How many states are read at once for a page. */
const readAtOnce = 64

export function createSurface({ contents, reader, watchers, logger, alive, settled }: SurfaceOptions): Surface {
  const watching = new Set<() => void>()
  let closed = false
  const guard = () => {
    if (closed) throw new LifechartError('STORE_CLOSED', 'The store is closed; open it again.')
  }
  /** Errors of the file system become ours. */
  const reading = async <T>(work: () => Promise<T>): Promise<T> => {
    guard()
    try {
      if (settled !== undefined) await settled()
      return await work()
    } catch (error) {
      guard()
      throw unavailable(error)
    }
  }

  return {
    guard,
    end() {
      closed = true
      for (const stop of watching) stop()
      watching.clear()
    },

    load: at =>
      reading(async () => {
        const entry = contents().catalogue.find(at)
        const parts = entry && (await reader.parts(entry.head.stream, true))
        return parts && { ...presentHead(parts.head, parts.state), view: parts.view }
      }),

    read: (stream, page) => reading(() => reader.read(stream, page)),

    query: query =>
      reading(async () => {
        const { entries, next, matches } = await search(contents().catalogue, query, alive)
        const items: StreamHead[] = []
        for (let i = 0; i < entries.length; i += readAtOnce) {
          const some = await Promise.all(entries.slice(i, i + readAtOnce).map(({ head }) => reader.parts(head.stream, false)))
          // A stream may have moved on, or gone, while its state was read.
          for (const parts of some) if (parts !== undefined && matches(parts.head)) items.push(presentHead(parts.head, parts.state))
        }
        return { items, next }
      }),

    watch(listener) {
      guard()
      const stop = watchers.watch(listener, logger)
      watching.add(stop)
      return () => {
        watching.delete(stop)
        stop()
      }
    },
  }
}
