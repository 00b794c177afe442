import { once } from 'node:events'
import { Agent, get, type IncomingMessage } from 'node:http'
import { connect as connectSecond, constants, createServer as createSecondServer } from 'node:http2'
import { type AddressInfo, connect } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { describe, expect, it, vi } from 'vitest'
import { follow } from '../../src/client/index.ts'
import { settled } from '../../src/testing/simulated-clock.ts'
import { collect, emits, emitsAndStays, latch, numbers, upTo } from '../runs/support.ts'
import { listening, ways } from './listening.ts'
import { parse, served } from './support.ts'

const serve = served()
const net = listening()

/** Milliseconds until the runtime, which was followed, has looked for idle readers and found none. */
const idleLook = 8 * 60_000

/** An answer over a connection of its own. */
function open(url: string, agent: Agent | false = false): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get(url, { agent }, resolve).once('error', reject)
  })
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = ''
  for await (const part of response.setEncoding('utf8')) text += part
  return text
}

describe.each(ways)('over real sockets, written %s,', way => {
  it('two tabs see the same, and one that closes changes nothing for the other', async () => {
    const { runs, handler, lifechart } = await serve()
    const { url } = await net.serve(handler, way)
    const go = latch()
    const run = runs.start('chat', async function* () {
      yield* ['a', 'b']
      await go.opened
      yield* ['c', 'd']
    })
    await run.started
    const stays = collect(follow(`${url}/runs/chat/events`))
    const leaves = follow(`${url}/runs/chat/events`)
    const seen = []
    for await (const event of leaves) {
      seen.push(event)
      if (event.type === 'chunk' && event.data === 'b') break
    }
    await vi.waitFor(() => expect(lifechart.stats()['runs.subscribers']).toBe(1))
    go.open()
    const all = await stays
    expect(numbers(all)).toEqual(upTo(6))
    expect(seen).toEqual(all.slice(0, 3))
  })

  it('200 clients that come and go at any moment leave no cursor, listener or timer', async () => {
    const { runs, handler, lifechart, environment } = await serve()
    const { server, url } = await net.serve(handler, way)
    const run = runs.start('chat', emitsAndStays(...upTo(500).map(n => `${n}`.padEnd(100))))
    await run.started
    const one = await open(`${url}/runs/chat/events`)
    one.destroy()
    await vi.waitFor(() => expect(lifechart.stats()['runs.subscribers']).toBe(0))
    const before = environment.clock.pending
    const leave = async (n: number) => {
      const response = await open(`${url}/runs/chat/events?after=${n % 3}`)
      if (n % 4 === 0) response.destroy()
      else if (n % 4 === 1) response.once('data', () => response.destroy())
      else {
        let bytes = 0
        response.on('data', (part: Buffer) => {
          bytes += part.length
          if (bytes > n * 100) response.destroy()
        })
      }
      await new Promise(resolve => response.once('close', resolve))
    }
    await Promise.all(upTo(200).map(leave))
    await vi.waitFor(async () => {
      expect(lifechart.stats()['runs.subscribers']).toBe(0)
      expect(
        await new Promise((resolve, reject) => server.getConnections((error, count) => (error ? reject(error) : resolve(count)))),
      ).toBe(0)
    })
    expect(environment.clock.pending).toBe(before)
    expect(run.status).toBe('running')
  })

  it('an interruption that a framing has no words for cuts the connection: nobody takes it for the end', async () => {
    const { runs, handler, lifechart } = await serve({ encode: 'raw' })
    const { url } = await net.serve(handler, way)
    runs.define('long', emitsAndStays('a'))
    await runs.start('chat', { type: 'long' }, { orphan: 'resume' }).started
    const told = textOf(await open(`${url}/runs/chat/events`))
    await lifechart.close()
    await expect(told).rejects.toThrow('aborted')
  })

  it('clients that leave before they are answered leave nothing either', async () => {
    const asked = latch()
    const gone = latch()
    const answer = latch<boolean>()
    const { runs, handler, lifechart, environment } = await serve({
      authorize: ({ request }) => {
        request.signal.addEventListener('abort', () => gone.open())
        asked.open()
        return answer.opened
      },
    })
    const { port } = await net.serve(handler, way)
    await runs.start('chat', emitsAndStays('a')).started
    await environment.clock.advance(idleLook)
    const before = environment.clock.pending
    const socket = connect(port, '127.0.0.1')
    socket.write('GET /runs/chat/events HTTP/1.1\r\nhost: x\r\n\r\n')
    await asked.opened
    socket.destroy()
    await gone.opened
    answer.open(true)
    await settled()
    expect(lifechart.stats()['runs.subscribers']).toBe(0)
    await environment.clock.advance(idleLook)
    expect(environment.clock.pending).toBe(before)
  })

  it('1,000 connections each get every event once and in order', async () => {
    const { runs, handler } = await serve()
    const { url } = await net.serve(handler, way)
    const go = latch()
    const run = runs.start('chat', async function* () {
      yield 0
      await go.opened
      yield* upTo(50)
    })
    await run.started
    const agent = new Agent({ maxSockets: Number.POSITIVE_INFINITY })
    const responses = await Promise.all(upTo(1_000).map(() => open(`${url}/runs/chat/events`, agent)))
    go.open()
    const whole = parse(await textOf(responses.pop() as IncomingMessage))
    expect(whole.flatMap(({ id }) => (id ? [Number(id.split(':')[1])] : []))).toEqual(upTo(53))
    for (const response of responses) expect(parse(await textOf(response))).toEqual(whole)
    agent.destroy()
  })

  it('one that never reads has a position and nothing else: 100 MB pass it by', async () => {
    const { runs, handler } = await serve({ runtime: { limits: { windowBytes: 1e6 } } })
    const { port } = await net.serve(handler, way)
    const chunk = 'x'.repeat(1_000)
    const go = latch()
    const run = runs.start('chat', async function* () {
      await go.opened
      for (let n = 0; n < 100_000; n++) yield chunk
    })
    const socket = connect(port, '127.0.0.1')
    socket.pause()
    socket.write('GET /runs/chat/events HTTP/1.1\r\nhost: x\r\n\r\n')
    await vi.waitFor(() => expect(run.status).toBe('running'))
    const before = process.memoryUsage()
    go.open()
    await run.ended
    const { arrayBuffers, external } = process.memoryUsage()
    expect(arrayBuffers - before.arrayBuffers).toBeLessThan(20e6)
    expect(external - before.external).toBeLessThan(20e6)
    socket.destroy()
  })

  it('one that reads slowly gets everything', async () => {
    const { runs, handler } = await serve({ runtime: { limits: { windowRecords: 100 } } })
    const { url } = await net.serve(handler, way)
    const run = runs.start('chat', emits(...upTo(2_000).map(n => `${n}`.padEnd(1_000))))
    await run.ended
    const response = await open(`${url}/runs/chat/events`)
    let text = ''
    response.setEncoding('utf8')
    for await (const part of response) {
      text += part
      await settled(1)
    }
    expect(parse(text).flatMap(({ id }) => (id ? [Number(id.split(':')[1])] : []))).toEqual(upTo(2_002))
  })
})

