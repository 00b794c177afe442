import { Remote } from '../http/remote.ts'
import type { Row } from '../report.ts'
import { inDirectory } from '../store.ts'
import type { Kind } from './handlers.ts'
import type { Held, Holding } from './holding.ts'

/** Bytes; in a new process each time. */
function perTask(kind: Kind, held: Held, count: number): Promise<number> {
  return inDirectory(async dir => {
    await using process = new Remote<Holding>('../a2a/holding')
    return await process.ask('perTask', kind, held, count, dir)
  })
}

const works: readonly { kind: Kind; held: Held; count: number; reach: number }[] = [
  { kind: 'lowdb', held: 'parked', count: 10_000, reach: 0.5 },
  { kind: 'memory', held: 'parked', count: 10_000, reach: 2.5 },
  { kind: 'memory', held: 'executing', count: 1_000, reach: 11 },
]

/** What a task costs that waits for its user, or for its executor. */
export async function taskHeap(): Promise<Row[]> {
  const rows: Row[] = []
  const kilo = (bytes: number) => `${(bytes / 1024).toFixed(2)} KB`
  const ofSdk = { parked: await perTask('sdk', 'parked', 10_000), executing: await perTask('sdk', 'executing', 1_000) }
  for (const { kind, held, count, reach } of works) {
    const ours = await perTask(kind, held, count)
    const theirs = ofSdk[held]
    rows.push({
      work: `heap per ${held} task, ${kind}`,
      ours: kilo(ours),
      compared: `SDK in memory ${kilo(theirs)}`,
      ratio: `${(ours / theirs).toFixed(2)} x`,
      reach: `${reach} KB`,
      met: ours <= reach * 1024,
    })
  }
  return rows
}
