import { EventEmitter } from 'node:events'
import { describe, expect, it } from 'vitest'
import type { Outgoing } from '../../src/http/index.ts'
import type { RunEvent } from '../../src/runs/events.ts'
import { settled } from '../../src/testing/simulated-clock.ts'
import { countListeners } from '../client/support.ts'
import { emits, emitsAndStays, latch, upTo } from '../runs/support.ts'
import { parse, served, Tap } from './support.ts'

const serve = served()
const text = (n: number) => `${n}`.padEnd(90, '.')

/** A run of 1,000 chunks of a hundred characters that has ended, and a count of the events that were made into bytes. */
async function long() {
  let framed = 0
  const encode = (event: RunEvent) => {
    framed++
    return event.type === 'chunk' ? { data: String(event.data) } : undefined
  }
  const house = await serve({ encode, limits: { pieceCharacters: 1_000 } })
  const run = house.runs.start('chat', emits(...upTo(1_000).map(text)))
  await run.ended
  return { ...house, framed: () => framed }
}

const numbersIn = (sent: string) => parse(sent).flatMap(({ id, data }) => (id ? [Number(data?.replaceAll('.', ''))] : []))

describe('the body of a Response', () => {
  it('takes nothing from the stream before it is read, and no more than it is read', async () => {
    const { get, framed } = await long()
    const response = await get('/runs/chat/events')
    await settled()
    expect(framed()).toBe(0)
    const tap = new Tap(response)
    for (let piece = 0; piece < 5; piece++) {
      await tap.read()
      await settled()
      expect(framed()).toBeLessThanOrEqual(piece * 9)
    }
    expect(numbersIn(await tap.toEnd())).toEqual(upTo(1_000))
    expect(framed()).toBe(1_002)
  })

  it('that is cancelled leaves nothing', async () => {
    const { get, framed, lifechart } = await long()
    const tap = new Tap(await get('/runs/chat/events'))
    await tap.read()
    await tap.read()
    const before = framed()
    await tap.cancel()
    await settled()
    expect(framed()).toBe(before)
    expect(lifechart.stats()['runs.subscribers']).toBe(0)
  })

  it('whose request is aborted ends, and leaves nothing', async () => {
    const { runs, get, lifechart } = await serve()
    runs.start('chat', emitsAndStays('a'))
    const leaving = new AbortController()
    const tap = new Tap(await get('/runs/chat/events', { signal: leaving.signal }))
    await tap.until('"a"')
    const over = tap.toEnd()
    leaving.abort()
    expect(await over).not.toContain('interrupted')
    expect(lifechart.stats()['runs.subscribers']).toBe(0)
  })
})

it('a stream whose request was aborted before its answer leaves nothing', async () => {
  const asked = latch()
  const answer = latch<boolean>()
  const { runs, get, lifechart, environment } = await serve({
    authorize: () => {
      asked.open()
      return answer.opened
    },
  })
  await runs.start('chat', emitsAndStays('a')).started
  const before = environment.clock.pending
  const leaving = new AbortController()
  const response = get('/runs/chat/events', { signal: leaving.signal })
  await asked.opened
  leaving.abort()
  answer.open(true)
  await response
  expect(lifechart.stats()['runs.subscribers']).toBe(0)
  // The runtime's own look for idle readers.
  expect(environment.clock.pending).toBeLessThanOrEqual(before + 1)
})

it.each(['is cancelled', 'has ended'])('a stream that %s no longer listens to its request', async how => {
  const { runs, handler } = await serve()
  const run = runs.start('chat', emitsAndStays('a'))
  const asking = new Request('http://server.example/runs/chat/events')
  const listeners = countListeners(asking.signal)
  const tap = new Tap(await handler(asking))
  await tap.until('"a"')
  expect(listeners.size).toBe(1)
  const over = how === 'is cancelled' ? tap.cancel() : tap.toEnd()
  await run.stop()
  await over
  expect(listeners.size).toBe(0)
})

/** A socket that takes so many writes before it has to drain. */
class Socket extends EventEmitter implements Outgoing {
  destroyed = false
  sent = ''
  ended = false
  status: number | undefined
  headers: Record<string, string> = {}
  removed: string[] = []
  room: number

  constructor(room = Number.POSITIVE_INFINITY) {
    super()
    this.room = room
  }

  removeHeader(name: string): void {
    this.removed.push(name)
  }

  writeHead(status: number, headers: Record<string, string>): void {
    this.status = status
    this.headers = headers
  }

  write(bytes: Uint8Array): boolean {
    this.sent += Buffer.from(bytes).toString()
    this.room--
    return this.room > 0
  }

  end(): void {
    this.ended = true
  }

  destroy(): void {
    this.destroyed = true
    this.emit('close')
  }

  drain(room: number): void {
    this.room = room
    this.emit('drain')
  }
}

const request = () => new Request('http://server.example/runs/chat/events')

