import { TaskState } from '@a2a-js/sdk'
import { type A2ARequestHandler, ServerCallContext } from '@a2a-js/sdk/server'
import { sideBySide } from '../measure.ts'
import type { Row } from '../report.ts'
import { chunks, request } from './agents.ts'
import { type Kind, withHandler } from './handlers.ts'

async function send(handler: A2ARequestHandler): Promise<void> {
  const sent = await handler.sendMessage(request(), new ServerCallContext())
  if (!('status' in sent) || sent.status?.state !== TaskState.TASK_STATE_COMPLETED || sent.artifacts[0]?.parts.length !== 3)
    throw new Error('A task is not whole.')
}

/** Sends a second: so many in all, so many of them at a time. */
function perSecond(kind: Kind, sends: number, atOnce: number): Promise<number> {
  return withHandler(kind, chunks(3), async handler => {
    let left = sends
    const sender = async () => {
      while (left-- > 0) await send(handler)
    }
    const since = performance.now()
    await Promise.all(Array.from({ length: atOnce }, sender))
    return (sends * 1000) / (performance.now() - since)
  })
}

const works = [
  { atOnce: 1, sends: 1_000, ofLowdb: 200 },
  { atOnce: 32, sends: 3_000, ofLowdb: 2_000 },
] as const

/** Tasks from the message to their end, in the same process; the SDK keeps them in memory. */
export async function sends(rounds: number): Promise<Row[]> {
  const rows: Row[] = []
  for (const { atOnce, sends, ofLowdb } of works) {
    const medians = await sideBySide(
      [
        { name: 'sdk', run: () => perSecond('sdk', sends, atOnce) },
        { name: 'memory', run: () => perSecond('memory', sends, atOnce) },
        { name: 'lowdb', run: () => perSecond('lowdb', ofLowdb, atOnce) },
      ],
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
