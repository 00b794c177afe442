import assert from 'node:assert/strict'
import type { Query } from '../../kernel/port.ts'
import type { Case, Rule } from './case.ts'
import { allPages } from './paging.ts'
import { streams } from './queries.ts'
import { refused } from './refused.ts'

export function combinedQueryRules(rule: Rule): void {
  rule('finds what meets every condition of a query at once', async at => {
    const [living, dead] = [await at.adapter.session('one', 1000), await at.adapter.session('two', 1000)]
    for (const [name, kind, owner] of [
      ['r', 'run', 'me'],
      ['t', 'task', 'you'],
    ] as const) {
      for (const due of [1, 2, null]) {
        const draft = { kind, events: ['1'], index: { owner, due } }
        await at.write({ stream: `${name}${due} owned`, own: 'acquire', ...draft }, { session: living.id })
        await at.write({ stream: `${name}${due} orphan`, own: 'acquire', ...draft }, { session: dead.id })
        await at.write({ stream: `${name}${due} free`, ...draft })
      }
    }
    await dead.end()
    const found = async (query: Omit<Query, 'limit'>) => (await streams(at, { ...query, limit: 100 })).sort()
    assert.deepEqual(await found({ free: true, dueUntil: 1 }), ['r1 free', 'r1 orphan', 't1 free', 't1 orphan'])
    assert.deepEqual(await found({ free: true, dueUntil: 1, order: 'due', kinds: ['run'] }), ['r1 free', 'r1 orphan'])
    assert.deepEqual(await found({ free: true, order: 'due', where: { owner: 'you' } }), ['t1 free', 't1 orphan', 't2 free', 't2 orphan'])
    assert.deepEqual(await found({ orphaned: true, dueUntil: 1 }), ['r1 orphan', 't1 orphan'])
    assert.deepEqual(await found({ orphaned: true, order: 'due' }), ['r1 orphan', 'r2 orphan', 't1 orphan', 't2 orphan'])
    assert.deepEqual(await found({ orphaned: true, free: true, kinds: ['task'], where: { owner: 'me' } }), [])
    assert.deepEqual(await found({ orphaned: true, free: true, kinds: ['task'], dueUntil: 2 }), ['t1 orphan', 't2 orphan'])
    assert.deepEqual(await found({ dueUntil: 1, kinds: ['run'], where: { owner: 'me' } }), ['r1 free', 'r1 orphan', 'r1 owned'])
  })

  rule('takes a condition that is undefined or false for none', async at => {
    const session = await at.adapter.session('node', 1000)
    await at.write({ stream: 'owned', own: 'acquire', events: ['1'], index: { owner: 'me' } }, { session: session.id })
    await at.write({ stream: 'free', events: ['1'], index: { due: 5 } })
    const unset = { kinds: undefined, dueUntil: undefined, order: undefined, descending: undefined, cursor: undefined }
    const where = { scope: undefined, owner: undefined, live: undefined }
    assert.deepEqual((await streams(at, { ...unset, where, orphaned: false, free: false, limit: 10 })).sort(), ['free', 'owned'])
    assert.deepEqual(await streams(at, { where: { owner: 'me', scope: undefined }, limit: 10 }), ['owned'])
    assert.deepEqual(await streams(at, { kinds: [], limit: 10 }), [], 'none is of no kind')
  })

  rule('pages through the streams that are orphaned, or free, or due, each of them once', async at => {
    const { id } = await at.adapter.session('node', 1000)
    const orphans = Array.from({ length: 11 }, (_, n) => `orphan ${n}`)
    const nobodys = Array.from({ length: 11 }, (_, n) => `nobody's ${n}`)
    const index = (n: number) => ({ created: n % 3, changed: n % 4, due: n % 5 })
    for (const [n, stream] of orphans.entries()) {
      await at.write({ stream, own: 'acquire', events: ['1'], index: index(n) }, { session: id })
    }
    for (const [n, stream] of nobodys.entries()) await at.write({ stream, events: ['1'], index: index(n) })
    await at.pass(1001)
    const all = [...orphans, ...nobodys].sort()
    const due = all.filter(stream => Number(stream.split(' ')[1]) % 5 <= 2)
    await pagesHold(at, { orphaned: true }, [...orphans].sort())
    await pagesHold(at, { free: true }, all)
    await pagesHold(at, { dueUntil: 2 }, due)
    await pagesHold(at, { free: true, dueUntil: 2 }, due)
    await pagesHold(
      at,
      { orphaned: true, dueUntil: 2 },
      due.filter(stream => orphans.includes(stream)),
    )
  })

  rule('refuses an order that is none and a time that is none', async at => {
    await at.write({ stream: 'a', events: ['1'], index: { due: 5 } })
    for (const order of ['owner', 'version', '', '__proto__'] as unknown as Query['order'][]) {
      await refused(at.adapter.query({ order, limit: 1 }), 'INVALID_QUERY')
    }
    await refused(at.adapter.query({ dueUntil: Number.NaN, limit: 1 }), 'INVALID_QUERY')
  })
}

async function pagesHold(at: Case, query: Omit<Query, 'limit'>, expected: readonly string[]): Promise<void> {
  for (const order of ['created', 'changed', 'due'] as const) {
    for (const descending of [false, true]) {
      const pages = await allPages(at, { ...query, order, descending, limit: 4 })
      assert.deepEqual(pages.flat().sort(), expected, JSON.stringify({ ...query, order, descending }))
      assert.ok(
        pages.every(page => page.length <= 4),
        'no page is longer than its limit',
      )
    }
  }
}
