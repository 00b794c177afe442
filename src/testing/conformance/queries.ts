import assert from 'node:assert/strict'
import type { Query } from '../../kernel/port.ts'
import type { Case, Rule } from './case.ts'

export function queryRules(rule: Rule): void {
  rule('finds streams by kind and by each field of the index', async at => {
    await at.write({
      stream: 'a',
      kind: 'run',
      events: ['1'],
      index: { scope: 's1', owner: 'o1', context: 'c1', parent: 'p1', state: 'open' },
    })
    await at.write({
      stream: 'b',
      kind: 'run',
      events: ['1'],
      index: { scope: 's1', owner: 'o2', context: 'c2', state: 'done', live: false },
    })
    await at.write({ stream: 'c', kind: 'task', events: ['1'], index: { scope: 's2', owner: 'o1', parent: 'p1', state: 'open' } })
    const found = async (query: Omit<Query, 'limit'>) => (await streams(at, { ...query, limit: 10 })).sort().join('')
    assert.equal(await found({}), 'abc')
    assert.equal(await found({ kinds: ['run'] }), 'ab')
    assert.equal(await found({ kinds: ['task', 'run'] }), 'abc')
    assert.equal(await found({ kinds: ['other'] }), '')
    assert.equal(await found({ where: { scope: 's1' } }), 'ab')
    assert.equal(await found({ where: { owner: 'o1' } }), 'ac')
    assert.equal(await found({ where: { context: '' } }), 'c')
    assert.equal(await found({ where: { parent: 'p1', state: 'open' } }), 'ac')
    assert.equal(await found({ where: { live: false } }), 'b')
    assert.equal(await found({ where: { live: true }, kinds: ['run'] }), 'a')
    assert.equal(await found({ where: { scope: 's' } }), '')
  })

  rule('finds a stream by what its index is now, not by what it was', async at => {
    await at.write({ stream: 'a', events: ['1'], index: { state: 'open', owner: 'me' } })
    await at.write({ stream: 'a', events: ['2'], index: { state: 'closed' } })
    assert.deepEqual(await streams(at, { where: { state: 'open' }, limit: 10 }), [])
    assert.deepEqual(await streams(at, { where: { state: 'closed', owner: 'me' }, limit: 10 }), ['a'])
  })

  rule('shows only what matches, also while streams change and go', async at => {
    const all = Array.from({ length: 300 }, (_, n) => `s${n}`)
    const state = (name: string) => ({ state: JSON.stringify(name), index: { state: name } })
    await Promise.all(all.map(stream => at.write({ stream, events: ['1'], ...state('open') })))
    const query = at.adapter.query({ where: { state: 'open' }, limit: 1000 })
    const writes = all.map((stream, n) => {
      if (n % 3 === 0) return at.write({ stream, ...state('closed') })
      return n % 3 === 1 ? at.adapter.forget(stream, {}) : undefined
    })
    const { items } = await query
    for (const item of items) assert.deepEqual([item.index.state, item.state], ['open', '"open"'])
    const found = new Set(items.map(item => item.stream))
    assert.equal(found.size, items.length, 'none is there twice')
    assert.ok(
      all.every((stream, n) => n % 3 !== 2 || found.has(stream)),
      'those that stay as they are',
    )
    await Promise.all(writes)
  })

  rule('shows of each stream what load shows, without its view', async at => {
    await at.write({ stream: 'a', kind: 'run', events: ['1', '2'], state: '{"s":1}', view: '{"v":1}', index: { owner: 'me', due: 7 } })
    await at.adapter.forget('a', { through: 1 })
    const { view, ...head } = (await at.adapter.load('a'))!
    assert.ok(view)
    assert.deepEqual((await at.adapter.query({ limit: 1 })).items, [head])
  })

  rule('orders by creation, by change or by due, ties by the bytes of the id', async at => {
    const times: [string, number, number, number | null][] = [
      ['c', 10, 300, 5],
      ['a', 20, 200, null],
      ['b', 20, 100, 4],
      ['é', 20, 400, 6],
      ['d', 30, 50, 5],
      ['Z', 20, 60, 1],
      // By bytes the owl is the last; by UTF-16 units it would not be.
      ['🦉', 20, 500, null],
      ['\uff5e', 20, 450, null],
    ]
    for (const [stream, created, changed, due] of times) await at.write({ stream, events: ['1'], index: { created, changed, due } })
    const ordered = async (query: Omit<Query, 'limit'>) => (await streams(at, { ...query, limit: 10 })).join(' ')
    assert.equal(await ordered({}), 'c Z a b é \uff5e 🦉 d')
    assert.equal(await ordered({ order: 'created' }), 'c Z a b é \uff5e 🦉 d')
    assert.equal(await ordered({ order: 'changed' }), 'd Z b a c é \uff5e 🦉')
    assert.equal(await ordered({ order: 'due' }), 'Z b c d é')
    assert.equal(await ordered({ order: 'changed', descending: true }), '🦉 \uff5e é c a b Z d')
  })

  rule('finds what is due until a time, the earliest first', async at => {
    for (const [stream, due] of [
      ['late', 300],
      ['none', null],
      ['early', 100],
      ['now', 200],
    ] as const) {
      await at.write({ stream, events: ['1'], index: { due } })
    }
    assert.deepEqual(await streams(at, { dueUntil: 200, order: 'due', limit: 10 }), ['early', 'now'])
    assert.deepEqual(await streams(at, { dueUntil: 99, order: 'due', limit: 10 }), [])
    assert.deepEqual(await streams(at, { order: 'due', limit: 1 }), ['early'])
    assert.deepEqual((await streams(at, { dueUntil: 1000, limit: 10 })).sort(), ['early', 'late', 'now'])
    await at.write({ stream: 'early', events: ['2'], index: { due: null } })
    assert.deepEqual(await streams(at, { dueUntil: 200, order: 'due', limit: 10 }), ['now'])
  })

  rule('finds the streams whose owner is dead, and those that anybody may acquire', async at => {
    const [living, dead] = [await at.adapter.session('one', 1000), await at.adapter.session('two', 1000)]
    await at.write({ stream: 'owned', own: 'acquire', events: ['1'] }, { session: living.id })
    await at.write({ stream: 'orphan', own: 'acquire', events: ['1'], index: { owner: 'me' } }, { session: dead.id })
    await at.write({ stream: 'nobodys', events: ['1'] })
    assert.deepEqual(await streams(at, { orphaned: true, limit: 10 }), [])
    assert.deepEqual(await streams(at, { free: true, limit: 10 }), ['nobodys'])
    await dead.end()
    assert.deepEqual(await streams(at, { orphaned: true, limit: 10 }), ['orphan'])
    assert.deepEqual((await streams(at, { free: true, limit: 10 })).sort(), ['nobodys', 'orphan'])
    assert.deepEqual(await streams(at, { orphaned: true, where: { owner: 'other' }, limit: 10 }), [])
    await at.write({ stream: 'orphan', own: 'acquire', events: ['2'] }, { session: living.id })
    assert.deepEqual(await streams(at, { orphaned: true, limit: 10 }), [])
    await at.pass(1001)
    assert.deepEqual((await streams(at, { orphaned: true, limit: 10 })).sort(), ['orphan', 'owned'])
  })
}

/** The ids of one page. */
export async function streams(at: Case, query: Query): Promise<string[]> {
  return (await at.adapter.query(query)).items.map(item => item.stream)
}
