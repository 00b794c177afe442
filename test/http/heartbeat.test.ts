import { expect, it } from 'vitest'
import { settled } from '../../src/testing/simulated-clock.ts'
import { emitsAndStays, latch, patient } from '../runs/support.ts'
import { parse, served, Tap } from './support.ts'

const serve = served()

async function quiet(options = {}) {
  const house = await serve(options)
  const run = house.runs.start('chat', emitsAndStays('a'))
  const tap = new Tap(await house.get('/runs/chat/events'))
  await tap.until('"a"')
  return { ...house, run, tap, over: tap.toEnd(), comments: () => tap.text.split(': \n\n').length - 1 }
}

it('a stream is never silent for longer than 15 seconds, and a comment is no event', async () => {
  const { environment, run, over, comments } = await quiet()
  for (let quarter = 1; quarter <= 8; quarter++) {
    await environment.clock.advance(15_000)
    expect(comments()).toBeGreaterThanOrEqual(quarter)
  }
  await run.stop()
  const frames = parse(await over)
  expect(frames.filter(({ comment }) => comment).length).toBeLessThanOrEqual(17)
  expect(frames.flatMap(({ id }) => id?.split(':')[1] ?? [])).toEqual(['1', '2', '3', '4'])
})

it.each([1, 2_500, 4_999, 7_499, 12_501])('whenever its last event came: %i ms behind the first look at it', async offset => {
  const { runs, get, environment } = await serve()
  const tick = latch()
  runs.start('chat', async function* ({ signal }) {
    await tick.opened
    yield 'tick'
    await patient({ signal } as never)
  })
  const tap = new Tap(await get('/runs/chat/events'))
  void tap.toEnd()
  await environment.clock.advance(offset)
  tick.open()
  await settled()
  const sent = tap.text
  expect(sent).toMatch(/"tick"\n\n$/)
  await environment.clock.advance(15_000)
  expect(tap.text.slice(sent.length)).toMatch(/^(: \n\n)+$/)
})

it('a clock that is set back makes no stream silent', async () => {
  const { environment, comments } = await quiet()
  environment.clock.jump(-3_600_000)
  await environment.clock.advance(15_000)
  expect(comments()).toBeGreaterThanOrEqual(1)
})

it('the silence may be shorter', async () => {
  const { environment, comments } = await quiet({ heartbeat: 1_000 })
  await environment.clock.advance(5_000)
  expect(comments()).toBeGreaterThanOrEqual(5)
})

it('a stream that has something to tell needs no comment', async () => {
  const { runs, get, environment } = await serve()
  const ticks = Array.from({ length: 20 }, () => latch())
  const run = runs.start('chat', async function* () {
    for (const tick of ticks) {
      await tick.opened
      yield 'tick'
    }
  })
  const over = new Tap(await get('/runs/chat/events')).toEnd()
  for (const tick of ticks) {
    await environment.clock.advance(5_000)
    tick.open()
    await settled()
  }
  await run.ended
  expect(parse(await over).some(({ comment }) => comment)).toBe(false)
})

it('one that is not read gets no comments to heap up', async () => {
  const { runs, get, environment } = await serve()
  await runs.start('chat', patient).started
  const response = await get('/runs/chat/events')
  await environment.clock.advance(10 * 60_000)
  const tap = new Tap(response)
  await tap.until('"running"')
  expect(tap.text).not.toContain(': \n')
})

it('one that is read no more gets one comment, however long that lasts', async () => {
  const { runs, get, environment } = await serve()
  const run = runs.start('chat', emitsAndStays('a'))
  const tap = new Tap(await get('/runs/chat/events'))
  await tap.until('"a"')
  const last = tap.read()
  await environment.clock.advance(10 * 60_000)
  await last
  await run.stop()
  expect(parse(await tap.toEnd()).filter(({ comment }) => comment)).toHaveLength(2)
})

it('one timer serves them all, and none is left when all have gone', async () => {
  const { runs, get, environment } = await serve()
  await runs.start('chat', patient).started
  // The first one has the runtime look for idle readers of its own.
  await (await get('/runs/chat/events')).body?.cancel()
  const before = environment.clock.pending
  const responses = await Promise.all(Array.from({ length: 50 }, () => get('/runs/chat/events')))
  expect(environment.clock.pending).toBeLessThanOrEqual(before + 1)
  for (const response of responses) await response.body?.cancel()
  expect(environment.clock.pending).toBe(before)
})
