import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { lowdbAdapter } from '../../src/adapters/lowdb/index.ts'
import { type Lifechart, openLifechart } from '../../src/lifechart.ts'
import type { RunEvent } from '../../src/runs/events.ts'
import type { ProducerContext } from '../../src/runs/producer.ts'
import { collect, numbers, upTo } from './support.ts'

const program = fileURLToPath(new URL('../../.build/test/children/run-server.js', import.meta.url))
const silent = () => {}

let dir: string
let lifechart: Lifechart | undefined
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'lifechart-kill-'))
})
afterEach(async () => {
  await lifechart?.close()
  rmSync(dir, { recursive: true })
})

/** What the subscribers of a server saw before it was ended with the signal in mid-stream. */
async function serveUntil(signal: NodeJS.Signals): Promise<Record<string, RunEvent[]>> {
  const child = spawn(process.execPath, [program, dir], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = new Promise(resolve => child.once('exit', resolve))
  const seen: Record<string, RunEvent[]> = { resumes: [], stops: [] }
  for await (const line of createInterface({ input: child.stdout })) {
    const { id, event } = JSON.parse(line) as { id: string; event: RunEvent }
    seen[id]?.push(event)
    if (id === 'resumes' && seen.resumes?.length === 50) child.kill(signal)
  }
  await exited
  return seen
}

it.each(['SIGTERM', 'SIGKILL'] as const)(
  'what subscribers saw before %s is there with the same numbers, and every run goes on or has ended',
  async signal => {
    expect(existsSync(program), 'npm run build comes first').toBe(true)
    const seen = await serveUntil(signal)
    expect(seen.resumes?.length).toBeGreaterThanOrEqual(50)
    lifechart = await openLifechart({ adapter: lowdbAdapter({ dir }), logger: { info: silent, warn: silent, error: silent } })
    const told: unknown[] = []
    lifechart.runs.define('ticks', ({ attempt, lastSeq, chunks }: ProducerContext) => {
      told.push({ attempt, lastSeq, chunks })
      return 'resumed'
    })
    const resumed = await collect(lifechart.runs.subscribe('resumes'))
    const stopped = await collect(lifechart.runs.subscribe('stops'))
    for (const [events, before] of [
      [resumed, seen.resumes],
      [stopped, seen.stops],
    ] as const) {
      expect(events.slice(0, before?.length)).toEqual(before)
      expect(numbers(events)).toEqual(upTo(events.length))
    }
    expect(resumed.at(-1)).toMatchObject({ type: 'end', status: 'done', result: 'resumed' })
    const lastSeq = resumed.length - 2
    expect(told).toEqual([{ attempt: 2, lastSeq, chunks: lastSeq - 1 }])
    expect(stopped.at(-1)).toMatchObject({ type: 'end', status: 'stopped', reason: signal === 'SIGTERM' ? 'shutdown' : 'orphaned' })
  },
)
