import { openLifechart } from 'lifechart'
import { nextTurn, sideBySide } from './measure.ts'
import { quiet } from './quiet.ts'
import type { Row } from './report.ts'

const events = 100_000

/** A late subscriber reads a whole window in batches; compared with copying an array of the same strings. */
export async function replay(rounds: number): Promise<Row[]> {
  const lifechart = await openLifechart({ logger: quiet, limits: { windowRecords: events + 10, windowBytes: 1e9, windowBytesTotal: 1e9 } })
  const texts = Array.from({ length: events }, (_, i) => `event ${i} `.padEnd(60, 'x'))
  const run = lifechart.runs.start('replay', async ({ emit }) => {
    for (let n = 0; n < events; n++) {
      const taken = emit(texts[n])
      if (n % 64 === 63) {
        await taken
        await nextTurn()
      }
    }
  })
  await run.ended
  const medians = await sideBySide(
    [
      {
        name: 'batches',
        run: async () => {
          const since = performance.now()
          let seen = 0
          for await (const batch of run.subscribe().batches()) seen += batch.length
          const took = performance.now() - since
          if (seen !== events + 2) throw new Error(`Replayed ${seen}.`)
          return took
        },
      },
      {
        name: 'events',
        run: async () => {
          const since = performance.now()
          let sum = 0
          for await (const batch of run.subscribe().batches())
            for (const event of batch.events) if (event.type === 'chunk') sum += (event.data as string).length
          const took = performance.now() - since
          if (sum !== events * 60) throw new Error(`Replayed ${sum}.`)
          return took
        },
      },
      {
        name: 'slice',
        run: () => {
          const since = performance.now()
          const copy = texts.slice()
          const took = performance.now() - since
          if (copy.length !== events) throw new Error('Sliced too little.')
          return took
        },
      },
    ],
    Math.max(rounds, 9),
  )
  await lifechart.close({ mode: 'stop' })
  const rate = (name: string) => events / (medians.get(name) as number) / 1000
  const row = (work: string, name: string, reach: number | undefined): Row => ({
    work,
    ours: `${rate(name).toFixed(0)} M/s`,
    compared: `array slice ${rate('slice').toFixed(0)} M/s`,
    ratio: `${((rate(name) / rate('slice')) * 100).toFixed(0)} % of a slice`,
    reach: reach === undefined ? 'shown' : `${reach} M/s`,
    met: reach === undefined ? undefined : rate(name) >= reach,
  })
  return [row('replay of 100,000 events in batches', 'batches', 100), row('the same, looking at each event', 'events', undefined)]
}
