import { type FollowOptions, follow } from 'lifechart/client'
import { settled } from 'lifechart/testing'
import { describe, expect, it } from 'vitest'
import { type Audience, audience, chunk, chunkEvent, countListeners, end, fakeServer } from './support.ts'

/** A signal that counts who listens to it. */
function countedSignal(): { signal: AbortSignal; abort: () => void; listeners: Set<unknown> } {
  const controller = new AbortController()
  const { signal } = controller
  return { signal, abort: () => controller.abort(), listeners: countListeners(signal) }
}

const never = new Promise<never>(() => undefined)
const moments: [string, FollowOptions, (audience: Audience) => Promise<void> | void][] = [
  ['while the headers are made', { headers: () => never }, () => undefined],
  ['while it connects', {}, () => undefined],
  ['while the body of an error is read', {}, ({ server }) => server.last.begin(404)],
  ['while nothing comes', {}, ({ server }) => server.last.stream()],
  ['behind an event', {}, ({ server }) => server.last.stream(chunk(1))],
  ['within a frame', {}, ({ server }) => server.last.stream(chunk(1).slice(0, 9))],
  ['while it waits to connect again', {}, ({ server }) => server.last.fail()],
  [
    'in a second connection',
    {},
    async ({ server, clock }) => {
      server.last.fail()
      await clock.advance(1_000)
      server.last.stream(chunk(1))
    },
  ],
]

describe('a signal', () => {
  it.each(moments)('ends the loop quietly %s, and nothing is left', async (_, options, reach) => {
    const { signal, abort, listeners } = countedSignal()
    const found = await audience({ ...options, signal })
    expect(listeners.size).toBe(1)
    await reach(found)
    await settled()
    const told = found.delays.length
    abort()
    expect(await found.over).toBeUndefined()
    await settled()
    expect(found.delays).toHaveLength(told)
    expect(found.clock.pending).toBe(0)
    expect(listeners.size).toBe(0)
    expect(found.server.exchanges.every(({ signal }) => signal.aborted)).toBe(true)
    const { length } = found.server.exchanges
    await found.clock.advance(100_000)
    expect(found.server.exchanges).toHaveLength(length)
  })

  it('ends what is not pulled at the moment', async () => {
    const { signal, abort, listeners } = countedSignal()
    const server = fakeServer()
    const events = follow('https://host.test/', { fetch: server.fetch, signal })
    const first = events.next()
    await settled()
    server.last.stream(chunk(1) + chunk(2))
    expect((await first).value).toEqual(chunkEvent(1))
    abort()
    await settled()
    expect(server.last.isCancelled).toBe(true)
    expect(listeners.size).toBe(0)
    expect(await events.next()).toEqual({ done: true, value: undefined })
    expect(events.cursor).toBe('r:1')
  })

  it.each(['onConnect', 'onGap', 'onDisconnect'] as const)('may be aborted by %s, and nothing comes behind it', async name => {
    const { signal, abort, listeners } = countedSignal()
    const { server, clock, over, seen, events } = await audience({ signal, [name]: abort })
    server.last.stream(chunk(3))
    await settled()
    if (name === 'onDisconnect') server.last.finish()
    expect(await over).toBeUndefined()
    expect(seen.length).toBe(name === 'onDisconnect' ? 2 : 0)
    expect(events.cursor).toBe({ onConnect: undefined, onGap: 'r:2', onDisconnect: 'r:3' }[name])
    expect([clock.pending, listeners.size, server.exchanges.length]).toEqual([0, 0, 1])
  })

  it('that was aborted before connects to nobody', async () => {
    const { server, over } = await audience({ signal: AbortSignal.abort() })
    expect(await over).toBeUndefined()
    expect(server.exchanges).toHaveLength(0)
  })

  it('is let go at the end of the run', async () => {
    const { signal, listeners } = countedSignal()
    const { server, over, clock } = await audience({ signal })
    server.last.stream(end(1))
    await over
    expect(listeners.size).toBe(0)
    expect(clock.pending).toBe(0)
  })

  it('is let go when the loop throws', async () => {
    const { signal, listeners } = countedSignal()
    const { server, over } = await audience({ signal })
    server.last.answer(404)
    await over
    expect(listeners.size).toBe(0)
  })

  it('lets an answer go that comes too late', async () => {
    const { signal, abort } = countedSignal()
    const { server, over } = await audience({ signal })
    abort()
    await over
    server.last.stream()
    await settled()
    expect(server.last.isCancelled).toBe(true)
  })
})

describe('leaving the loop', () => {
  it.each(moments)('is possible %s, and nothing is left', async (_, options, reach) => {
    const found = await audience(options)
    await reach(found)
    await settled()
    expect(await found.events.return()).toEqual({ done: true, value: undefined })
    expect(await found.over).toBeUndefined()
    await settled()
    expect(found.clock.pending).toBe(0)
    expect(found.server.exchanges.every(({ signal }) => signal.aborted)).toBe(true)
  })

  it('closes the connection', async () => {
    const server = fakeServer()
    const events = follow('https://host.test/', { fetch: server.fetch })
    const loop = (async () => {
      for await (const event of events) return event
    })()
    await settled()
    server.last.stream(chunk(1) + chunk(2))
    expect(await loop).toEqual(chunkEvent(1))
    await settled()
    expect(server.last.isCancelled).toBe(true)
    expect(events.cursor).toBe('r:1')
  })

  it('is what disposing of it does', async () => {
    const { events, over, server, clock } = await audience()
    await events[Symbol.asyncDispose]()
    expect(await over).toBeUndefined()
    expect(server.last.signal.aborted).toBe(true)
    expect(clock.pending).toBe(0)
  })
})
