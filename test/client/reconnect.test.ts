import type { FollowOptions } from 'lifechart/client'
import { settled } from 'lifechart/testing'
import { afterEach, describe, expect, it } from 'vitest'
import { type Audience, audience, chunk, chunkEvent, countListeners, type Exchange, end, endEvent, frame } from './support.ts'

/** A loop that has two events of the run, and what then happens to its connection. */
async function lostAfterTwo(lose: (connection: Exchange) => void, options?: FollowOptions, chance?: number): Promise<Audience> {
  const found = await audience(options, chance)
  found.server.last.stream(chunk(1), chunk(2))
  await settled()
  lose(found.server.last)
  await settled()
  return found
}

function endWith(connection: Exchange, text: string): void {
  connection.send(text)
  connection.finish()
}

describe('a connection that is lost', () => {
  it.each<[string, (connection: Exchange) => void]>([
    ['ends without an end', connection => connection.finish()],
    ['ends within a frame', connection => endWith(connection, chunk(3).slice(0, -1))],
    ['fails', connection => connection.fail()],
    ['is given up by the server', connection => connection.send('event: interrupted\ndata: {"code":"RUNTIME_CLOSED"}\n\n')],
    ['brings JSON that is none', connection => connection.send('id: r:3\nevent: chunk\ndata: {"a\n\n')],
    ['brings base64 that is none', connection => connection.send('id: r:3\nevent: bytes\ndata: a\n\n')],
    ['brings an id that is none', connection => connection.send('id: r3\nevent: chunk\ndata: 3\n\n')],
    ['brings an event without an id', connection => connection.send('event: chunk\ndata: 3\n\n')],
    ['brings an id with NUL', connection => connection.send('id: r:3\0\nevent: chunk\ndata: 3\n\n')],
    ['brings an event of another run', connection => connection.send('id: q:3\nevent: chunk\ndata: 3\n\n')],
    ['brings a state that is none', connection => connection.send(frame('state', 3, null))],
    ['brings an end that is none', connection => connection.send(frame('end', 3, {}))],
    ['brings a gap that is none', connection => connection.send(frame('gap', 4, { from: 3, to: 5 }))],
  ])('is replaced when it %s: nothing is lost, nothing comes twice', async (_, lose) => {
    const { server, clock, seen, over, delays, events } = await lostAfterTwo(lose)
    expect(events.cursor).toBe('r:2')
    expect(server.exchanges[0]?.signal.aborted).toBe(true)
    expect(delays).toEqual([1_000])
    await clock.advance(999)
    expect(server.exchanges).toHaveLength(1)
    await clock.advance(1)
    expect(server.last.url.search).toBe('?runId=r&after=r%3A2')
    server.last.stream(chunk(3), end(4))
    expect(await over).toBeUndefined()
    expect(seen).toEqual([chunkEvent(1), chunkEvent(2), chunkEvent(3), endEvent(4)])
    expect(clock.pending).toBe(0)
  })

  it.each([408, 425, 429, 500, 502, 503, 504])('is tried again after status %i', async status => {
    const { server, clock, seen, over } = await audience()
    server.last.answer(status, {}, 'busy')
    await clock.advance(1_000)
    server.last.stream(end(1))
    expect(await over).toBeUndefined()
    expect(seen).toEqual([endEvent(1)])
  })

  it('is told with what was in the way', async () => {
    const told: unknown[] = []
    const { server, clock, events } = await audience({
      onDisconnect: ({ error, delay }) => told.push([error.message, error.status, error.code, delay]),
    })
    const cause = new TypeError('getaddrinfo')
    server.last.fail(cause)
    await clock.advance(1_000)
    server.last.answer(503)
    await clock.advance(2_000)
    server.last.stream('event: interrupted\ndata: {"code":"RUNTIME_CLOSED"}\n\n')
    await settled()
    expect(told).toEqual([
      ['The server can not be reached.', undefined, undefined, 1_000],
      ['The server answered with status 503.', 503, undefined, 2_000],
      ['The server has to close the connection.', undefined, 'RUNTIME_CLOSED', 4_000],
    ])
    await events.return()
  })

  it('is followed by one of which is told that it stands, once its answer is there', async () => {
    const told: string[] = []
    const { server, clock, events } = await audience({ onConnect: () => told.push('on'), onDisconnect: () => told.push('off') })
    expect(told).toEqual([])
    server.last.answer(503)
    await clock.advance(1_000)
    expect(told).toEqual(['off'])
    server.last.stream('retry: 10\n\n')
    await settled()
    expect(told).toEqual(['off', 'on'])
    server.last.finish()
    await clock.advance(2_000)
    server.last.stream('')
    await settled()
    expect(told).toEqual(['off', 'on', 'off', 'on'])
    await events.return()
  })

  it('ends the loop when whoever is told of it throws', async () => {
    const failure = new Error('Not with me.')
    const { server, over, clock } = await audience({
      onDisconnect: () => {
        throw failure
      },
    })
    server.last.fail()
    expect(await over).toBe(failure)
    expect(clock.pending).toBe(0)
  })

  it('is given up when nothing was received for 45 seconds, be it a comment', async () => {
    const { server, clock, seen, events } = await audience()
    await clock.advance(44_999)
    server.last.stream(chunk(1))
    await clock.advance(44_999)
    server.last.send(': \n\n')
    await clock.advance(44_999)
    expect(server.last.isCancelled).toBe(false)
    await clock.advance(1)
    expect(server.last.isCancelled).toBe(true)
    await clock.advance(1_000)
    expect(server.exchanges).toHaveLength(2)
    expect(seen).toEqual([chunkEvent(1)])
    await events.return()
  })

  it('is given up when the server does not answer at all', async () => {
    const { server, clock, delays, events } = await audience({ timeout: 100 })
    await clock.advance(100)
    expect(server.last.signal.aborted).toBe(true)
    expect(delays).toEqual([1_000])
    await events.return()
  })

  it('is never given up where that is wanted', async () => {
    const { server, clock, events } = await audience({ timeout: Number.POSITIVE_INFINITY })
    await clock.advance(10_000_000)
    expect(server.last.signal.aborted).toBe(false)
    await events.return()
  })
})

