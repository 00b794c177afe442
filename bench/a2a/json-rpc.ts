import { randomUUID } from 'node:crypto'
import { Agent, request } from 'node:http'
import { Remote } from '../http/remote.ts'
import { median } from '../measure.ts'
import type { Row } from '../report.ts'
import type { Serving } from './serving.ts'

const atOnce = 32
const sends = 2_000
const agent = new Agent({ keepAlive: true, maxSockets: atOnce })
const headers = { 'content-type': 'application/json', 'a2a-version': '1.0' }

/** Resolves with the body of the answer. */
function post(port: number, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asking = request({ port, host: '127.0.0.1', method: 'POST', agent, headers }, response => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', piece => (text += piece))
      response.on('error', reject)
      response.on('end', () => resolve(text))
    })
    asking.on('error', reject)
    asking.end(body)
  })
}

async function send(port: number): Promise<void> {
  const message = { messageId: randomUUID(), role: 'ROLE_USER', parts: [{ text: '3' }] }
  const answered = await post(port, JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'SendMessage', params: { message } }))
  if (!answered.includes('TASK_STATE_COMPLETED')) throw new Error(`Answered with ${answered}.`)
}

/** Rounds that do not count. */
const warmUp = 3

/** The rate in sends a second, latencies in milliseconds. */
interface Measured {
  rate: number
  p50: number
  p99: number
}

async function measure(port: number): Promise<Measured> {
  const took: number[] = []
  let left = sends
  const sender = async () => {
    while (left-- > 0) {
      const since = performance.now()
      await send(port)
      took.push(performance.now() - since)
    }
  }
  const since = performance.now()
  await Promise.all(Array.from({ length: atOnce }, sender))
  const rate = (sends * 1000) / (performance.now() - since)
  took.sort((a, b) => a - b)
  const at = (share: number) => took[Math.floor(took.length * share)] as number
  return { rate, p50: at(0.5), p99: at(0.99) }
}

/** Tasks of three chunks through the SDK's JSON-RPC, on connections that are kept; each server is a process of its own. */
export async function jsonRpc(rounds: number): Promise<Row[]> {
  await using memory = new Remote<Serving>('../a2a/serving')
  await using sdk = new Remote<Serving>('../a2a/serving')
  const ports = { memory: await memory.ask('open', 'memory'), sdk: await sdk.ask('open', 'sdk') }
  const results: Record<keyof typeof ports, Measured[]> = { memory: [], sdk: [] }
  for (let round = 1 - warmUp; round <= rounds; round++) {
    for (const kind of ['memory', 'sdk'] as const) {
      const measured = await measure(ports[kind])
      // In the first ones the code gets warm.
      if (round > 0) results[kind].push(measured)
    }
  }
  agent.destroy()
  const of = (kind: keyof typeof ports, what: keyof Measured) => median(results[kind].map(result => result[what]))
  const show = (kind: keyof typeof ports) =>
    `${of(kind, 'rate').toFixed(0)} /s, p50 ${of(kind, 'p50').toFixed(1)} ms, p99 ${of(kind, 'p99').toFixed(1)} ms`
  const ratio = of('memory', 'rate') / of('sdk', 'rate')
  return [
    {
      work: `the same over JSON-RPC, ${atOnce} at a time`,
      ours: show('memory'),
      compared: `SDK ${show('sdk')}`,
      ratio: `${ratio.toFixed(2)} x`,
      reach: '1.3 x, p99 no worse',
      met: ratio >= 1.3 && of('memory', 'p99') <= of('sdk', 'p99'),
    },
  ]
}
