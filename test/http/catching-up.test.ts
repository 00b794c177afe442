import { expect, it } from 'vitest'
import { LifechartError } from '../../src/errors.ts'
import { Shelf } from '../../src/http/shelf.ts'
import { emits, upTo } from '../runs/support.ts'
import { framesOf, served } from './support.ts'

const serve = served()
const numbersIn = async (response: Response) => (await framesOf(response)).map(({ id }) => Number(id?.split(':')[1]))

/** A run of 5,002 events, of which memory has the last hundred; and how often the store is read. */
async function long() {
  const house = await serve({ runtime: { limits: { windowRecords: 100 } } })
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

it('who waited for what another one reads reads it when that fails, or the other one leaves', async () => {
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
