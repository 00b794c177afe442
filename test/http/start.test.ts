import { describe, expect, it } from 'vitest'
import { memoryAdapter } from '../../src/adapters/memory.ts'
import { LifechartError } from '../../src/errors.ts'
import type { Question, StartRequest } from '../../src/http/index.ts'
import { settled } from '../../src/testing/simulated-clock.ts'
import { emits, emitsAndStays, patient } from '../runs/support.ts'
import { faultyAdapter } from '../support/faulty-adapter.ts'
import { errorIn, framesOf, type Served, served, Tap } from './support.ts'

const serve = served()

/** A route that starts a run under the id `chat`, which emits the text of the body. */
function starting({ runs, handler }: Served, more: Partial<StartRequest> = {}) {
  return (body: unknown, headers: Record<string, string> = {}) =>
    handler.start(
      new Request('http://server.example/chats', {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
      { id: 'chat', begin: ({ text }) => runs.start('chat', emits(text)), ...more },
    )
}

describe('a route that starts runs', () => {
  it('answers with the ids when the start is committed', async () => {
    const store = faultyAdapter(memoryAdapter())
    const house = await serve({ runtime: { adapter: store } })
    store.hold()
    let answered = false
    const answer = starting(house)({ text: 'hello' }).finally(() => {
      answered = true
    })
    await settled()
    expect([store.holding, answered]).toEqual([1, false])
    store.release()
    const response = await answer
    const info = await house.runs.get('chat')
    expect([response.status, await response.json()]).toEqual([202, { id: 'chat', runId: info?.runId }])
  })

  it('answers with the events of that very run where they are accepted, or always wanted', async () => {
    const house = await serve()
    for (const start of [
      () => starting(house)({ text: 'hello' }, { accept: 'text/event-stream' }),
      () => starting(house, { follow: true })({ text: 'hello' }),
    ]) {
      expect((await framesOf(await start())).map(({ event, data }) => [event, data])).toEqual([
        ['state', '{"state":"running"}'],
        ['chunk', '"hello"'],
        ['end', '{"status":"done"}'],
      ])
    }
  })

  it('asks whether that is allowed: before the body is looked at, where the id is known', async () => {
    const asked: Partial<Question>[] = []
    const authorize = ({ request, ...question }: Question) => {
      asked.push({ ...question, ...(request.bodyUsed && { request }) })
      return false
    }
    const house = await serve({ authorize })
    expect(await errorIn(await starting(house)({ text: 'hello' }))).toEqual({ status: 404, code: 'RUN_NOT_FOUND' })
    const named = starting(house, { id: ({ id }) => String(id) })
    expect((await named({ id: 'chat-2' })).status).toBe(404)
    expect(asked).toMatchObject([
      { action: 'start', id: 'chat' },
      { action: 'start', id: 'chat-2' },
    ])
    expect(asked[0]?.request).toBeUndefined()
    expect(await house.runs.get('chat')).toBeUndefined()
  })

  it('is no route for other pages, forms and bodies that are none or too large', async () => {
    const house = await serve({ limits: { bodyBytes: 100 } })
    const start = starting(house)
    expect(await errorIn(await start({}, { origin: 'https://evil.example' }))).toEqual({ status: 403, code: 'ORIGIN_REFUSED' })
    expect(await errorIn(await start({}, { 'content-type': 'text/plain' }))).toEqual({ status: 415, code: 'MEDIA_TYPE_UNSUPPORTED' })
    expect(await errorIn(await start('['))).toEqual({ status: 400, code: 'BODY_INVALID' })
    expect(await errorIn(await start({ text: 'x'.repeat(100) }))).toEqual({ status: 413, code: 'BODY_TOO_LARGE' })
    expect(await house.runs.get('chat')).toBeUndefined()
  })

  it('says what is in the way of a start', async () => {
    const house = await serve({ runtime: { limits: { runs: 1 } } })
    await house.runs.start('chat', patient).started
    const reject = starting(house, { begin: () => house.runs.start('chat', emits(), { policy: 'reject' }) })
    expect(await errorIn(await reject({}))).toEqual({ status: 409, code: 'RUN_IN_FLIGHT' })
    const full = await starting(house, { begin: () => house.runs.start('other', emits()) })({})
    expect(full.headers.get('retry-after')).toBe('1')
    expect(await errorIn(full)).toEqual({ status: 429, code: 'RUN_CAPACITY' })
    const invalid = starting(house, { begin: () => house.runs.start('a\nb', emits()) })
    expect(await errorIn(await invalid({}))).toEqual({ status: 400, code: 'INVALID_ID' })
    const failing = starting(house, {
      begin() {
        throw new Error('secret')
      },
    })
    expect(await errorIn(await failing({}))).toEqual({ status: 500, code: 'SERVER_FAILED' })
  })

  it('starts nothing whose events there is no room for: who is told to come again later would start it twice', async () => {
    const house = await serve({ limits: { streams: 1 } })
    await house.runs.start('other', patient).started
    const tap = new Tap(await house.get('/runs/other/events'))
    expect(await errorIn(await starting(house, { follow: true })({ text: 'a' }))).toEqual({ status: 429, code: 'STREAM_LIMIT' })
    expect(await house.runs.get('chat')).toBeUndefined()
    expect((await starting(house)({ text: 'a' })).status).toBe(202)
    await tap.cancel()
    expect((await starting(house, { follow: true })({ text: 'a' })).status).toBe(200)
  })

  it('holds the room for them until they are streamed: of two starts at once, the one that is refused starts nothing', async () => {
    const house = await serve({ limits: { streams: 1 } })
    const start = (id: string) => starting(house, { id, follow: true, begin: () => house.runs.start(id, patient) })({})
    const responses = await Promise.all([start('a'), start('b')])
    expect(responses.map(({ status }) => status).sort()).toEqual([200, 429])
    expect(house.lifechart.stats()['runs.live']).toBe(1)
    for (const { body } of responses) await body?.cancel()
    expect((await start('c')).status).toBe(200)
  })

  it('gives the room back when nothing begins', async () => {
    const house = await serve({ limits: { streams: 1 } })
    const fails = () => {
      throw new LifechartError('RUN_IN_FLIGHT', 'No.')
    }
    for (let i = 0; i < 2; i++) expect((await starting(house, { follow: true, begin: fails })({})).status).toBe(409)
    expect((await starting(house, { follow: true })({ text: 'a' })).status).toBe(200)
  })

  it('starts nothing whose events are asked for from a position that is none', async () => {
    const house = await serve()
    const request = new Request('http://server.example/api/chat?after=soon', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    })
    const begin = () => house.runs.start('chat', patient)
    expect(await errorIn(await house.handler.start(request, { id: 'chat', follow: true, begin }))).toEqual({
      status: 400,
      code: 'CURSOR_INVALID',
    })
    expect(await house.runs.get('chat')).toBeUndefined()
  })

  it('starts what goes on when its client leaves', async () => {
    const house = await serve()
    const response = await starting(house, { follow: true, begin: () => house.runs.start('chat', emitsAndStays('a')) })({})
    await response.body?.cancel()
    expect(house.lifechart.stats()).toMatchObject({ 'runs.live': 1, 'runs.subscribers': 0 })
  })
})
