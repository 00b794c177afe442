import { FollowError, type FollowOptions, follow, type RunEvent } from 'lifechart/client'
import { settled } from 'lifechart/testing'
import { describe, expect, it } from 'vitest'
import { audience, chunk, chunkEvent, end, endEvent, fakeServer, frame } from './support.ts'

const url = 'https://host.test/runs/a/events'

/** What a loop is given of a stream of these texts. */
async function eventsOf(texts: readonly string[], options?: FollowOptions): Promise<RunEvent[]> {
  const { server, over, seen } = await audience(options)
  server.last.stream(...texts)
  expect(await over).toBeUndefined()
  return seen
}

describe('a run that is followed', () => {
  it('is told event by event, to its end', async () => {
    const texts = ['line\nbreak\r\n', '\0', '😀', '\ud800 alone', '\u2028', '</script>']
    const error = { code: 'PRODUCER_FAILED', message: 'The producer failed.' }
    const stream = [
      'retry: 1000\n\n',
      frame('state', 1, { state: 'running', attempt: 2 }),
      ...texts.map((text, i) => frame('chunk', i + 2, text)),
      frame('chunk', 8, null),
      ': \n\n',
      frame('end', 9, { status: 'error', error }),
    ]
    expect(await eventsOf(stream)).toEqual([
      { seq: 1, type: 'state', state: 'running', attempt: 2 },
      ...texts.map((data, i) => ({ seq: i + 2, type: 'chunk', data })),
      { seq: 8, type: 'chunk', data: null },
      { seq: 9, type: 'end', status: 'error', error },
    ])
  })

  it('has bytes among its chunks', async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
    const base64 = Buffer.from(bytes).toString('base64')
    expect(await eventsOf([`id: r:1\nevent: bytes\ndata: ${base64}\n\n`, 'id: r:2\nevent: bytes\ndata: \n\n', end(3)])).toEqual([
      { seq: 1, type: 'chunk', data: bytes },
      { seq: 2, type: 'chunk', data: new Uint8Array() },
      endEvent(3),
    ])
  })

  it('says behind each event where to go on', async () => {
    const server = fakeServer()
    const events = follow(url, { fetch: server.fetch })
    expect([events.cursor, events.runId]).toEqual([undefined, undefined])
    const first = events.next()
    await settled()
    server.last.stream(chunk(1) + chunk(2) + end(3))
    await first
    expect([events.cursor, events.runId]).toEqual(['r:1', 'r'])
    await events.next()
    expect(events.cursor).toBe('r:2')
    expect(await events.next()).toEqual({ done: false, value: endEvent(3) })
    expect(await events.next()).toEqual({ done: true, value: undefined })
    expect(events.cursor).toBe('r:3')
  })

  it('is over when the server has nothing more of it', async () => {
    const { server, over, seen } = await audience({ after: 'r:9' })
    server.last.answer(204)
    expect(await over).toBeUndefined()
    expect(seen).toEqual([])
  })

  it.each<[FollowOptions['after'], string]>([
    [undefined, ''],
    [0, ''],
    [7, '?after=7'],
    ['r:7', '?runId=r&after=r%3A7'],
    ['a:b:0', '?runId=a%3Ab&after=a%3Ab%3A0'],
  ])('is asked for behind %j', async (after, query) => {
    const { server, events } = await audience({ after })
    expect(server.last.url.href).toBe(url + query)
    expect(events.cursor).toBe(typeof after === 'string' ? after : undefined)
    await events.return()
  })

  it('is asked for anew each time, and never taken from a cache', async () => {
    const asked: unknown[] = []
    const fetch = async (_: string, { cache }: RequestInit) => {
      asked.push(cache)
      return new Response(null, { status: 204 })
    }
    for await (const event of follow(url, { fetch })) throw new Error(`What is ${event.type}?`)
    expect(asked).toEqual(['no-store'])
  })

  it('keeps what else the address asks for', async () => {
    const server = fakeServer()
    const events = follow(new URL(`${url}?tenant=t`), { fetch: server.fetch, after: 3 })
    void events.next()
    await settled()
    expect(server.last.url.search).toBe('?tenant=t&after=3')
    await events.return()
  })

  it.each([-1, 1.5, Number.NaN, '', '7', 'r:', ':7', 'r:x', 'r:-1', 'r:07', 'r:1e3', 'r:99999999999999999'])(
    'begins nowhere behind %j',
    after => {
      expect(() => follow(url, { after })).toThrow(expect.objectContaining({ name: 'FollowError', code: 'CURSOR_INVALID' }))
    },
  )

  it.each([{ timeout: 0 }, { timeout: Number.NaN }])('is not followed with %j', options => {
    expect(() => follow(url, options)).toThrow(expect.objectContaining({ name: 'FollowError', code: 'INVALID_OPTION' }))
  })

  it.each(['/runs/a/events', 'localhost:3000/runs/a/events', 'http://user:word@server.example/runs/a/events'])(
    'needs a whole address without a password, and %s is none',
    address => {
      expect(() => follow(address)).toThrow(expect.objectContaining({ name: 'FollowError', code: 'INVALID_OPTION' }))
    },
  )

  it('is for one loop', async () => {
    const { events, over } = await audience()
    expect(() => events[Symbol.asyncIterator]()).toThrow(expect.objectContaining({ name: 'FollowError', code: 'ALREADY_FOLLOWED' }))
    await events.return()
    expect(await over).toBeUndefined()
  })

  it('is read no faster than the loop asks', async () => {
    const server = fakeServer()
    const events = follow(url, { fetch: server.fetch })
    expect(server.exchanges).toHaveLength(0)
    const first = events.next()
    await settled()
    server.last.stream(chunk(1) + chunk(2), chunk(3), chunk(4))
    await first
    await events.next()
    await settled()
    const { pulls } = server.last
    expect(await events.next()).toEqual({ done: false, value: chunkEvent(3) })
    await settled()
    expect(server.last.pulls - pulls).toBeLessThanOrEqual(1)
    await events.return()
  })
})

