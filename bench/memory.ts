import { openLifechart } from 'lifechart'
import { runMachine } from 'lifechart/machines'
import { createActor, fromCallback } from 'xstate'
import { heapUsed, nextTurn } from './measure.ts'
import { quiet } from './quiet.ts'
import type { Row } from './report.ts'

const runs = 2_000

/** Heap of a bare actor of the run chart, executing. */
function bareActor(): number {
  const machine = runMachine.provide({ actors: { producer: fromCallback(() => undefined) } })
  const actors = []
  const before = heapUsed()
  for (let i = 0; i < runs; i++) {
    const actor = createActor(machine, { input: { runId: `r${i}`, predecessors: [], stopGrace: 5000, wallTimeout: 1e9 } })
    actors.push(actor.start())
  }
  const each = (heapUsed() - before) / runs
  for (const actor of actors) actor.stop()
  return each
}

/** Heap of a run that executes and has emitted nothing. */
async function executingRun(): Promise<number> {
  const lifechart = await openLifechart({ logger: quiet })
  const producer = () => new Promise(() => undefined)
  await lifechart.runs.start('warm', producer).started
  const before = heapUsed()
  const started = Array.from({ length: runs }, (_, i) => lifechart.runs.start(`r${i}`, producer))
  await Promise.all(started.map(run => run.started))
  await nextTurn()
  const each = (heapUsed() - before) / runs
  if (started.some(run => run.status !== 'running')) throw new Error('A run is not running.')
  await lifechart.close({ mode: 'handover', timeout: 1 })
  return each
}

/** Heap of one event of 60 bytes in the window: a run that keeps them, less one that does not. */
async function windowEvent(): Promise<number> {
  const events = 100_000
  const used = async (windowRecords: number) => {
    const lifechart = await openLifechart({ logger: quiet, limits: { windowRecords, windowBytes: 1e9, windowBytesTotal: 1e9 } })
    const before = heapUsed()
    const run = lifechart.runs.start('window', async ({ emit }) => {
      for (let n = 0; n < events; n++) {
        const taken = emit(`event ${n} `.padEnd(60, 'x'))
        if (n % 64 === 63) {
          await taken
          await nextTurn()
        }
      }
    })
    await run.ended
    await nextTurn()
    const grown = heapUsed() - before
    await lifechart.close({ mode: 'stop' })
    return grown
  }
  // The first one pays for what is made once: compiled code, caches.
  await used(8)
  const kept = await used(events + 10)
  const dropped = await used(8)
  return (kept - dropped) / events
}

export async function memory(): Promise<Row[]> {
  const actor = bareActor()
  const run = await executingRun()
  const event = await windowEvent()
  const kilo = (bytes: number) => `${(bytes / 1024).toFixed(1)} KB`
  return [
    {
      work: 'heap per executing run',
      ours: kilo(run),
      compared: `bare actor of the same chart ${kilo(actor)}`,
      ratio: `${(run / actor).toFixed(2)} x`,
      reach: '11 KB',
      met: run <= 11 * 1024,
    },
    {
      work: 'heap per event of 60 bytes in the window',
      ours: `${event.toFixed(0)} B`,
      compared: '',
      ratio: '',
      reach: '130 B',
      met: event <= 130,
    },
  ]
}
