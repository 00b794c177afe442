import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type FollowClock, follow, type RunEvent } from 'lifechart/client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { frame } from './support.ts'

const frames = [
  frame('state', 1, { state: 'running' }),
  frame('chunk', 2, { text: 'é😀\u2028\n' }),
  'id: r:3\r\nevent: bytes\r\ndata: AAEC/w==\r\n\r\n',
  frame('chunk', 4, 'data: no\n\nid: r:9\n\n'),
  ': \n\nid: r:5\ndata: [1,\ndata: 2]\nevent: chunk\n\n',
  frame('end', 6, { status: 'done', result: '\ud800' }),
]
const events: RunEvent[] = [
  { seq: 1, type: 'state', state: 'running' },
  { seq: 2, type: 'chunk', data: { text: 'é😀\u2028\n' } },
  { seq: 3, type: 'chunk', data: Uint8Array.of(0, 1, 2, 255) },
  { seq: 4, type: 'chunk', data: 'data: no\n\nid: r:9\n\n' },
  { seq: 5, type: 'chunk', data: [1, 2] },
  { seq: 6, type: 'end', status: 'done', result: '\ud800' },
]
const whole = Buffer.from(frames.join(''))

/** Waits for nothing but the silence of the server. */
const hasty: FollowClock = {
  now: () => 0,
  random: () => 0,
  setTimeout: (callback, delay) => setTimeout(callback, delay < 45_000 ? 0 : delay),
  clearTimeout: timer => clearTimeout(timer as NodeJS.Timeout),
}

type Cut = (response: ServerResponse, bytes: Buffer) => void

describe('a client of a server that cuts its connections', () => {
  let cutAt = 0
  let cut: Cut
  let asked: (string | null)[] = []
  const server = createServer((request, response) => {
    const after = new URL(request.url ?? '', 'http://host').searchParams.get('after')
    asked.push(after)
    const body = Buffer.from(frames.slice(after === null ? 0 : Number(after.split(':')[1])).join(''))
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.flushHeaders()
    if (asked.length === 1) cut(response, body.subarray(0, cutAt))
    else response.end(body)
  })

  beforeAll(async () => {
    await once(server.listen(0, '127.0.0.1'), 'listening')
  })
  afterAll(async () => {
    const closed = once(server, 'close')
    server.close()
    await closed
  })

  it.each<[string, Cut]>([
    ['ends the body', (response, bytes) => response.end(bytes)],
    ['destroys the socket', (response, bytes) => void response.write(bytes.length > 0 ? bytes : ':', () => response.destroy())],
  ])('has every event once and in order, at whatever byte it %s', async (_, how) => {
    cut = how
    const { port } = server.address() as AddressInfo
    for (cutAt = 0; cutAt <= whole.length; cutAt++) {
      asked = []
      const seen: RunEvent[] = []
      for await (const event of follow(`http://127.0.0.1:${port}/runs/a/events`, { clock: hasty })) seen.push(event)
      expect(seen, `cut at ${cutAt} of ${whole.length}`).toEqual(events)
      expect(asked.length, `cut at ${cutAt} of ${whole.length}`).toBe(cutAt === whole.length ? 1 : 2)
    }
  })

  it('closes its response when it is left', async () => {
    const { port } = server.address() as AddressInfo
    asked = []
    cutAt = whole.length - 10
    let closed: Promise<unknown> | undefined
    cut = (response, bytes) => {
      closed = once(response, 'close')
      response.write(bytes)
    }
    for await (const event of follow(`http://127.0.0.1:${port}/`)) if ('seq' in event && event.seq === 2) break
    await closed
    expect(asked).toEqual([null])
  })
})