describe('events that are missing', () => {
  const gaps = [
    ['the server says so', frame('gap', 3, { from: 1, to: 3 })],
    ['their numbers are', ''],
  ]

  it.each(gaps)('come as a gap when %s', async (_, text) => {
    expect(await eventsOf([text, chunk(4), end(5)])).toEqual([{ type: 'gap', from: 1, to: 3 }, chunkEvent(4), endEvent(5)])
  })

  it.each(gaps)('are told apart where that is wanted, when %s', async (_, text) => {
    const told: unknown[] = []
    expect(await eventsOf([text, chunk(4), end(5)], { onGap: gap => told.push(gap) })).toEqual([chunkEvent(4), endEvent(5)])
    expect(told).toEqual([{ from: 1, to: 3 }])
  })

  it('are told as one gap with those that the server does not mention, and without those that came', async () => {
    const stream = [chunk(1), chunk(2), frame('gap', 6, { from: 5, to: 6 }), frame('gap', 8, { from: 2, to: 8 }), end(9)]
    expect((await eventsOf(stream)).slice(2)).toEqual([{ type: 'gap', from: 3, to: 6 }, { type: 'gap', from: 7, to: 8 }, endEvent(9)])
  })

  it('do not count before the position that was asked for', async () => {
    expect(await eventsOf([chunk(8), end(9)], { after: 7 })).toEqual([chunkEvent(8), endEvent(9)])
  })

  it('move the cursor', async () => {
    const { server, events } = await audience({ onGap: () => undefined })
    server.last.stream(frame('gap', 3, { from: 1, to: 3 }))
    await settled()
    expect(events.cursor).toBe('r:3')
    await events.return()
  })

  it('end the loop when whoever is told of them throws', async () => {
    const failure = new Error('Not with me.')
    const { server, over } = await audience({
      onGap: () => {
        throw failure
      },
    })
    server.last.stream(chunk(2))
    expect(await over).toBe(failure)
    await settled()
    expect(server.last.isCancelled).toBe(true)
  })
})

describe('what the client does not hand out', () => {
  it('is what it has already', async () => {
    expect(await eventsOf([chunk(1), chunk(1), chunk(2), chunk(1), frame('gap', 2, { from: 1, to: 2 }), end(3)])).toEqual([
      chunkEvent(1),
      chunkEvent(2),
      endEvent(3),
    ])
  })

  it('is an end that it has already; the run is over all the same', async () => {
    expect(await eventsOf([chunk(1), end(2)], { after: 'r:2' })).toEqual([])
  })

  it('is what it does not know', async () => {
    expect(await eventsOf(['data: 1\n\n', 'event: news\ndata: {\n\n', chunk(1), end(2)])).toEqual([chunkEvent(1), endEvent(2)])
  })
})

describe('an answer that will not change', () => {
  it.each([
    [400, 'CURSOR_INVALID'],
    [401, undefined],
    [403, undefined],
    [404, 'RUN_NOT_FOUND'],
    [409, 'CURSOR_AHEAD'],
    [410, 'RUN_EVICTED'],
    [206, undefined],
    [501, undefined],
  ])('ends the loop: %i %s', async (status, code) => {
    const { server, over, clock } = await audience()
    server.last.answer(status, {}, code === undefined ? '<html>secret' : JSON.stringify({ error: { code, message: 'secret' } }))
    const error = await over
    expect(error).toBeInstanceOf(FollowError)
    expect(error).toMatchObject({ name: 'FollowError', status, code })
    expect((error as Error).message).not.toMatch(/secret|host/)
    expect(clock.pending).toBe(0)
  })

  it('can be anything but an event stream', async () => {
    const { server, over } = await audience()
    server.last.answer(200, { 'content-type': 'text/event-streams' }, 'data: 1\n\n')
    expect(await over).toMatchObject({ name: 'FollowError', status: 200 })
  })

  it('may be an event stream by another spelling', async () => {
    const { server, over, seen } = await audience()
    server.last.answer(200, { 'content-type': 'Text/Event-Stream ; charset=utf-8' }, end(1))
    expect(await over).toBeUndefined()
    expect(seen).toEqual([endEvent(1)])
  })
})
