import { TaskState } from '@a2a-js/sdk'
import { type A2ARequestHandler, ServerCallContext } from '@a2a-js/sdk/server'
import { sideBySide } from '../measure.ts'
import type { Row } from '../report.ts'
import { chunks, request } from './agents.ts'
import { type Pair, withHandlers } from './handlers.ts'

async function send(handler: A2ARequestHandler): Promise<void> {
  const sent = await handler.sendMessage(request(3), new ServerCallContext())
  if (!('status' in sent) || sent.status?.state !== TaskState.TASK_STATE_COMPLETED || sent.artifacts[0]?.parts.length !== 3)
    throw new Error('A task is not whole.')
}

async function sendAll(handler: A2ARequestHandler, count: number, atOnce: number): Promise<void> {
  let left = count
  const sender = async () => {
    while (left-- > 0) await send(handler)
  }
  await Promise.all(Array.from({ length: atOnce }, sender))
}

/** Sends a second: so many in all, so many of them at a time. */
async function perSecond(handler: A2ARequestHandler, count: number, atOnce: number): Promise<number> {
  // Behind the collection between two of them, the first ones are slow.
  await sendAll(handler, 100, 32)
  const since = performance.now()
  await sendAll(handler, count, atOnce)
  return (count * 1000) / (performance.now() - since)
}

/** A process that serves is warm: sends of each, that do not count. */
const warmUp = 5_000

const works = [
  { atOnce: 1, count: { memory: 600, lowdb: 100 } },
  { atOnce: 32, count: { memory: 2_000, lowdb: 1_000 } },
] as const

/** Tasks from the message to their end, in the same process; the SDK keeps them in memory. */
export async function sends(rounds: number): Promise<Row[]> {
  const rows: Row[] = []
  for (const kind of ['memory', 'lowdb'] as const) {
    rows.push(
      ...(await withHandlers(kind, chunks(), async handlers => {
        for (const handler of Object.values(handlers)) await sendAll(handler, warmUp, 32)
        return measure(kind, handlers, rounds)
      })),
    )
  }
  return rows
}

async function measure(kind: 'memory' | 'lowdb', handlers: Pair, rounds: number): Promise<Row[]> {
  const rows: Row[] = []
  for (const { atOnce, count } of works) {
    const medians = await sideBySide(
      (['sdk', 'ours'] as const).map(name => ({
        name,
        run: () => perSecond(handlers[name], count[name === 'sdk' ? 'memory' : kind], atOnce),
      })),
      rounds,
    )
    const theirs = medians.get('sdk') as number
    const ours = medians.get('ours') as number
    const reach = kind === 'memory' ? 2 : undefined
    rows.push({
      work: `sendMessage with 3 chunks, ${atOnce} at a time, ${kind}`,
      ours: `${ours.toFixed(0)} /s`,
      compared: `SDK in memory ${theirs.toFixed(0)} /s`,
      ratio: `${(ours / theirs).toFixed(2)} x`,
      reach: reach === undefined ? 'shown' : `${reach} x`,
      met: reach === undefined ? undefined : ours / theirs >= reach,
    })
  }
  return rows
}
