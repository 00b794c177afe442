import { expect, it } from 'vitest'
import { LifechartError } from '../../src/errors.ts'
import type { RunHandlerOptions } from '../../src/http/index.ts'
import { Shelf } from '../../src/http/shelf.ts'
import type { RunEvent } from '../../src/runs/events.ts'
import { settled } from '../../src/testing/simulated-clock.ts'
import { emits, latch, upTo } from '../runs/support.ts'
import { framesOf, served, Tap } from './support.ts'

const serve = served()
const numbersIn = async (response: Response) => (await framesOf(response)).map(({ id }) => Number(id?.split(':')[1]))

/** A run of 5,002 events, of which memory has the last hundred; and how often the store is read. */
async function long(options: Partial<RunHandlerOptions> = {}) {
  const house = await serve({ ...options, runtime: { limits: { windowRecords: 100 } } })
  await house.runs.start('chat', emits(...upTo(5_000))).ended
  const { adapter } = house.lifechart.kernel
  const { read } = adapter
  let reads = 0
  adapter.read = (...asked) => {
    reads++
    return read.apply(adapter, asked)
  }
  return { ...house, reads: () => reads }
}

it('clients that catch up together share what the first of them reads', async () => {
  const { get, reads } = await long()
  const first = await numbersIn(await get('/runs/chat/events'))
  expect(first).toEqual(upTo(5_002))
  const once = reads()
  const all = await Promise.all(upTo(20).map(async () => numbersIn(await get('/runs/chat/events'))))
  for (const numbers of all) expect(numbers).toEqual(first)
  expect(reads()).toBe(once)
})

it('clients that come all at once, to what nobody has read yet, read it once', async () => {
  const { get, reads } = await long()
  const all = await Promise.all(upTo(20).map(async () => numbersIn(await get('/runs/chat/events'))))
  for (const numbers of all) expect(numbers).toEqual(upTo(5_002))
  expect(reads()).toBeLessThanOrEqual(Math.ceil(5_002 / 512))
})

it('when the one who reads for all leaves, one of the others does, and not each of them', async () => {
  const { get, lifechart, reads } = await long()
  const { adapter } = lifechart.kernel
  const { read } = adapter
  const gate = latch()
  adapter.read = async (...asked) => {
    await gate.opened
    return read.apply(adapter, asked)
  }
  const [leaving, ...others] = await Promise.all(upTo(20).map(async () => new Tap(await get('/runs/chat/events'))))
  const all = others.map(tap => tap.toEnd())
  void leaving?.toEnd()
  await settled()
  await leaving?.cancel()
  gate.open()
  for (const text of await Promise.all(all)) expect(text).toContain('event: end')
  expect(reads()).toBeLessThanOrEqual(Math.ceil(5_002 / 512) + 1)
})

it('who waited for what another one reads reads it when that fails', async () => {
  const { get, lifechart } = await long()
  const { adapter } = lifechart.kernel
  const { read } = adapter
  let failed = false
  adapter.read = (...asked) => {
    if (failed) return read.apply(adapter, asked)
    failed = true
    return Promise.reject(new LifechartError('STORE_UNAVAILABLE', 'Down.', { retryable: true }))
  }
  const [first, ...others] = await Promise.all(upTo(3).map(async () => framesOf(await get('/runs/chat/events'))))
  expect(first).toEqual([{ event: 'interrupted', data: '{"code":"STORE_UNAVAILABLE"}' }])
  for (const frames of others) expect(frames).toHaveLength(5_002)
})

it('those who begin at different positions soon read the same pages, and each gets its own events', async () => {
  const { get, reads } = await long()
  await numbersIn(await get('/runs/chat/events'))
  const once = reads()
  for (const after of [1, 7, 511, 512, 513, 4_000]) {
    expect(await numbersIn(await get(`/runs/chat/events?after=${after}`))).toEqual(upTo(5_002, after + 1))
  }
  // No more than the rest of the page that each began in.
  expect(reads() - once).toBeLessThanOrEqual(6)
})

it('what is kept for others is of one run only', async () => {
  const { runs, get } = await long()
  const other = runs.start('other', emits(...upTo(5_000).map(n => -n)))
  await other.ended
  await numbersIn(await get('/runs/chat/events'))
  const frames = await framesOf(await get('/runs/other/events'))
  expect(frames[1]).toEqual({ id: `${other.runId}:2`, event: 'chunk', data: '-1' })
  expect(new Set(frames.map(({ id }) => id?.split(':')[0]))).toEqual(new Set([other.runId]))
})

it('those who catch up leave the event loop to others now and then', async () => {
  const slowly = ({ type }: RunEvent) => {
    for (const since = performance.now(); performance.now() - since < 0.02; );
    return { event: type, data: '' }
  }
  const { get } = await long({ encode: slowly })
  let turns = 0
  let over = false
  const others = (async () => {
    for (; !over; turns++) await settled(1)
  })()
  await (await get('/runs/chat/events')).text()
  over = true
  await others
  // A tenth of a second of work at least, with a pause at 4 ms, or behind the piece that took longer.
  expect(turns).toBeGreaterThan(5)
})

it('a shelf holds so many bytes: the oldest give way, and what is too large is not kept', () => {
  const shelf = new Shelf(100)
  const piece = (size: number, to: number) => ({ bytes: new Uint8Array(size), to })
  for (const n of upTo(5)) shelf.put('a', n, piece(40, n))
  expect(upTo(5).map(n => shelf.get('a', n) !== undefined)).toEqual([false, false, false, true, true])
  shelf.put('a', 9, piece(101, 9))
  expect(shelf.get('a', 9)).toBeUndefined()
  expect(shelf.get('a', 5)).toMatchObject({ to: 5 })
  shelf.put('a', 5, piece(1, 6))
  expect(shelf.get('a', 5)).toMatchObject({ to: 5 })
  expect(shelf.get('b', 5)).toBeUndefined()
})
