import { median } from '../measure.ts'
import type { Row } from '../report.ts'
import type { Load } from './load.ts'
import { textOf } from './pace.ts'
import { Remote } from './remote.ts'
import type { Kind } from './server.ts'
import type { Serving } from './serving.ts'

const events = 100_000
const clients = 100

interface Resumed {
  /** Milliseconds. */
  took: number
  p99: number
  max: number
}

async function resumeAll(server: Remote<Serving>, load: Remote<Load>, port: number): Promise<Resumed> {
  await server.ask('watchDelay')
  await load.ask('connect', { port, path: '/runs/long/events?after=0' }, clients)
  const { took, least } = await load.ask('finished')
  const frame = `id: ${'0'.repeat(26)}:1\nevent: chunk\ndata: "${textOf(0)}"\n\n`
  if (least < events * frame.length) throw new Error(`A client got ${least} bytes of ${events} events.`)
  return { took, ...(await server.ask('delay')) }
}

/** Clients that all come at once for the whole of a run that has ended, of which the window has a tenth. */
export async function resume(rounds: number): Promise<Row[]> {
  await using load = new Remote<Load>('load')
  const rows: Row[] = []
  for (const kind of ['direct', 'response'] as const) rows.push(...(await rowsOf(kind, load, rounds)))
  return rows
}

async function rowsOf(kind: Kind, load: Remote<Load>, rounds: number): Promise<Row[]> {
  await using server = new Remote<Serving>('serving')
  const port = await server.ask('open', kind)
  await server.ask('prepare', 'long', events, 64)
  await server.ask('emit')
  const results: Resumed[] = []
  for (let round = 0; round <= rounds; round++) {
    const resumed = await resumeAll(server, load, port)
    // The first round is where the code gets warm.
    if (round > 0) results.push(resumed)
  }
  const of = (what: keyof Resumed) => median(results.map(result => result[what]))
  const rate = (events * clients) / of('took')
  const compared = kind === 'direct'
  const work = `100 clients resume at once, 100,000 events${compared ? '' : ', through a Response'}`
  return [
    {
      work,
      ours: `${(rate / 1000).toFixed(2)} M/s`,
      compared: '',
      ratio: '',
      reach: compared ? '1 M/s' : 'shown',
      met: compared ? rate >= 1000 : undefined,
    },
    {
      work: `${work}: event loop late`,
      ours: `p99 ${of('p99').toFixed(1)} ms, worst ${of('max').toFixed(1)} ms`,
      compared: '',
      ratio: '',
      reach: compared ? '20 ms p99' : 'shown',
      met: compared ? of('p99') < 20 : undefined,
    },
  ]
}