describe('the time until the next connection', () => {
  async function failures(count: number, { server, clock, delays }: Audience): Promise<void> {
    for (let n = 0; n < count; n++) {
      server.last.fail()
      await settled()
      await clock.advance(delays.at(-1) ?? 0)
    }
  }

  it('doubles to 30 seconds, until an event comes', async () => {
    const found = await audience()
    const { server, clock, events, delays } = found
    await failures(7, found)
    server.last.stream(': \n\n')
    await settled()
    server.last.finish()
    await clock.advance(30_000)
    server.last.stream(chunk(1))
    await settled()
    server.last.finish()
    await settled()
    expect(delays).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000, 1_000])
    await events.return()
  })

  it('is not cut down by an event that the client has already', async () => {
    const { server, clock, events, delays } = await lostAfterTwo(connection => connection.finish())
    await clock.advance(1_000)
    server.last.stream(chunk(2))
    await settled()
    server.last.finish()
    await settled()
    expect(delays).toEqual([1_000, 2_000])
    await events.return()
  })

  it('is what the server asks for, also in connections to come', async () => {
    const found = await lostAfterTwo(connection => endWith(connection, 'retry: 200\n\n'))
    await found.clock.advance(200)
    await failures(2, found)
    expect(found.delays).toEqual([200, 400, 800])
    await found.events.return()
  })

  it('grows even from nothing, and stays below 30 seconds', async () => {
    const found = await lostAfterTwo(connection => endWith(connection, 'retry: 0\n\n'))
    await found.clock.advance(1)
    await failures(3, found)
    found.server.last.stream('retry: 99999999999999999999\n\n')
    await settled()
    found.server.last.finish()
    await settled()
    expect(found.delays).toEqual([1, 2, 4, 8, 30_000])
    await found.events.return()
  })

  it('is between a half and the whole of that, by chance', async () => {
    const { delays, events } = await lostAfterTwo(connection => connection.finish(), {}, 0)
    expect(delays).toEqual([500])
    await events.return()
  })

  it.each([
    ['7', 7_000],
    ['Thu, 01 Jan 2026 00:01:00 GMT', 60_000],
    ['Wed, 31 Dec 2025 00:00:00 GMT', 1_000],
    ['0', 1_000],
    ['soon', 1_000],
  ])('is at least what a server asks for that is busy: %s', async (header, delay) => {
    const { server, delays, events } = await audience()
    server.last.answer(503, { 'retry-after': header })
    await settled()
    expect(delays).toEqual([delay])
    await events.return()
  })
})

describe('a browser that comes back online', () => {
  const world = globalThis as { addEventListener?: unknown; removeEventListener?: unknown }

  /** Makes this a browser, in so far as it can come back online. */
  function inBrowser(): { page: EventTarget; listeners: Set<unknown> } {
    const page = new EventTarget()
    const listeners = countListeners(page)
    world.addEventListener = page.addEventListener.bind(page)
    world.removeEventListener = page.removeEventListener.bind(page)
    return { page, listeners }
  }

  afterEach(() => {
    delete world.addEventListener
    delete world.removeEventListener
  })

  it('connects at once', async () => {
    const { page, listeners } = inBrowser()
    const { server, clock, events } = await lostAfterTwo(connection => connection.finish())
    expect(listeners.size).toBe(1)
    page.dispatchEvent(new Event('online'))
    await settled()
    expect(server.exchanges).toHaveLength(2)
    expect(listeners.size).toBe(0)
    await events.return()
    expect(clock.pending).toBe(0)
  })

  it('leaves a server alone that asked for it', async () => {
    const { page } = inBrowser()
    const { server, events } = await audience()
    server.last.answer(429, { 'retry-after': '5' })
    await settled()
    page.dispatchEvent(new Event('online'))
    await settled()
    expect(server.exchanges).toHaveLength(1)
    await events.return()
  })
})

describe('the headers', () => {
  it('are asked for before each connection', async () => {
    let token = 0
    const { server, clock, events } = await lostAfterTwo(connection => connection.finish(), {
      headers: async () => ({ authorization: `Bearer ${++token}` }),
    })
    await clock.advance(1_000)
    expect(server.exchanges.map(({ headers }) => headers.get('authorization'))).toEqual(['Bearer 1', 'Bearer 2'])
    expect([...server.last.headers.keys()]).toEqual(['accept', 'authorization'])
    await events.return()
  })

  it('can be given once', async () => {
    const { server, events } = await audience({ headers: { 'x-tenant': 't' } })
    expect(server.last.headers.get('x-tenant')).toBe('t')
    await events.return()
  })

  it('end the loop when they can not be had', async () => {
    const failure = new Error('Signed out.')
    const { over, server } = await audience({ headers: () => Promise.reject(failure) })
    expect(await over).toBe(failure)
    expect(server.exchanges).toHaveLength(0)
  })
})
