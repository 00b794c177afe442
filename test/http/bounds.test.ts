import { describe, expect, it } from 'vitest'
import { defaultHttpLimits, runHandler } from '../../src/http/index.ts'
import { codeOf, emits, emitsAndStays, errorOf, patient } from '../runs/support.ts'
import { errorIn, served, Tap } from './support.ts'

const serve = served()

describe('a body', () => {
  it('beyond the limit is refused before it is parsed, whatever its length is said to be', async () => {
    const { runs, post, handler } = await serve({ limits: { bodyBytes: 100 } })
    await runs.start('chat', patient).started
    expect(await errorIn(await post('/runs/chat/stop', ' '.repeat(101)))).toEqual({ status: 413, code: 'BODY_TOO_LARGE' })
    let pulled = 0
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulled++
        controller.enqueue(new Uint8Array(40).fill(32))
      },
    })
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: endless, duplex: 'half' }
    const response = await handler(new Request('http://server.example/runs/chat/stop', init as RequestInit))
    expect(await errorIn(response)).toEqual({ status: 413, code: 'BODY_TOO_LARGE' })
    expect(pulled).toBeLessThan(6)
  })

  it.each(['{', '[]', '"x"', '1', 'null', '{"runId":1}', '{"runId":null}', `{"a":${'['.repeat(70)}${']'.repeat(70)}}`, '['.repeat(60_000)])(
    '%.20s is refused: 400',
    async body => {
      const { runs, post } = await serve()
      await runs.start('chat', patient).started
      expect(await errorIn(await post('/runs/chat/stop', body))).toEqual({ status: 400, code: 'BODY_INVALID' })
      expect((await runs.get('chat'))?.status).toBe('running')
    },
  )

  it('that breaks off is refused, and is no failure of the server', async () => {
    const { runs, handler, environment } = await serve()
    const run = runs.start('chat', patient)
    await run.started
    const broken = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(new TextEncoder().encode('{"ru'))
        controller.error(new Error('aborted'))
      },
    })
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: broken, duplex: 'half' }
    const response = await handler(new Request('http://server.example/runs/chat/stop', init as RequestInit))
    expect(await errorIn(response)).toEqual({ status: 400, code: 'BODY_INVALID' })
    expect(environment.log.filter(({ level }) => level === 'error')).toEqual([])
    expect(run.status).toBe('running')
  })

  it('that somebody has read already is refused, and not taken for an empty one', async () => {
    const { runs, handler } = await serve()
    const run = runs.start('chat', patient)
    await run.started
    for (const [name, value] of [
      ['content-length', '16'],
      ['transfer-encoding', 'chunked'],
    ] as const) {
      const init = { method: 'POST', headers: { 'content-type': 'application/json', [name]: value } }
      expect(await errorIn(await handler(new Request('http://server.example/runs/chat/stop', init)))).toEqual({
        status: 400,
        code: 'BODY_INVALID',
      })
    }
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"runId":"other"}' }
    const used = new Request('http://server.example/runs/chat/stop', init)
    await used.text()
    expect(await errorIn(await handler(used))).toEqual({ status: 400, code: 'BODY_INVALID' })
    expect(run.status).toBe('running')
  })

  it('takes __proto__, constructor and prototype for keys like any other', async () => {
    const { runs, post } = await serve()
    const run = runs.start('chat', patient)
    await run.started
    const body = '{"__proto__":{"runId":"other"},"constructor":{"prototype":{"runId":"other"}},"prototype":1}'
    expect(await (await post('/runs/chat/stop?wait=1', body)).json()).toEqual({ runId: run.runId, stopped: true })
    expect(({} as Record<string, unknown>).runId).toBeUndefined()
  })
})

