import { describe, expect, it } from 'vitest'
import { LifechartError } from '../../src/errors.ts'
import { deaf, emits, emitsAndStays, latch, patient } from '../runs/support.ts'
import { errorIn, served } from './support.ts'

const serve = served()

describe('the status of a run', () => {
  it('is what is known of it, as JSON', async () => {
    const { runs, get } = await serve()
    const run = runs.start('chat/1 ü', emits('a'))
    await run.ended
    const response = await get(`/runs/${encodeURIComponent('chat/1 ü')}`)
    expect(response.headers.get('content-type')).toBe('application/json')
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(await response.json()).toMatchObject({
      id: 'chat/1 ü',
      runId: run.runId,
      status: 'done',
      head: 3,
      end: { seq: 3, status: 'done' },
    })
  })

  it('is of the latest run, or of an exact one', async () => {
    const { runs, get } = await serve()
    const first = runs.start('chat', patient)
    await first.started
    const second = runs.start('chat', patient)
    await second.started
    expect(await (await get('/runs/chat')).json()).toMatchObject({ runId: second.runId, status: 'running' })
    expect(await (await get(`/runs/chat?runId=${first.runId}`)).json()).toMatchObject({ end: { reason: 'replaced', by: second.runId } })
  })

  it('of an unknown run is 404, of an evicted one 410', async () => {
    const { runs, get, environment } = await serve({ runtime: { retention: { window: 1_000 } } })
    expect(await errorIn(await get('/runs/chat'))).toEqual({ status: 404, code: 'RUN_NOT_FOUND' })
    expect(await errorIn(await get('/runs/chat/events'))).toEqual({ status: 404, code: 'RUN_NOT_FOUND' })
    await runs.start('chat', emits('a')).ended
    await environment.clock.advance(1_001)
    expect(await errorIn(await get('/runs/chat'))).toEqual({ status: 410, code: 'RUN_EVICTED' })
    expect(await errorIn(await get('/runs/chat/events'))).toEqual({ status: 410, code: 'RUN_EVICTED' })
  })
})

describe('a stop over HTTP', () => {
  it('is accepted at once: 202', async () => {
    const { runs, post } = await serve()
    const cleaned = latch()
    const run = runs.start('chat', async function* ({ signal }) {
      yield 'a'
      await patient({ signal } as never)
      await cleaned.opened
    })
    await run.started
    const response = await post('/runs/chat/stop')
    expect([response.status, await response.json()]).toEqual([202, { runId: run.runId }])
    expect(run.status).not.toBe('stopped')
    cleaned.open()
    expect(await run.ended).toMatchObject({ status: 'stopped', reason: 'user' })
  })

  it('with ?wait=1 is answered behind the end', async () => {
    const { runs, post } = await serve()
    const run = runs.start('chat', emitsAndStays('a'))
    await run.started
    const response = await post('/runs/chat/stop?wait=1')
    expect([response.status, await response.json()]).toEqual([200, { runId: run.runId, stopped: true }])
    expect(run.status).toBe('stopped')
  })

  it('of a producer that does not listen is answered when its grace is over', async () => {
    const { runs, post, environment } = await serve()
    const run = runs.start('chat', deaf)
    await run.started
    const response = post('/runs/chat/stop?wait=1')
    await environment.clock.advance(5_000)
    expect(await (await response).json()).toEqual({ runId: run.runId, stopped: true })
    expect(await run.ended).toMatchObject({ forced: true })
  })

  it('takes an empty body', async () => {
    const { runs, post } = await serve()
    await runs.start('chat', patient).started
    expect((await post('/runs/chat/stop?wait=1', '')).status).toBe(200)
  })

  it('is JSON, also where the query or a router names the run: a form stops nothing', async () => {
    const { runs, get, handler } = await serve()
    const run = runs.start('chat', patient)
    await run.started
    const form = { method: 'POST', headers: { 'content-type': 'text/plain' }, body: '{}' }
    const refused = { status: 415, code: 'MEDIA_TYPE_UNSUPPORTED' }
    expect(await errorIn(await get(`/runs/chat/stop?runId=${run.runId}`, form))).toEqual(refused)
    const link = new Request('http://server.example/stop')
    expect(await errorIn(await handler.stop(link, { id: 'chat', runId: run.runId }))).toEqual(refused)
    expect(run.status).toBe('running')
  })

  it('that names an old run, in the body or in the query, never touches the newer one', async () => {
    const { runs, post } = await serve()
    const old = runs.start('chat', emits('a'))
    await old.ended
    const newer = runs.start('chat', patient)
    await newer.started
    for (const response of [
      await post('/runs/chat/stop?wait=1', { runId: old.runId }),
      await post(`/runs/chat/stop?wait=1&runId=${old.runId}`),
    ]) {
      expect(await response.json()).toEqual({ runId: old.runId, stopped: false })
    }
    expect(newer.status).toBe('running')
  })

  it('that names a run which is being replaced does not touch the one that waits for it', async () => {
    const { runs, post, environment } = await serve()
    const old = runs.start('chat', deaf)
    await old.started
    const newer = runs.start('chat', patient)
    const response = post('/runs/chat/stop?wait=1', { runId: old.runId })
    await environment.clock.advance(5_000)
    expect(await (await response).json()).toEqual({ runId: old.runId, stopped: false })
    await newer.started
    expect(newer.status).toBe('running')
  })

  it('of a run that has ended changes nothing, of an unknown one is 404, of an evicted one 410', async () => {
    const { runs, post, environment } = await serve({ runtime: { retention: { window: 1_000 } } })
    expect(await errorIn(await post('/runs/chat/stop'))).toEqual({ status: 404, code: 'RUN_NOT_FOUND' })
    const run = runs.start('chat', emits('a'))
    await run.ended
    expect(await (await post('/runs/chat/stop')).json()).toEqual({ runId: run.runId, stopped: false })
    await environment.clock.advance(1_001)
    expect(await errorIn(await post('/runs/chat/stop'))).toEqual({ status: 410, code: 'RUN_EVICTED' })
  })

  it('finds a run that was started in the same tick', async () => {
    const { runs, post } = await serve()
    const run = runs.start('chat', patient)
    expect(await (await post('/runs/chat/stop?wait=1')).json()).toEqual({ runId: run.runId, stopped: true })
  })

  it('that can not be committed is 503 where its end is waited for, and else in the log', async () => {
    const { runs, post, lifechart, environment } = await serve()
    await runs.start('chat', patient).started
    const down = new LifechartError('STORE_UNAVAILABLE', 'Down.', { retryable: true })
    lifechart.kernel.adapter.commit = () => Promise.reject(down)
    expect((await post('/runs/chat/stop')).status).toBe(202)
    const waiting = post('/runs/chat/stop?wait=1')
    await environment.clock.advance(10_000)
    expect(await errorIn(await waiting)).toEqual({ status: 503, code: 'STORE_UNAVAILABLE' })
    expect(environment.log.map(({ message }) => message)).toContain('A run could not be stopped yet.')
  })

  it('twice stops once', async () => {
    const { runs, post } = await serve()
    await runs.start('chat', patient).started
    const answers = await Promise.all([post('/runs/chat/stop?wait=1'), post('/runs/chat/stop?wait=1')])
    const stopped = await Promise.all(answers.map(async answer => ((await answer.json()) as { stopped: boolean }).stopped))
    expect(stopped.sort()).toEqual([false, true])
  })
})

