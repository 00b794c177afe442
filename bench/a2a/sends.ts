import { TaskState } from '@a2a-js/sdk'
import { type A2ARequestHandler, ServerCallContext } from '@a2a-js/sdk/server'
import { sideBySide } from '../measure.ts'
import type { Row } from '../report.ts'
import { chunks, request } from './agents.ts'
import { type Kind, withHandlers } from './handlers.ts'

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

const works = [
  { atOnce: 1, count: 600, ofLowdb: 100 },
  { atOnce: 32, count: 2_000, ofLowdb: 1_000 },
] as const

/** Tasks from the message to their end, in the same process; the SDK keeps them in memory. */
export function sends(rounds: number): Promise<Row[]> {
  return withHandlers(chunks(), async handlers => {
    for (const handler of Object.values(handlers)) await sendAll(handler, 1_000, 32)
    return measure(handlers, rounds)
  })
}

async function measure(handlers: Record<Kind, A2ARequestHandler>, rounds: number): Promise<Row[]> {
  const rows: Row[] = []
  for (const { atOnce, count, ofLowdb } of works) {
    const medians = await sideBySide(
      (['sdk', 'memory', 'lowdb'] as const).map(name => ({
        name,
        run: () => perSecond(handlers[name], name === 'lowdb' ? ofLowdb : count, atOnce),
      })),
      rounds,
    )
    const theirs = medians.get('sdk') as number
    for (const kind of ['memory', 'lowdb'] as const) {
      const ours = medians.get(kind) as number
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
  }
  return rows
}
