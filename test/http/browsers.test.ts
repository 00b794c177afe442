import { describe, expect, it } from 'vitest'
import { loopbackOnly, runHandler } from '../../src/http/index.ts'
import { codeOf, emits, errorOf, patient } from '../runs/support.ts'
import { errorIn, served } from './support.ts'

const serve = served()
const home = 'http://server.example'

describe('a page', () => {
  it('of another origin may not stop a run, and gets no CORS header', async () => {
    const { runs, post, get } = await serve()
    const run = runs.start('chat', patient)
    await run.started
    for (const origin of ['https://evil.example', 'null', 'http://server.example.evil.example', 'http://server.example:81']) {
      const response = await post('/runs/chat/stop', {}, { origin })
      expect([...response.headers.keys()].filter(name => name.startsWith('access-control'))).toEqual([])
      expect(await errorIn(response)).toEqual({ status: 403, code: 'ORIGIN_REFUSED' })
    }
    const read = await get('/runs/chat', { headers: { origin: 'https://evil.example' } })
    expect(read.headers.get('access-control-allow-origin')).toBeNull()
    expect(run.status).toBe('running')
  })

  it.each<Record<string, string>>([{ origin: home }, { origin: 'https://server.example' }, {}])(
    'of its own origin, and what is no page, may: %j',
    async headers => {
      const { runs, post } = await serve()
      await runs.start('chat', patient).started
      expect((await post('/runs/chat/stop?wait=1', {}, headers)).status).toBe(200)
    },
  )

  it('behind a proxy that changes the host is known by the origin that is configured', async () => {
    const { runs, post } = await serve({ origin: 'https://app.example' })
    await runs.start('chat', patient).started
    expect((await post('/runs/chat/stop', {}, { origin: home })).status).toBe(403)
    expect((await post('/runs/chat/stop?wait=1', {}, { origin: 'https://app.example' })).status).toBe(200)
  })

  it.each([undefined, 'text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/jsonx'])(
    'can not send a form in place of JSON: %s is 415',
    async type => {
      const { runs, get } = await serve()
      await runs.start('chat', patient).started
      const response = await get('/runs/chat/stop', { method: 'POST', ...(type && { headers: { 'content-type': type } }), body: '{}' })
      expect(await errorIn(response)).toEqual({ status: 415, code: 'MEDIA_TYPE_UNSUPPORTED' })
      expect((await runs.get('chat'))?.status).toBe('running')
    },
  )

  it('never gets foreign data as HTML', async () => {
    const { runs, get, post } = await serve()
    const id = '<script>alert(1)</script>'
    await runs.start(id, emits('<script>')).ended
    for (const response of [
      await get(`/runs/${encodeURIComponent(id)}`),
      await get(`/runs/${encodeURIComponent(id)}/events`),
      await get(`/runs/${encodeURIComponent('<b>')}`),
      await post(`/runs/${encodeURIComponent(id)}/stop`),
      await get('/<script>'),
    ]) {
      expect(response.headers.get('content-type')).toMatch(/^(application\/json|text\/event-stream)$/)
      expect(response.headers.get('x-content-type-options')).toBe('nosniff')
    }
  })
})

describe('a page of an origin that is configured', () => {
  const page = { origin: 'https://app.example' }
  const cors = { origins: ['https://app.example', 'http://localhost:5173'] }

  it('may read and stop, and its browser is told so', async () => {
    const { runs, get, post } = await serve({ cors })
    await runs.start('chat', patient).started
    const read = await get('/runs/chat', { headers: page })
    expect(read.headers.get('access-control-allow-origin')).toBe(page.origin)
    expect(read.headers.get('vary')).toBe('Origin')
    expect(read.headers.get('access-control-allow-credentials')).toBeNull()
    const events = await get('/runs/chat/events', { headers: page })
    expect(events.headers.get('access-control-allow-origin')).toBe(page.origin)
    await events.body?.cancel()
    expect((await post('/runs/chat/stop?wait=1', {}, page)).status).toBe(200)
    const unknown = await get('/runs/unknown', { headers: page })
    expect([unknown.status, unknown.headers.get('access-control-allow-origin')]).toEqual([404, page.origin])
  })

  it('is answered before it asks', async () => {
    const { get } = await serve({ cors: { ...cors, credentials: true } })
    const headers = { ...page, 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' }
    const response = await get('/runs/chat/stop', { method: 'OPTIONS', headers })
    expect(response.status).toBe(204)
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'access-control-allow-origin': page.origin,
      'access-control-allow-credentials': 'true',
      'access-control-allow-methods': 'GET, POST',
      'access-control-allow-headers': 'authorization, content-type, last-event-id',
      vary: 'Origin',
    })
  })

  it('is the only one', async () => {
    const { get } = await serve({ cors })
    const headers = { origin: 'https://evil.example', 'access-control-request-method': 'POST' }
    const response = await get('/runs/chat/stop', { method: 'OPTIONS', headers })
    expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([405, null])
    // What a cache keeps for the one page is not for the other.
    expect(response.headers.get('vary')).toBe('Origin')
  })

  it.each(['*', 'app.example', 'https://app.example/', 'https://app.example/x', ''])('is an origin: %j is refused', async origin => {
    expect(await errorOf(() => serve({ cors: { origins: [origin] } }))).toEqual(codeOf('INVALID_OPTION'))
    expect(await errorOf(() => serve({ origin }))).toEqual(codeOf('INVALID_OPTION'))
  })
})

describe('a server on loopback', () => {
  async function loopback() {
    const { lifechart, runs } = await serve()
    await runs.start('chat', emits()).ended
    return loopbackOnly(runHandler({ lifechart, authorize: 'public' }))
  }

  it.each(['localhost', 'localhost:4180', '127.0.0.1:4180', '[::1]:4180', 'LOCALHOST:80'])('answers as %s', async host => {
    const handle = await loopback()
    expect((await handle(new Request(`http://${host}/runs/chat`, { headers: { host } }))).status).toBe(200)
  })

  it.each([
    'evil.example',
    'evil.example:4180',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '127.0.0.2',
    '2130706433',
    '0.0.0.0',
    'x@localhost',
  ])('does not answer a page that had the name %s resolve to it: 421', async host => {
    const handle = await loopback()
    const response = await handle(new Request('http://127.0.0.1/runs/chat', { headers: { host } }))
    expect(await errorIn(response)).toEqual({ status: 421, code: 'HOST_REFUSED' })
  })

  it('nor a request whose target has another name than its Host', async () => {
    const handle = await loopback()
    const response = await handle(new Request('http://evil.example/runs/chat', { headers: { host: 'localhost' } }))
    expect(await errorIn(response)).toEqual({ status: 421, code: 'HOST_REFUSED' })
  })
})
