import { describe, expect, it } from 'vitest'
import type { RunEvent } from '../../src/runs/events.ts'
import { codeOf, emits, emitsAndStays, errorOf, latch, patient } from '../runs/support.ts'
import { framesOf, parse, served, Tap } from './support.ts'

const serve = served()

describe('the framing of your own', () => {
  it('sends text of any kind line by line, so that it arrives whole', async () => {
    const encode = (event: RunEvent) => (event.type === 'chunk' ? { event: 'token', data: String(event.data) } : undefined)
    const { runs, get } = await serve({ encode })
    const run = runs.start('chat', emits('one\ntwo\r\nthree\rfour', '\n', '', 'data: x\n\nid: 9'))
    await run.ended
    const frames = await framesOf(await get('/runs/chat/events'))
    expect(frames.map(({ data }) => data)).toEqual(['one\ntwo\nthree\nfour', '\n', '', 'data: x\n\nid: 9'])
    expect(frames.map(({ id }) => id)).toEqual([2, 3, 4, 5].map(seq => `${run.runId}:${seq}`))
    expect(new Set(frames.map(({ event }) => event))).toEqual(new Set(['token']))
  })

  it('that names an event with a line break or NUL is interrupted, and what was to come in its place never does', async () => {
    for (const event of ['x\ndata: forged', 'x\rdata: forged', 'x\r\n', 'x\0']) {
      const { runs, get, environment } = await serve({ encode: () => ({ event, data: '' }) })
      await runs.start('chat', emits('a')).ended
      expect(await framesOf(await get('/runs/chat/events'))).toEqual([{ event: 'interrupted', data: '{"code":"INVALID_OPTION"}' }])
      expect(environment.log.map(({ message }) => message)).toContain('A stream was closed.')
    }
  })

  it('that throws is interrupted without a word of what it threw', async () => {
    const encode = () => {
      throw new Error('secret')
    }
    const { runs, get } = await serve({ encode })
    await runs.start('chat', emits('a')).ended
    expect(await framesOf(await get('/runs/chat/events'))).toEqual([{ event: 'interrupted', data: '{"code":"SERVER_FAILED"}' }])
  })
})

describe('the raw framing', () => {
  it('sends chunks as they are, and nothing of states and ends', async () => {
    const { runs, get } = await serve({ encode: 'raw' })
    await runs.start('chat', emits('data: one\n\n', new TextEncoder().encode('data: zwei ü\n\n'), { three: 3 })).ended
    const response = await get('/runs/chat/events')
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    expect(await response.text()).toBe('retry: 1000\n\ndata: one\n\ndata: zwei ü\n\n{"three":3}')
  })

  it('goes on behind a position', async () => {
    const { runs, get } = await serve({ encode: 'raw' })
    await runs.start('chat', emits('data: 1\n\n', 'data: 2\n\n')).ended
    expect(await (await get('/runs/chat/events?after=2')).text()).toBe('retry: 1000\n\ndata: 2\n\n')
  })
})

describe('the UI message stream', () => {
  const parts = [{ type: 'start' }, { type: 'text-delta', id: 't', delta: 'Hi\n' }, { type: 'finish' }]

  it('sends each chunk as a part, and ends with the mark of the protocol', async () => {
    const { runs, get } = await serve({ encode: 'ui-message-stream' })
    const run = runs.start('chat', emits(...parts))
    const response = await get('/runs/chat/events')
    expect(response.headers.get('x-vercel-ai-ui-message-stream')).toBe('v1')
    await run.ended
    const data = (await framesOf(response)).map(frame => frame.data)
    expect(data).toEqual([...parts.map(part => JSON.stringify(part)), '[DONE]'])
  })

  it('is 204 when no run is active, when there is none, and for one who may not see it', async () => {
    const { runs, get } = await serve({ encode: 'ui-message-stream', authorize: ({ id }) => id !== 'hidden' })
    await runs.start('chat', emits(...parts)).ended
    await runs.start('hidden', patient).started
    for (const id of ['chat', 'unknown', 'hidden']) {
      const response = await get(`/runs/${id}/events`)
      expect([id, response.status, await response.text()]).toEqual([id, 204, ''])
    }
  })

  it('of an exact run is told also when that has ended: who has just started it may be late', async () => {
    const { runs, get } = await serve({ encode: 'ui-message-stream' })
    const run = runs.start('chat', emits(...parts))
    await run.ended
    const response = await get(`/runs/chat/events?runId=${run.runId}`)
    expect(await framesOf(response)).toHaveLength(4)
  })

  it('says that a run was stopped, and that one failed', async () => {
    const { runs, get } = await serve({ encode: 'ui-message-stream' })
    const stopped = runs.start('chat', emitsAndStays(parts[0]))
    const tap = new Tap(await get('/runs/chat/events'))
    await tap.until('"start"')
    await stopped.stop()
    expect(parse(await tap.toEnd()).slice(-2)).toEqual([{ data: '{"type":"abort"}' }, { data: '[DONE]' }])
    const go = latch()
    runs.start('chat', async () => {
      await go.opened
      throw new Error('secret')
    })
    const failed = new Tap(await get('/runs/chat/events'))
    go.open()
    const told = parse(await failed.toEnd()).at(-2)?.data ?? ''
    expect(JSON.parse(told)).toEqual({ type: 'error', errorText: expect.stringContaining('The producer failed') })
  })

  it('does not pass on what is no part of it', async () => {
    const { runs, get, environment } = await serve({ encode: 'ui-message-stream' })
    const run = runs.start('chat', emits('just text'))
    await run.ended
    await expect(framesOf(await get(`/runs/chat/events?runId=${run.runId}`))).rejects.toThrow('cut off')
    expect(environment.log.at(-1)).toMatchObject({ message: 'A stream was closed.' })
  })
})

it('an encoding that there is not is refused', async () => {
  expect(await errorOf(() => serve({ encode: 'xml' as never }))).toEqual(codeOf('INVALID_OPTION'))
  expect(await errorOf(() => serve({ encode: 'constructor' as never }))).toEqual(codeOf('INVALID_OPTION'))
})