describe('the paths', () => {
  it.each([
    '/',
    '/runs',
    '/runs/',
    '/runs//events',
    '/runs/chat/x',
    '/runs/chat/status',
    '/runs/chat/events/x',
    '/runs/chat/constructor',
    '/other/chat',
  ])('%s is nothing: 404', async path => {
    const { get, runs } = await serve()
    await runs.start('chat', patient).started
    expect(await errorIn(await get(path))).toEqual({ status: 404, code: 'NOT_FOUND' })
  })

  it.each([
    ['POST', '/runs/chat/events', 'GET'],
    ['DELETE', '/runs/chat', 'GET'],
    ['GET', '/runs/chat/stop', 'POST'],
    ['PUT', '/runs/chat/stop', 'POST'],
    ['OPTIONS', '/runs/chat/stop', 'POST'],
  ])('%s %s is not how it is asked: 405, with the method that is', async (method, path, allow) => {
    const { get } = await serve()
    const response = await get(path, { method })
    expect([response.status, response.headers.get('allow')]).toEqual([405, allow])
  })

  it('may begin with something else', async () => {
    const { runs, get } = await serve({ base: '/api/agent-runs' })
    await runs.start('chat', emits()).ended
    expect((await get('/api/agent-runs/chat')).status).toBe(200)
    expect((await get('/runs/chat')).status).toBe(404)
  })

  it('may be those of a router of yours', async () => {
    const { runs, handler } = await serve()
    const run = runs.start('chat', emits('a'))
    await run.ended
    const request = new Request('http://server.example/anything', { method: 'POST', headers: { 'content-type': 'application/json' } })
    const of = { id: 'chat', runId: run.runId }
    expect(await (await handler.events(request, of)).text()).toContain('event: end')
    expect(await (await handler.status(request, { id: 'chat' })).json()).toMatchObject({ runId: run.runId })
    expect(await (await handler.stop(request, of)).json()).toEqual({ runId: run.runId, stopped: false })
  })

  it('of a router that answers HEAD as GET open no stream that nobody will read', async () => {
    const { runs, handler, lifechart } = await serve()
    await runs.start('chat', patient).started
    const response = await handler.events(new Request('http://server.example/anything', { method: 'HEAD' }), { id: 'chat' })
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET'])
    expect(lifechart.stats()['runs.subscribers']).toBe(0)
  })
})
