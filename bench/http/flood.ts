import { defaultHttpLimits } from 'lifechart/http'
import { median } from '../measure.ts'
import type { Row } from '../report.ts'
import type { Asking } from './asking.ts'
import { Remote } from './remote.ts'
import type { Serving } from './serving.ts'

const questions = 1000
/** Not as many as can be: then it is the processor that is full, and no limit of ours says anything about that. */
const perSecond = 400

function p99(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.ceil(sorted.length * 0.99) - 1] ?? Number.NaN
}

/** What one caller feels of another who keeps opening streams and asking. */
export async function flood(rounds: number): Promise<Row[]> {
  const alone: number[] = []
  const beside: number[] = []
  const rates: number[] = []
  for (let round = 0; round < rounds; round++) {
    // In a new process: what the flood of the round before has left open is gone.
    await using server = new Remote<Serving>('serving')
    await using polite = new Remote<Asking>('asking')
    await using flooder = new Remote<Asking>('asking')
    const port = await server.ask('open', 'direct')
    await server.ask('prepare', 'x', 1, 1)
    const reading = { port, path: '/runs/x', caller: 'polite' }
    // The code gets warm.
    await polite.ask('latencies', reading, questions)
    const before = p99(await polite.ask('latencies', reading, questions))
    const flooding = flooder.ask('flood', { ...reading, caller: 'flooder' }, perSecond)
    const during = p99(await polite.ask('latencies', reading, questions))
    await flooder.ask('endFlood')
    const flooded = await flooding
    if (flooded.open > defaultHttpLimits.streamsPerCaller) throw new Error(`The flood has ${flooded.open} streams open.`)
    alone.push(before)
    beside.push(during)
    rates.push(flooded.perSecond)
  }
  const [a, b] = [median(alone), median(beside)]
  return [
    {
      work: `GET /runs/x beside another caller who opens streams and asks, ${median(rates).toFixed(0)} times a second`,
      ours: `p99 ${b.toFixed(2)} ms`,
      compared: `without the other p99 ${a.toFixed(2)} ms`,
      ratio: `${(b / a).toFixed(2)} x`,
      reach: '2 x',
      met: b / a <= 2,
    },
  ]
}
