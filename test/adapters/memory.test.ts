import { memoryAdapter } from 'lifechart/adapters/memory'
import type { Change, PersistenceAdapter } from 'lifechart/port'
import { describe, expect, it } from 'vitest'
import { testEnvironment } from '../../src/testing/environment.ts'

const log = (stream: string, rest: Partial<Change> = {}): Change => ({ stream, kind: 'log', expect: 'any', events: ['1'], ...rest })

describe('the memory adapter', () => {
  it('says that nothing outlives the process', () => {
    expect(memoryAdapter()).toMatchObject({ name: 'memory', durable: false })
  })

  it('keeps its data from one opening to the next', async () => {
    const source = memoryAdapter()
    const first = await source.open(testEnvironment())
    await first.commit({ id: 'c', changes: [log('s', { claim: [{ key: 'k' }], state: '"a"', view: '"v"' })] })
    await first.close()
    const second = await source.open(testEnvironment())
    expect(await second.load({ key: 'k' })).toMatchObject({ stream: 's', version: 1, state: '"a"', view: { through: 1, data: '"v"' } })
    expect(await second.read('s', { after: 0, limit: 10 })).toEqual({ events: ['1'], head: 1 })
  })

  it('keeps stores of different sources apart', async () => {
    const [one, other] = await Promise.all([memoryAdapter(), memoryAdapter()].map(source => source.open(testEnvironment())))
    await one!.commit({ id: 'c', changes: [log('s')] })
    expect(await other!.load('s')).toBeUndefined()
  })

  it('lets two handles on one source see each other, and stops only the listeners of the one that closes', async () => {
    const source = memoryAdapter()
    const one = await source.open(testEnvironment())
    const other = await source.open(testEnvironment())
    const told: string[] = []
    one.watch(() => told.push('one'))
    other.watch(() => told.push('other'))
    await one.close()
    await other.commit({ id: 'c', changes: [log('s')] })
    await Promise.resolve()
    expect(told).toEqual(['other'])
  })

  it('gives out copies: nobody changes what is stored', async () => {
    const adapter = await memoryAdapter().open(testEnvironment())
    await adapter.commit({ id: 'c', changes: [log('s', { index: { scope: 'a' }, view: '1' })] })
    const stored = (await adapter.load('s'))!
    stored.index.scope = 'b'
    stored.view!.data = '2'
    const { items } = await adapter.query({ limit: 1 })
    items[0]!.index.live = false
    expect(await adapter.load('s')).toMatchObject({ index: { scope: 'a', live: true }, view: { data: '1' } })
  })
})

describe('a query of many streams', () => {
  async function filled(count: number): Promise<PersistenceAdapter> {
    const adapter = await memoryAdapter().open(testEnvironment())
    for (let n = 0; n < count; n++) {
      // Many share a time, and none comes in order.
      const due = n % 3 === 0 ? null : (n * 7919) % 500
      await adapter.commit({ id: `c${n}`, changes: [log(`s${n}`, { index: { created: (n * 104_729) % 50, due } })] })
    }
    return adapter
  }

  it('finds the few that are due in the order of their creation, page by page', async () => {
    const adapter = await filled(5_000)
    const found: { created: number; due: number | null }[] = []
    let cursor: string | undefined
    do {
      const page = await adapter.query({ dueUntil: 20, order: 'created', limit: 7, cursor })
      for (const { index } of page.items) found.push(index)
      cursor = page.next
    } while (cursor !== undefined)
    const expected = Array.from({ length: 5_000 }, (_, n) => n).filter(n => n % 3 !== 0 && (n * 7919) % 500 <= 20)
    expect(found).toHaveLength(expected.length)
    expect(found.every(({ due }) => due !== null && due <= 20)).toBe(true)
    expect(found.map(({ created }) => created)).toEqual(found.map(({ created }) => created).sort((a, b) => a - b))
  })

  it('gives each that is due once when they are too many to be sorted on the spot', async () => {
    const adapter = await filled(5_000)
    const seen = new Set<string>()
    let count = 0
    let cursor: string | undefined
    do {
      const page = await adapter.query({ dueUntil: 499, descending: true, limit: 400, cursor })
      for (const { stream } of page.items) seen.add(stream)
      count += page.items.length
      cursor = page.next
    } while (cursor !== undefined)
    expect([count, seen.size]).toEqual([3_333, 3_333])
  })
})
