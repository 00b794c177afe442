import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { StreamResponse } from '@a2a-js/sdk'
import { lowdbAdapter } from 'lifechart/adapters/lowdb'
import { afterEach, describe, expect, it } from 'vitest'
import { type Lifechart, openLifechart } from '../../src/lifechart.ts'
import { upTo } from '../runs/support.ts'
import { brief, deferred, state } from '../tasks/support.ts'
import { does } from './executors.ts'
import { clientOf, send, servers, type TransportName, transports } from './servers.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const megabyte = 2 ** 20
const inMegabytes = (bytes: number) => Math.round(bytes / megabyte)
const silent = () => {}

/** What is held by something. The process may have more from the system: what its garbage collector keeps in reserve. */
function heldNow(): number {
  collectGarbage()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

const house = servers()
const opened: Lifechart[] = []
const dirs: string[] = []
afterEach(async () => {
  for (const lifechart of opened.splice(0)) await lifechart.close()
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true })
})

/** A runtime on a store of its own, in real time. */
async function onDisk(): Promise<Lifechart> {
  const dir = mkdtempSync(join(tmpdir(), 'lifechart-a2a-'))
  dirs.push(dir)
  const lifechart = await openLifechart({ adapter: lowdbAdapter({ dir }), logger: { info: silent, warn: silent, error: silent } })
  opened.push(lifechart)
  return lifechart
}

/** Sends a message over a stream that it does not read; returns how to leave. */
async function stall(transport: TransportName, port: number): Promise<() => void> {
  if (transport === 'gRPC') {
    const leaving = new AbortController()
    await (await clientOf(transport, port)).sendMessageStream(send('go'), { signal: leaving.signal }).next()
    return () => leaving.abort()
  }
  const params = { message: { messageId: 'message-1', role: 'ROLE_USER', parts: [{ text: 'go' }] } }
  const [path, content] =
    transport === 'REST' ? ['/message:stream', params] : ['/', { jsonrpc: '2.0', id: 1, method: 'SendStreamingMessage', params }]
  const body = JSON.stringify(content)
  const socket = connect(port, '127.0.0.1')
  socket.pause()
  const head = ['host: x', 'content-type: application/json', 'a2a-version: 1.0', `content-length: ${body.length}`]
  socket.write(`POST ${path} HTTP/1.1\r\n${head.join('\r\n')}\r\n\r\n${body}`)
  return () => socket.destroy()
}

describe.each(transports)('over %s,', transport => {
  // Unless it is waited for, each of them is held some 500 bytes for: that shows with a fifth of them as well.
  const chunks = transport === 'JSON-RPC' ? 1_000_000 : 200_000

  it(`a client that never reads is passed by ${chunks} chunks, and costs no memory`, async () => {
    const lifechart = await onDisk()
    const held: number[] = []
    const [begun, go, ended] = [deferred(), deferred(), deferred()]
    const { port } = await house.serve(
      transport,
      does(async script => {
        script.task()
        begun.resolve()
        await go.promise
        for (let n = 1; n <= chunks; n++) {
          // From the first time on, everything that is needed once is there.
          if (n % (chunks / 10) === 0) held.push(heldNow())
          // In place of the one before: the task itself stays small.
          const published = script.artifact('token', `token ${n}`)
          if (n % 64 === 0) await published
        }
        await script.status(state.TASK_STATE_COMPLETED)
        ended.resolve()
      }),
      { lifechart },
    )
    const leave = await stall(transport, port)
    await begun.promise
    const from = performance.now()
    go.resolve()
    await ended.promise
    const took = performance.now() - from
    const grown = Math.max(...held) - (held[0] ?? 0)
    console.log(
      `${chunks} chunks past a client that never reads (${transport}): heap and buffers +${inMegabytes(grown)} MB at most; ` +
        `${((1e3 * took) / chunks).toFixed(1)} µs per chunk`,
    )
    expect(held).toHaveLength(10)
    expect(grown).toBeLessThan(50 * megabyte)
    expect(lifechart.stats()['tasks.live']).toBe(1)
    leave()
    await expect.poll(() => lifechart.stats()['tasks.live']).toBe(0)
  }, 300_000)

  it('a client that reads late gets everything, once and in order', async () => {
    const lifechart = await onDisk()
    const ended = deferred()
    const { client } = await house.serve(
      transport,
      does(async script => {
        script.task()
        for (const n of upTo(20_000)) await script.artifact('token', `${n}`.padEnd(1_000))
        await script.status(state.TASK_STATE_COMPLETED)
        ended.resolve()
      }),
      { lifechart },
    )
    const events: StreamResponse[] = []
    for await (const event of client.sendMessageStream(send('go'))) if (events.push(event) === 1) await ended.promise
    expect(events.map(brief).map(text => text.trimEnd())).toEqual([
      'task submitted',
      ...upTo(20_000).map(n => `artifact token: ${n}`),
      'completed',
    ])
  })
})
