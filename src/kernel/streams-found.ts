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

/** The live stream as it is now, if nobody owns it, or a session that is dead: only a query tells which ones are. */
export async function findFree(adapter: PersistenceAdapter, { stream, kind, index }: StreamHead): Promise<StreamHead | undefined> {
  for await (const head of streamsFound(adapter, { kinds: [kind], free: true, where: { context: index.context, live: true } })) {
    if (head.stream === stream) return head
  }
  return undefined
}
