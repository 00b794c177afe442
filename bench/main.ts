import { taskHeap } from './a2a/heap.ts'
import { jsonRpc } from './a2a/json-rpc.ts'
import { sends } from './a2a/sends.ts'
import { taskStreams } from './a2a/streams.ts'
import { blocking } from './blocking.ts'
import { fanOut } from './fan-out.ts'
import { hostStep } from './host-step.ts'
import { clientSize } from './http/client-size.ts'
import { flood } from './http/flood.ts'
import { neverReads } from './http/never-reads.ts'
import { againstResumableStream } from './http/resumable-stream.ts'
import { resume } from './http/resume.ts'
import { sse } from './http/sse.ts'
import { lowdb } from './lowdb.ts'
import { manyRuns } from './many-runs.ts'
import { memory } from './memory.ts'
import { replay } from './replay.ts'
import { type Row, table } from './report.ts'

const suites: Record<string, (rounds: number) => Promise<Row[]>> = {
  // First: what others leave in the heap is not counted.
  memory,
  'fan-out': fanOut,
  replay,
  'many-runs': manyRuns,
  'host-step': hostStep,
  lowdb,
  blocking,
  sse,
  'never-reads': neverReads,
  resume,
  'resumable-stream': againstResumableStream,
  'client-size': clientSize,
  flood,
  'task-streams': taskStreams,
  sends,
  'json-rpc': jsonRpc,
  'task-heap': taskHeap,
}
const rounds = Number(process.env.ROUNDS ?? 5)
const chosen = process.argv.slice(2)
const rows: Row[] = []
for (const [name, suite] of Object.entries(suites)) {
  if (chosen.length > 0 && !chosen.includes(name)) continue
  process.stderr.write(`${name} ...\n`)
  rows.push(...(await suite(rounds)))
}
process.stdout.write(`${table(rows)}\n`)
