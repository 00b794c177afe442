import { median } from '../measure.ts'
import type { Row } from '../report.ts'
import { inDirectory } from '../store.ts'
import type { Load } from './load.ts'
import { Remote } from './remote.ts'
import type { Kind } from './server.ts'
import type { Serving } from './serving.ts'

const events = 1_000_000
const burst = 64

/** What it cost the server to emit all events: milliseconds, and the most bytes it held beyond what it had before. */
interface Cost {
  took: number
  resident: number
  heap: number
}

/** In a new process each time. Events are stored in files, so that what is held in memory is held for the client. */
async function emit(kind: Kind, sleeper: boolean): Promise<Cost> {
  return inDirectory(async dir => {
    await using server = new Remote<Serving>('serving', ['--max-old-space-size=8192'])
    await using client = new Remote<Load>('load')
    const port = await server.ask('open', kind, dir)
    await server.ask('prepare', 'never-read', events, burst)
    if (sleeper) await client.ask('neverRead', { port, path: '/runs/never-read/events' })
    return await server.ask('emitWatched')
  })
}

/** One client that asks for a run and takes nothing of it. */
export async function neverReads(rounds: number): Promise<Row[]> {
  const costs: Record<string, Cost[]> = {}
  for (let round = 0; round < rounds; round++) {
    for (const kind of ['direct', 'response', 'plain'] as const) {
      for (const sleeper of [true, false]) (costs[`${kind} ${sleeper}`] ??= []).push(await emit(kind, sleeper))
    }
  }
  const of = (kind: Kind, sleeper: boolean, cost: keyof Cost) => median((costs[`${kind} ${sleeper}`] ?? []).map(each => each[cost]))
  const mega = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`
  const memory = (kind: Kind, sleeper = true) => `${mega(of(kind, sleeper, 'resident'))} (heap ${mega(of(kind, sleeper, 'heap'))})`
  const slower = (kind: Kind) => (of(kind, true, 'took') / of(kind, false, 'took') - 1) * 100
  const times = (kind: Kind) => `${of(kind, true, 'took').toFixed(0)} ms, without it ${of(kind, false, 'took').toFixed(0)} ms`
  const grown = of('direct', true, 'resident')
  return [
    {
      work: 'memory for a client that never reads, 1,000,000 events',
      ours: `${memory('direct')}; through a Response ${memory('response')}`,
      compared: `without that client ${memory('direct', false)}; node:http ${memory('plain')}`,
      ratio: `${(grown / of('plain', true, 'resident')).toFixed(2)} x of node:http`,
      reach: '100 MB',
      met: grown < 100e6,
    },
    {
      work: 'producing 1,000,000 events beside a client that never reads',
      ours: `${times('direct')}; through a Response ${times('response')}`,
      compared: `node:http ${times('plain')}`,
      ratio: `${slower('direct').toFixed(1)} % slower; through a Response ${slower('response').toFixed(1)} %`,
      reach: '5 % slower',
      met: slower('direct') < 5,
    },
  ]
}