describe('the streams that are open', () => {
  it('are bounded in total: 429, with when to come again; one that closes makes room', async () => {
    const { runs, get } = await serve({ limits: { streams: 2 } })
    await runs.start('chat', patient).started
    const [first] = [new Tap(await get('/runs/chat/events')), await get('/runs/chat/events')]
    const refused = await get('/runs/chat/events')
    expect(refused.headers.get('retry-after')).toBe('1')
    expect(await errorIn(refused)).toEqual({ status: 429, code: 'STREAM_LIMIT' })
    await first.cancel()
    expect((await get('/runs/chat/events')).status).toBe(200)
  })

  it('are bounded per caller: the flood of one leaves room for others', async () => {
    const authorize = ({ request }: { request: Request }) => ({ caller: request.headers.get('authorization') ?? '' })
    const { runs, get } = await serve({ authorize, limits: { streamsPerCaller: 3 } })
    await runs.start('chat', patient).started
    const as = (authorization: string) => get('/runs/chat/events', { headers: { authorization } })
    const statuses: number[] = []
    for (let i = 0; i < 10; i++) statuses.push((await as('flooder')).status)
    expect(statuses).toEqual([200, 200, 200, ...Array(7).fill(429)])
    expect((await as('other')).status).toBe(200)
  })

  it('of a caller that close make room for others of the same caller', async () => {
    const { runs, get } = await serve({ authorize: () => ({ caller: 'one' }), limits: { streamsPerCaller: 2 } })
    await runs.start('chat', patient).started
    for (let i = 0; i < 3; i++) {
      const open = [await get('/runs/chat/events'), await get('/runs/chat/events')]
      expect(open.map(({ status }) => status)).toEqual([200, 200])
      expect((await get('/runs/chat/events')).status).toBe(429)
      for (const { body } of open) await body?.cancel()
    }
  })

  it('do not count those that were refused, or had nothing to tell', async () => {
    const { runs, get } = await serve({ limits: { streams: 1 } })
    await runs.start('chat', emits()).ended
    for (let i = 0; i < 3; i++) {
      expect((await get('/runs/unknown/events')).status).toBe(404)
      expect((await get('/runs/chat/events?after=99')).status).toBe(409)
      expect((await get('/runs/chat/events?after=2')).status).toBe(204)
    }
    expect((await get('/runs/chat/events')).status).toBe(200)
  })

  it('of one run are bounded by the runtime as well: 429', async () => {
    const { runs, get } = await serve({ runtime: { limits: { subscribers: 1 } } })
    await runs.start('chat', patient).started
    const open = await get('/runs/chat/events')
    expect(await errorIn(await get('/runs/chat/events'))).toEqual({ status: 429, code: 'SUBSCRIBER_LIMIT' })
    await open.body?.cancel()
  })

  it('that nobody reads are given up after a while: the run is not followed for them any more', async () => {
    const { runs, get, lifechart, environment } = await serve({ limits: { unread: 60_000 } })
    const run = runs.start('chat', emitsAndStays('a'))
    await run.started
    const unread = await get('/runs/chat/events')
    const read = new Tap(await get('/runs/chat/events'))
    await read.until('"a"')
    const reading = read.toEnd()
    expect(lifechart.stats()['runs.subscribers']).toBe(2)
    await environment.clock.advance(90_001)
    expect(lifechart.stats()['runs.subscribers']).toBe(1)
    expect(await errorOf(() => unread.text())).toBeInstanceOf(Error)
    await run.stop()
    expect(await reading).toContain('event: end')
  })
})

it('one that nobody reads keeps no process from its end when the runtime was closed', async () => {
  const { runs, get, lifechart, environment } = await serve()
  await runs.start('chat', emitsAndStays('a')).started
  const unread = await get('/runs/chat/events')
  await lifechart.close()
  await environment.clock.advance(10_000)
  expect(environment.clock.pending).toBe(0)
  expect(await errorOf(() => unread.text())).toBeInstanceOf(Error)
})

it('a stream that is read is not given up, however quiet its run is', async () => {
  const { runs, get, lifechart, environment } = await serve({ limits: { unread: 1_000 } })
  const run = runs.start('chat', emitsAndStays('a'))
  const over = new Tap(await get('/runs/chat/events')).toEnd()
  await environment.clock.advance(14_000)
  expect(lifechart.stats()['runs.subscribers']).toBe(1)
  await run.stop()
  expect(await over).toContain('event: end')
})

describe('the options of a handler', () => {
  it.each([
    { limits: { streams: 0 } },
    { limits: { bodyBytes: Number.NaN } },
    { limits: { bodyByte: 1 } },
    { heartbeat: 0 },
    { heartbeat: 15_001 },
    { retry: -1 },
    { retry: 1.5 },
    { reauthorize: Number.NaN },
    { base: 'runs' },
    { base: '/runs/' },
    { base: '' },
    { base: '/all runs' },
    { base: '/runs?' },
  ])('%j make no sense and are refused', async options => {
    const { lifechart } = await serve()
    expect(await errorOf(() => runHandler({ lifechart, authorize: 'public', ...options } as never))).toEqual(codeOf('INVALID_OPTION'))
  })

  it('have bounds by default', () => {
    for (const limit of Object.values(defaultHttpLimits)) expect(limit).toBeLessThan(Number.POSITIVE_INFINITY)
  })
})
