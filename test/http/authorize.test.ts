import { describe, expect, it } from 'vitest'
import { type Authorize, type Question, runHandler } from '../../src/http/index.ts'
import { settled } from '../../src/testing/simulated-clock.ts'
import { codeOf, emits, emitsAndStays, errorOf, latch, patient } from '../runs/support.ts'
import { errorIn, served, Tap } from './support.ts'

const serve = served()

describe('a handler without authorize', () => {
  it.each([undefined, null, true, 'everybody'])('(%s) refuses to be built', async authorize => {
    const { lifechart } = await serve()
    expect(await errorOf(() => runHandler({ lifechart, authorize } as never))).toEqual(codeOf('INVALID_OPTION'))
  })

  it('serves everybody when that is said', async () => {
    const { runs, get } = await serve({ authorize: 'public' })
    await runs.start('chat', emits()).ended
    expect((await get('/runs/chat')).status).toBe(200)
  })
})

describe('authorize', () => {
  it('is told what is asked for, of which run, and by which request', async () => {
    const asked: Question[] = []
    const { runs, get, post } = await serve({ authorize: question => asked.push(question) > 0 })
    const run = runs.start('chat', emits())
    await run.ended
    await get('/runs/chat', { headers: { authorization: 'Bearer x' } })
    await get('/runs/chat/events')
    await get(`/runs/chat/events?runId=${run.runId}`)
    await post('/runs/chat/stop')
    await post('/runs/chat/stop', { runId: run.runId })
    expect(asked.map(({ request, ...rest }) => rest)).toEqual([
      { action: 'status', id: 'chat' },
      { action: 'events', id: 'chat' },
      { action: 'events', id: 'chat', runId: run.runId },
      { action: 'stop', id: 'chat' },
      { action: 'stop', id: 'chat', runId: run.runId },
    ])
    expect(asked[0]?.request.headers.get('authorization')).toBe('Bearer x')
  })

  it('that says no looks exactly as if there were no such run', async () => {
    const { runs, get, post } = await serve({ authorize: ({ id }) => id === 'unknown' })
    await runs.start('hidden', patient).started
    const shown = async (response: Response) => [response.status, Object.fromEntries(response.headers), await response.text()]
    for (const path of ['', '/events', '/events?after=99', '/events?after=x', '?runId=x']) {
      if (!path.includes('after'))
        expect(await shown(await get(`/runs/hidden${path}`))).toEqual(await shown(await get(`/runs/unknown${path}`)))
      expect((await get(`/runs/hidden${path}`)).status).toBe(404)
    }
    expect(await shown(await post('/runs/hidden/stop'))).toEqual(await shown(await post('/runs/unknown/stop')))
    expect((await runs.get('hidden'))?.status).toBe('running')
  })

  it.each([undefined, null, 0, 1, 'yes', {}, { caller: 1 }])('that answers %j has not said yes', async answer => {
    const { runs, get } = await serve({ authorize: (() => answer) as never })
    await runs.start('chat', emits()).ended
    expect((await get('/runs/chat')).status).toBe(404)
  })

  it('that throws lets nobody in: 503, and why is in the log alone', async () => {
    const { runs, get, environment } = await serve({ authorize: () => Promise.reject(new Error('directory down')) })
    await runs.start('chat', emits()).ended
    const response = await get('/runs/chat/events')
    expect(response.headers.get('retry-after')).toBe('1')
    expect(await response.clone().text()).not.toContain('directory')
    expect(await errorIn(response)).toEqual({ status: 503, code: 'AUTHORIZE_FAILED' })
    expect(environment.log.at(-1)).toMatchObject({ facts: { error: 'Error: directory down' } })
  })

  it('that does not answer in time lets nobody in', async () => {
    const { get, environment } = await serve({ authorize: () => new Promise(() => undefined), limits: { authorizeWait: 100 } })
    const response = get('/runs/chat')
    await environment.clock.advance(100)
    expect(await errorIn(await response)).toEqual({ status: 503, code: 'AUTHORIZE_FAILED' })
    expect(environment.clock.pending).toBe((await serve()).environment.clock.pending)
  })

  it('that answers leaves no timer', async () => {
    const { get, environment } = await serve({ authorize: () => false })
    const before = environment.clock.pending
    expect((await get('/runs/chat')).status).toBe(404)
    expect(environment.clock.pending).toBe(before)
  })

  it('is asked again when a client comes again', async () => {
    let allowed = true
    const { runs, get } = await serve({ authorize: () => allowed })
    const run = runs.start('chat', emitsAndStays('a'))
    const tap = new Tap(await get('/runs/chat/events'))
    await tap.until('"a"')
    await tap.cancel()
    allowed = false
    expect((await get('/runs/chat/events', { headers: { 'last-event-id': `${run.runId}:2` } })).status).toBe(404)
  })
})

describe('an open stream', () => {
  async function open(authorize: Authorize) {
    const house = await serve({ authorize })
    house.runs.start('chat', emitsAndStays('a'))
    const tap = new Tap(await house.get('/runs/chat/events'))
    await tap.until('"a"')
    return { ...house, tap, over: tap.toEnd() }
  }

  it('ends within a minute and a few seconds when its client may no longer follow, without an end', async () => {
    let allowed = true
    let asked = 0
    const { environment, over, lifechart } = await open(() => {
      asked++
      return allowed
    })
    await environment.clock.advance(59_000)
    expect(asked).toBe(1)
    await environment.clock.advance(8_500)
    expect(asked).toBe(2)
    allowed = false
    await environment.clock.advance(67_500)
    expect(await over).not.toMatch(/event: (end|interrupted)/)
    expect(lifechart.stats()).toMatchObject({ 'runs.subscribers': 0, 'runs.live': 1 })
  })

  it('ends as soon when the clock was set back', async () => {
    let allowed = true
    const { environment, over, lifechart } = await open(() => allowed)
    allowed = false
    environment.clock.jump(-3_600_000)
    await environment.clock.advance(67_500)
    expect(await over).not.toMatch(/event: (end|interrupted)/)
    expect(lifechart.stats()['runs.subscribers']).toBe(0)
  })

  it('is interrupted when nobody can tell: its client comes again', async () => {
    let fails = false
    const { environment, over, lifechart } = await open(() => {
      if (fails) throw new Error('directory down')
      return true
    })
    fails = true
    await environment.clock.advance(67_500)
    expect(await over).toMatch(/event: interrupted\ndata: {"code":"AUTHORIZE_FAILED"}\n\n$/)
    expect(lifechart.stats()['runs.subscribers']).toBe(0)
  })

  it('whose client left while it was asked stays closed', async () => {
    const answer = latch<boolean>()
    let first = true
    const { environment, tap, lifechart } = await open(() => {
      if (!first) return answer.opened
      first = false
      return true
    })
    await environment.clock.advance(62_000)
    await tap.cancel()
    answer.open(false)
    await settled()
    expect(lifechart.stats()['runs.subscribers']).toBe(0)
  })
})
