import { openLifechart } from 'lifechart'
import { nextTurn, sideBySide } from './measure.ts'
import { quiet } from './quiet.ts'
import type { Row } from './report.ts'

const runs = 10_000
const eventsEach = 100

async function* producer() {
  for (let n = 0; n < eventsEach; n++) {
    await nextTurn()
    yield n
  }
}

/** Runs with an actor each, beside the same producers pulled by a bare loop. */
export async function manyRuns(rounds: number): Promise<Row[]> {
  const medians = await sideBySide(
    [
      {
        name: 'bare',
        run: async () => {
          let seen = 0
          const pull = async () => {
            for await (const _ of producer()) seen++
          }
          const since = performance.now()
          await Promise.all(Array.from({ length: runs }, pull))
          if (seen !== runs * eventsEach) throw new Error(`Saw ${seen}.`)
          return performance.now() - since
        },
      },
      {
        name: 'ours',
        run: async () => {
          const lifechart = await openLifechart({ logger: quiet })
          const since = performance.now()
          const ends = await Promise.all(Array.from({ length: runs }, (_, i) => lifechart.runs.start(`run-${i}`, producer).ended))
          const took = performance.now() - since
          if (ends.some(end => end.status !== 'done' || end.seq !== eventsEach + 2)) throw new Error('A run did not end as done.')
          await lifechart.close({ mode: 'stop' })
          return took
        },
      },
    ],
    Math.min(rounds, 3),
  )
  const bare = medians.get('bare') as number
  const ours = medians.get('ours') as number
  return [
    {
      work: '10,000 runs of 100 events, a turn of the loop per event',
      ours: `${(ours / 1000).toFixed(2)} s`,
      compared: `bare producers ${(bare / 1000).toFixed(2)} s`,
      ratio: `${(ours / bare).toFixed(2)} x`,
      reach: '2.5 x',
      met: ours / bare <= 2.5,
    },
  ]
}
