import { sideBySide } from '../measure.ts'
import type { Row } from '../report.ts'
import type { Load } from './load.ts'
import { textOf } from './pace.ts'
import { Remote } from './remote.ts'
import type { Kind } from './server.ts'
import type { Serving } from './serving.ts'

const kinds: readonly Kind[] = ['direct', 'response', 'plain']
let runs = 0

/** Milliseconds until every connection has got all events. */
async function deliver(server: Remote<Serving>, load: Remote<Load>, port: number, work: Work): Promise<number> {
  const { connections, events, burst } = work
  const id = `sse${++runs}`
  await server.ask('prepare', id, events, burst)
  await load.ask('connect', { port, path: `/runs/${id}/events` }, connections)
  const since = performance.now()
  const [{ least }] = await Promise.all([load.ask('finished'), server.ask('emit')])
  const took = performance.now() - since
  const frame = `id: ${'0'.repeat(26)}:1\nevent: chunk\ndata: "${textOf(0)}"\n\n`
  if (least < events * frame.length) throw new Error(`A connection got ${least} bytes of ${events} events.`)
  return took
}

interface Work {
  connections: number
  events: number
  burst: number
  reach: number
}

const works: readonly Work[] = [
  { connections: 1, events: 200_000, burst: 64, reach: 2 },
  { connections: 100, events: 12_800, burst: 64, reach: 2 },
  { connections: 1000, events: 1_280, burst: 64, reach: 2 },
  { connections: 1, events: 50_000, burst: 1, reach: 0.9 },
  { connections: 100, events: 2_000, burst: 1, reach: 0.9 },
  { connections: 1000, events: 200, burst: 1, reach: 0.9 },
]

/** Events that reach clients over loopback, against a server on node:http that writes each of them to each connection. */
export async function sse(rounds: number): Promise<Row[]> {
  await using load = new Remote<Load>('load')
  await using direct = new Remote<Serving>('serving')
  await using response = new Remote<Serving>('serving')
  await using plain = new Remote<Serving>('serving')
  const servers = { direct, response, plain }
  const ports = { direct: 0, response: 0, plain: 0 }
  for (const kind of kinds) ports[kind] = await servers[kind].ask('open', kind)
  const rows: Row[] = []
  for (const work of works) {
    const measured = kinds.map(kind => ({ name: kind, run: () => deliver(servers[kind], load, ports[kind], work) }))
    rows.push(rowOf(work, await sideBySide(measured, rounds)))
  }
  return rows
}

function rowOf({ connections, events, burst, reach }: Work, medians: Map<string, number>): Row {
  const took = (kind: Kind) => medians.get(kind) as number
  const rate = (kind: Kind) => `${((events * connections) / took(kind)).toFixed(0)} k/s`
  const ratio = took('plain') / took('direct')
  return {
    work: `SSE to ${connections} connection${connections === 1 ? '' : 's'}, ${burst === 1 ? 'an event' : `${burst} events`} a turn`,
    ours: `${rate('direct')}; through a Response ${rate('response')}`,
    compared: `node:http ${rate('plain')}`,
    ratio: `${ratio.toFixed(2)} x; through a Response ${(took('plain') / took('response')).toFixed(2)} x`,
    reach: `${reach} x`,
    met: ratio >= reach,
  }
}
