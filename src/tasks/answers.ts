import { isLifechartError } from '../errors.ts'
import { readJson } from '../kernel/json.ts'
import type { StoredMessage } from './codec.ts'
import type { TaskHouse } from './house.ts'

/** Answers that made no task are kept this long, for those who send their message again. */
const keptFor = 24 * 60 * 60_000

/**
 * Keeps an answer that made no task under the key of the message it answers. Returns the stream that had the key already, if there is
 * one.
 */
export async function keepAnswer(house: TaskHouse, answer: StoredMessage, key: string): Promise<string | undefined> {
  const { kernel, clock } = house
  const { ids } = kernel.environment
  const change = {
    stream: `answer/${ids()}`,
    kind: 'answer',
    expect: 0,
    events: [JSON.stringify(answer)],
    index: { live: false, due: clock.now() + keptFor },
    claim: [{ key }],
  }
  try {
    const commit = { id: ids(), changes: [change] }
    await kernel.insist(() => kernel.adapter.commit(commit))
    return undefined
  } catch (error) {
    if (isLifechartError(error, 'KEY_TAKEN')) return String(error.details.holder)
    throw error
  }
}

/** `STREAM_NOT_FOUND` when it is kept no longer. */
export async function readAnswer({ kernel }: TaskHouse, stream: string): Promise<StoredMessage> {
  const { events } = await kernel.insist(() => kernel.adapter.read(stream, { after: 0, limit: 1 }))
  return readJson(events[0] ?? '', 'An answer') as StoredMessage
}
