import { describe, expect, it } from 'vitest'
import { emits, emitsAndStays, latch, upTo } from '../runs/support.ts'
import { framesOf, parse, served, Tap } from './support.ts'

describe('the events of a run over HTTP', () => {
  const serve = served()

  it('come with their number, their type and their JSON', async () => {
    const { runs, get } = await serve()
    const run = runs.start('chat', async function* () {
      yield { text: 'Hello' }
      yield 'a\nb\r\nc'
      return 'counted'
    })
    await run.ended
    const response = await get('/runs/chat/events')
    expect(response.status).toBe(200)
    expect(await framesOf(response)).toEqual([
      { id: `${run.runId}:1`, event: 'state', data: '{"state":"running"}' },
      { id: `${run.runId}:2`, event: 'chunk', data: '{"text":"Hello"}' },
      { id: `${run.runId}:3`, event: 'chunk', data: '"a\\nb\\r\\nc"' },
      { id: `${run.runId}:4`, event: 'end', data: '{"status":"done","result":"counted"}' },
    ])
  })

  it('are an event stream that nobody keeps, guesses at or holds back', async () => {
    const { runs, get } = await serve()
    await runs.start('chat', emits()).ended
    const { headers } = await get('/runs/chat/events')
    expect(headers.get('content-type')).toBe('text/event-stream')
    expect(headers.get('cache-control')).toBe('no-store, no-transform')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('x-accel-buffering')).toBe('no')
    expect(headers.get('access-control-allow-origin')).toBeNull()
  })

  it('begin with how long to wait before connecting again', async () => {
    const { runs, get } = await serve({ retry: 250 })
    await runs.start('chat', emits()).ended
    expect(parse(await (await get('/runs/chat/events')).text())[0]).toEqual({ retry: '250' })
  })

  it('carry bytes in base64, text of any kind, and nothing that ends a line', async () => {
    const { runs, get } = await serve()
    const texts = ['\0', '\r', '\n', '\u2028', '👩‍🚀 ütf', '\ud800', 'data: x\n\nid: 9']
    await runs.start('chat', emits(...texts, new Uint8Array([0, 10, 13, 255]))).ended
    const chunks = (await framesOf(await get('/runs/chat/events'))).filter(({ event }) => event === 'chunk' || event === 'bytes')
    expect(chunks.slice(0, -1).map(({ data }) => JSON.parse(data as string))).toEqual(texts)
    expect(chunks.at(-1)).toMatchObject({ event: 'bytes', data: 'AAoN/w==' })
  })

  it('tell why and by whom a run was stopped', async () => {
    const { runs, get } = await serve()
    const first = runs.start('chat', emitsAndStays(1))
    await first.started
    const second = runs.start('chat', emits())
    await second.ended
    const told = await framesOf(await get(`/runs/chat/events?runId=${first.runId}`))
    expect(JSON.parse(told.at(-1)?.data ?? '')).toEqual({ status: 'stopped', reason: 'replaced', by: second.runId })
  })

  it('tell an error by its code and a safe text', async () => {
    const { runs, get } = await serve()
    await runs.start('chat', () => {
      throw new Error('secret at /etc/passwd')
    }).ended
    const text = await (await get('/runs/chat/events')).text()
    expect(JSON.parse(parse(text).at(-1)?.data ?? '')).toMatchObject({ status: 'error', error: { code: 'PRODUCER_FAILED' } })
    expect(text).not.toContain('secret')
  })

  it('of a run that has told nothing yet are an open, empty stream', async () => {
    const { runs, get } = await serve()
    const go = latch()
    const run = runs.start('chat', async () => go.opened)
    const response = await get('/runs/chat/events')
    expect(response.status).toBe(200)
    const tap = new Tap(response)
    await tap.until('retry')
    go.open()
    await run.ended
    expect(await tap.toEnd()).toContain('event: end')
  })

  it('that no longer exist are one gap, behind which a client goes on', async () => {
    const { runs, get, lifechart } = await serve({ runtime: { limits: { windowRecords: 2 } } })
    const run = runs.start('chat', emits(...upTo(8)))
    await run.ended
    await lifechart.kernel.adapter.forget(`run/${run.runId}`, { through: 4 })
    const [gap, next] = await framesOf(await get('/runs/chat/events'))
    expect(gap).toEqual({ id: `${run.runId}:4`, event: 'gap', data: '{"from":1,"to":4}' })
    expect(next?.id).toBe(`${run.runId}:5`)
    const behind = await framesOf(await get('/runs/chat/events', { headers: { 'last-event-id': gap?.id ?? '' } }))
    expect(behind[0]).toEqual(next)
  })
})
