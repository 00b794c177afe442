import type { PersistenceAdapter, Query, StreamHead } from './port.ts'

/** Every stream that a query finds, read page by page as they are asked for. */
export async function* streamsFound(
  adapter: PersistenceAdapter,
  query: Omit<Query, 'cursor' | 'limit'>,
  limit = 256,
): AsyncGenerator<StreamHead, void> {
  let cursor: string | undefined
  do {
    const page = await adapter.query({ ...query, limit, ...(cursor !== undefined && { cursor }) })
    yield* page.items
    cursor = page.next
  } while (cursor !== undefined)
}
