import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { lowdbAdapter } from '../../src/adapters/lowdb/index.ts'
import { LifechartError } from '../../src/errors.ts'
import type { LiveRun } from '../../src/runs/live-run.ts'
import { codeOf, emits, emitsAndStays, errorOf } from '../runs/support.ts'
import { errorIn, framesOf, parse, served, Tap } from './support.ts'

const serve = served()
const dirs: string[] = []
afterEach(() => {
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true })
})

const names = [
  '../../etc/passwd',
  '..\\..\\x',
  'C:',
  'CON',
  'a/b',
  'a//b',
  '%2e%2e',
  'x?y#z',
  ' ',
  '\u00e9',
  'e\u0301',
  '__proto__',
  'constructor',
  'prototype',
  '\u202e<b>',
  'x'.repeat(500),
]

describe('a name from outside', () => {
  it('is the name of a run and never a path, and no two are the same', async () => {
    const above = mkdtempSync(join(tmpdir(), 'lifechart-http-'))
    dirs.push(above)
    const { runs, get, lifechart } = await serve({ runtime: { adapter: lowdbAdapter({ dir: join(above, 'store') }) } })
    for (const [n, name] of names.entries()) await runs.start(name, emits(n)).ended
    for (const [n, name] of names.entries()) {
      const frames = await framesOf(await get(`/runs/${encodeURIComponent(name)}/events`))
      expect([name, frames[1]?.data]).toEqual([name, String(n)])
      expect(await (await get(`/runs/${encodeURIComponent(name)}`)).json()).toMatchObject({ id: name, status: 'done' })
    }
    await lifechart.close()
    expect(readdirSync(above)).toEqual(['store'])
  })

  it.each(['\0', 'a\nb', 'a\rb', 'x'.repeat(501), 'ü'.repeat(251), 'x'.repeat(10_000)])(
    'that no run can have is refused: %#',
    async name => {
      const { get, post, runs } = await serve()
      expect(await errorIn(await get(`/runs/${encodeURIComponent(name)}`))).toEqual({ status: 400, code: 'INVALID_ID' })
      expect(await errorIn(await get(`/runs/${encodeURIComponent(name)}/events`))).toEqual({ status: 400, code: 'INVALID_ID' })
      expect(await errorIn(await post(`/runs/${encodeURIComponent(name)}/stop`))).toEqual({ status: 400, code: 'INVALID_ID' })
      expect(await errorOf(() => runs.start(name, emits()))).toEqual(codeOf('INVALID_ID'))
    },
  )

  it.each(['%ff', '%', '%ud800', '%ed%a0%80'])('that is no text is refused: %s', async segment => {
    const { get } = await serve()
    expect(await errorIn(await get(`/runs/${segment}`))).toEqual({ status: 400, code: 'INVALID_ID' })
  })

  it.each(['__proto__', 'constructor', 'a\nb', '../x', 'x'.repeat(10_000)])('in place of a run id finds nothing: %#', async runId => {
    const { runs, get, post } = await serve()
    await runs.start('chat', emits()).ended
    const query = `?runId=${encodeURIComponent(runId)}`
    for (const response of [
      await get(`/runs/chat${query}`),
      await get(`/runs/chat/events${query}`),
      await post(`/runs/chat/stop${query}`),
    ]) {
      expect([400, 404]).toContain(response.status)
    }
  })
})

describe('what goes wrong inside', () => {
  it('is told to a client as a code and a safe text', async () => {
    const { get, lifechart, environment } = await serve()
    Object.defineProperty(lifechart.kernel.adapter, 'load', {
      value: () => Promise.reject(new Error('SELECT * FROM secrets at /var/lib/store')),
    })
    const response = get('/runs/chat')
    await environment.clock.advance(10_000)
    const text = await (await response).text()
    expect((await response).status).toBeGreaterThanOrEqual(500)
    expect(text).not.toMatch(/SELECT|\/var|at /)
  })

  it('and will pass is told as that: 503, with when to come again', async () => {
    const { get, lifechart } = await serve()
    const busy = new LifechartError('STORE_BUSY', 'lock held by pid 7 on /var/lib/store', { retryable: true })
    Object.defineProperty(lifechart.kernel.adapter, 'load', { value: () => Promise.reject(busy) })
    const response = await get('/runs/chat')
    expect(response.headers.get('retry-after')).toBe('1')
    expect(await response.clone().text()).not.toContain('pid')
    expect(await errorIn(response)).toEqual({ status: 503, code: 'STORE_BUSY' })
  })

  it('while the store is down interrupts a stream, without a number, and the connection closes', async () => {
    const { runs, get } = await serve()
    const run = runs.start('chat', emitsAndStays('a'))
    const tap = new Tap(await get('/runs/chat/events'))
    await tap.until('"a"')
    const over = tap.toEnd()
    run.subscribe()
    ;(run as LiveRun).stream.fail(new LifechartError('STORE_UNAVAILABLE', 'Down.', { retryable: true }))
    expect(parse(await over).at(-1)).toEqual({ event: 'interrupted', data: '{"code":"STORE_UNAVAILABLE"}' })
  })

  it('when the server closes interrupts every stream: clients come again, and a request meanwhile is told to', async () => {
    const { runs, get, lifechart } = await serve()
    lifechart.runs.define('long', emitsAndStays('a'))
    runs.start('chat', { type: 'long' }, { orphan: 'resume' })
    const tap = new Tap(await get('/runs/chat/events'))
    await tap.until('"a"')
    const over = tap.toEnd()
    await lifechart.close()
    expect(parse(await over).at(-1)).toEqual({ event: 'interrupted', data: '{"code":"RUNTIME_CLOSED"}' })
    const late = await get('/runs/chat/events')
    expect(late.headers.get('retry-after')).toBe('1')
    expect(late.status).toBe(503)
    // Else it would keep the server from its end.
    expect(late.headers.get('connection')).toBe('close')
  })
})

it('the log knows nothing of chunks, messages or credentials, whatever fails', async () => {
  const secrets = ['s3cret-chunk', 's3cret-token', 's3cret-body', 's3cret-id']
  const { runs, get, post, environment } = await serve({
    authorize({ request }) {
      if (request.headers.has('x-fail')) throw new Error('directory down')
      return true
    },
    encode: event => ({ event: event.type === 'end' ? 'a\nb' : event.type, data: 's3cret-chunk' }),
  })
  await runs.start('s3cret-id', emits('s3cret-chunk')).ended
  const headers = { authorization: 'Bearer s3cret-token', cookie: 's3cret-token' }
  await (await get('/runs/s3cret-id/events', { headers })).text()
  await get('/runs/s3cret-id', { headers: { ...headers, 'x-fail': '1' } })
  await get('/runs/s3cret-id/events?after=s3cret-token', { headers })
  await post('/runs/s3cret-id/stop', '{"s3cret-body', headers)
  const log = JSON.stringify(environment.log)
  expect(log).toContain('A stream was closed.')
  expect(log).toContain('authorize failed')
  for (const secret of secrets) expect(log).not.toContain(secret)
})