it('over HTTP/2 a stream is written to the socket as well', async () => {
  const { runs, handler } = await serve()
  const run = runs.start('chat', emits('a', 'b'))
  await run.ended
  const server = createSecondServer(getRequestListener((request, env) => handler(request, env)))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const session = connectSecond(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const stream = session.request({ ':path': '/runs/chat/events' })
  const [head] = await once(stream, 'response')
  let text = ''
  for await (const part of stream.setEncoding('utf8')) text += part
  session.close()
  server.close()
  await once(server, 'close')
  expect(head).toMatchObject({ ':status': 200, 'content-type': 'text/event-stream' })
  expect(parse(text).at(-1)).toMatchObject({ id: `${run.runId}:4`, event: 'end' })
})

it('HTTP/2 tells a connection that is cut from an end as well', async () => {
  const { runs, handler, lifechart } = await serve({ encode: 'raw' })
  runs.define('long', emitsAndStays('a'))
  await runs.start('chat', { type: 'long' }, { orphan: 'resume' }).started
  const server = createSecondServer(getRequestListener((request, env) => handler(request, env)))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const session = connectSecond(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const stream = session.request({ ':path': '/runs/chat/events' })
  await once(stream, 'data')
  stream.resume()
  await lifechart.close()
  await once(stream, 'close')
  session.close()
  server.close()
  await once(server, 'close')
  expect(stream.rstCode).toBe(constants.NGHTTP2_CANCEL)
})
