import { describe, expect, it } from 'vitest'
import { emits, emitsAndStays, upTo } from '../runs/support.ts'
import { errorIn, framesOf, served, Tap } from './support.ts'

const serve = served()

const numbersIn = async (response: Response) => (await framesOf(response)).map(({ id }) => Number(id?.split(':')[1]))

/** A run of five events that has ended: a state, three chunks and the end. */
async function ended() {
  const house = await serve()
  const run = house.runs.start('chat', emits('a', 'b', 'c'))
  await run.ended
  const at = (position: string) => house.get('/runs/chat/events', { headers: { 'last-event-id': position } })
  return { ...house, run, at }
}

describe('a client that comes again', () => {
  it('goes on behind what it has: by the header, by a query with the run, by a query without', async () => {
    const { run, at, get } = await ended()
    for (const seq of upTo(4, 0)) {
      expect(await numbersIn(await at(`${run.runId}:${seq}`))).toEqual(upTo(5, seq + 1))
      expect(await numbersIn(await get(`/runs/chat/events?after=${run.runId}:${seq}`))).toEqual(upTo(5, seq + 1))
      expect(await numbersIn(await get(`/runs/chat/events?after=${seq}`))).toEqual(upTo(5, seq + 1))
    }
  })

  it('is taken by the header, which is newer, when there is a query as well', async () => {
    const { run, get } = await ended()
    const response = await get('/runs/chat/events?after=1', { headers: { 'last-event-id': `${run.runId}:3` } })
    expect(await numbersIn(response)).toEqual([4, 5])
  })

  it('and has all of a run that has ended gets 204, which tells a browser to stop', async () => {
    const { run, at } = await ended()
    const response = await at(`${run.runId}:5`)
    expect([response.status, await response.text()]).toEqual([204, ''])
    expect(response.headers.get('cache-control')).toBe('no-store')
  })

  it('waits at the tail of a run that goes on', async () => {
    const { runs, get } = await serve()
    const run = runs.start('chat', emitsAndStays('a'))
    const first = new Tap(await get('/runs/chat/events'))
    await first.until('"a"')
    const tap = new Tap(await get('/runs/chat/events', { headers: { 'last-event-id': `${run.runId}:2` } }))
    await run.stop()
    expect(await tap.toEnd()).toMatch(/^retry: 1000\n\nid: [^:]+:3\nevent: state/)
    await first.cancel()
  })

  it.each(['x', ':', ':3', 'x:', 'x:-1', 'x:1.5', 'x:1e3', 'x: 1', '3', `x:${2 ** 53}`, 'x:99999999999999999999'])(
    'with the position %j is refused: 400',
    async position => {
      const { at } = await ended()
      expect(await errorIn(await at(position))).toEqual({ status: 400, code: 'CURSOR_INVALID' })
    },
  )

  it.each(['', '-1', '1.5', 'abc', ':1', '0x1', ' '])('with ?after=%j is refused: 400', async after => {
    const { get } = await ended()
    expect(await errorIn(await get(`/runs/chat/events?after=${encodeURIComponent(after)}`))).toEqual({
      status: 400,
      code: 'CURSOR_INVALID',
    })
  })

  it('with a position beyond the newest event is refused: 409, and never served with what is live only', async () => {
    const { run, at, get } = await ended()
    expect(await errorIn(await at(`${run.runId}:6`))).toEqual({ status: 409, code: 'CURSOR_AHEAD' })
    expect(await errorIn(await get('/runs/chat/events?after=6'))).toEqual({ status: 409, code: 'CURSOR_AHEAD' })
  })

  it('with a position of another generation is refused: 409, also where the number would fit', async () => {
    const { runs, run, at } = await ended()
    await runs.start('chat', emits('d', 'e', 'f')).ended
    expect(await errorIn(await at(`${run.runId}:2`))).toEqual({ status: 409, code: 'CURSOR_OTHER_RUN' })
    expect(await errorIn(await at('never-was:2'))).toEqual({ status: 409, code: 'CURSOR_OTHER_RUN' })
  })

  it('and names the older run exactly gets the rest of it', async () => {
    const { runs, run, get } = await ended()
    await runs.start('chat', emits('d')).ended
    expect(await numbersIn(await get(`/runs/chat/events?runId=${run.runId}&after=${run.runId}:3`))).toEqual([4, 5])
  })

  it('to a run of another id under this one is told that there is none', async () => {
    const { runs, get } = await ended()
    const other = runs.start('other', emits('d'))
    await other.ended
    expect(await errorIn(await get(`/runs/chat/events?runId=${other.runId}`))).toEqual({ status: 404, code: 'RUN_NOT_FOUND' })
  })
})