describe('a socket that is written to', () => {
  it('is waited for: one write more than it has room for, then none until it has drained', async () => {
    const { handler, framed } = await long()
    const socket = new Socket(3)
    await handler(request(), { outgoing: socket })
    await settled()
    const before = framed()
    expect(before).toBeLessThanOrEqual(18)
    await settled()
    expect(framed()).toBe(before)
    while (!socket.ended) {
      const sent = socket.sent.length
      socket.drain(4)
      await settled()
      expect(socket.sent.length - sent).toBeLessThan(6_000)
    }
    expect(numbersIn(socket.sent)).toEqual(upTo(1_000))
  })

  it('gets the status and the headers at once, also when there is nothing to tell yet', async () => {
    const { runs, handler } = await serve()
    await runs.start('chat', emitsAndStays()).started
    const socket = new Socket()
    const response = await handler(request(), { outgoing: socket })
    expect(socket).toMatchObject({ status: 200, headers: { 'content-type': 'text/event-stream', connection: 'close' } })
    expect(response.headers.get('x-hono-already-sent')).toBe('true')
  })

  it('is written to in chunks where the framing does not mark the end: a cut is told from an end by them', async () => {
    const { runs, handler } = await serve({ encode: 'raw' })
    await runs.start('chat', emitsAndStays()).started
    const socket = new Socket()
    await handler(request(), { outgoing: socket })
    expect(socket.removed).toEqual([])
    expect(socket.headers.connection).toBeUndefined()
  })

  it('of HTTP/2 gets no header of HTTP/1', async () => {
    const { runs, handler } = await serve()
    await runs.start('chat', emitsAndStays()).started
    const socket = Object.assign(new Socket(), { req: { httpVersionMajor: 2 } })
    await handler(request(), { outgoing: socket })
    expect(socket.removed).toEqual([])
    expect(socket.headers.connection).toBeUndefined()
  })

  it.each(['while it is quiet', 'while it has to drain'])('that closes %s leaves nothing', async when => {
    const { runs, handler, lifechart, environment } = await serve()
    runs.start('chat', emitsAndStays(...upTo(10)))
    await settled()
    const timers = environment.clock.pending
    const socket = new Socket(when === 'while it is quiet' ? Number.POSITIVE_INFINITY : 1)
    await handler(request(), { outgoing: socket })
    await settled()
    const { sent } = socket
    socket.destroy()
    socket.drain(9)
    await settled()
    expect(socket.sent).toBe(sent)
    expect(lifechart.stats()['runs.subscribers']).toBe(0)
    expect(environment.clock.pending).toBeLessThanOrEqual(timers + 1)
  })

  it('that does not drain gets no comments, and is destroyed when that has lasted too long', async () => {
    const { runs, handler, lifechart, environment } = await serve({ limits: { unread: 60_000 } })
    runs.start('chat', emitsAndStays(...upTo(10)))
    const socket = new Socket(1)
    await handler(request(), { outgoing: socket })
    await environment.clock.advance(59_000)
    expect(socket).toMatchObject({ sent: 'retry: 1000\n\n', destroyed: false })
    await environment.clock.advance(20_000)
    expect(socket).toMatchObject({ sent: 'retry: 1000\n\n', destroyed: true })
    expect(lifechart.stats()).toMatchObject({ 'runs.subscribers': 0, 'runs.live': 1 })
  })

  it('that does not drain is destroyed as soon as its client may no longer follow', async () => {
    let allowed = true
    const { runs, handler, lifechart, environment } = await serve({ authorize: () => allowed })
    runs.start('chat', emitsAndStays(...upTo(10)))
    const socket = new Socket(1)
    await handler(request(), { outgoing: socket })
    allowed = false
    await environment.clock.advance(67_500)
    expect(socket).toMatchObject({ sent: 'retry: 1000\n\n', destroyed: true })
    expect(lifechart.stats()).toMatchObject({ 'runs.subscribers': 0, 'runs.live': 1 })
  })

  it('gets comments while it is quiet', async () => {
    const { runs, handler, environment } = await serve()
    runs.start('chat', emitsAndStays('a'))
    const socket = new Socket()
    await handler(request(), { outgoing: socket })
    await environment.clock.advance(30_000)
    expect(socket.sent.split(': \n\n').length - 1).toBeGreaterThanOrEqual(2)
  })

  it('tells a page of an origin that is configured that it may read', async () => {
    const { runs, handler } = await serve({ cors: { origins: ['https://app.example'] } })
    await runs.start('chat', emitsAndStays()).started
    const socket = new Socket()
    await handler(new Request(request(), { headers: { origin: 'https://app.example' } }), { outgoing: socket })
    expect(socket.headers).toMatchObject({ 'access-control-allow-origin': 'https://app.example', vary: 'Origin' })
  })

  it('hears of a refusal through the answer alone', async () => {
    const { handler } = await serve()
    const socket = new Socket()
    expect((await handler(request(), { outgoing: socket })).status).toBe(404)
    expect(socket).toMatchObject({ status: undefined, sent: '' })
  })
})

it('events that come in one commit are one write, and readers at one position share its bytes', async () => {
  let framed = 0
  const encode = (event: RunEvent) => {
    framed++
    return event.type === 'chunk' ? { data: String(event.data) } : undefined
  }
  const { runs, handler } = await serve({ encode })
  let go = () => {}
  const gate = new Promise<void>(resolve => {
    go = resolve
  })
  const run = runs.start('chat', async ({ emit }) => {
    await gate
    for (let n = 1; n <= 64; n++) emit(n)
  })
  await run.started
  const sockets = upTo(10).map(() => new Socket())
  for (const socket of sockets) await handler(request(), { outgoing: socket })
  await settled()
  const writes = sockets.map(socket => {
    let count = 0
    const { write } = socket
    socket.write = bytes => {
      count++
      return write.call(socket, bytes)
    }
    return () => count
  })
  const before = framed
  go()
  await run.ended
  await settled()
  for (const count of writes) expect(count()).toBeLessThanOrEqual(2)
  expect(framed - before).toBe(65)
  for (const socket of sockets) expect(numbersIn(socket.sent)).toEqual(upTo(64))
})
