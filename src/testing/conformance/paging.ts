import assert from 'node:assert/strict'
import type { Query } from '../../kernel/port.ts'
import type { Case, Rule } from './case.ts'
import { streams } from './queries.ts'
import { refused } from './refused.ts'

export function pagingRules(rule: Rule): void {
  rule('pages through ties of either order without losing or repeating one', async at => {
    const all = Array.from({ length: 23 }, (_, index) => `s${index}`)
    for (const stream of all) await at.write({ stream, events: ['1'], index: { created: 5, changed: 6, due: 7 } })
    for (const order of ['created', 'changed', 'due'] as const) {
      for (const descending of [false, true]) {
        const pages = await allPages(at, { order, descending, limit: 4 })
        assert.deepEqual(
          pages.map(page => page.length),
          [4, 4, 4, 4, 4, 3],
        )
        assert.deepEqual(pages.flat().sort(), [...all].sort())
      }
    }
  })

  rule('pages through thousands of streams in every order', async at => {
    // Values that are scattered and repeat, without chance.
    const all = Array.from({ length: 3000 }, (_, n) => ({
      stream: `s${n}`,
      created: (n * 7919) % 2999,
      changed: (n * 104_729) % 500,
      due: n % 5 === 0 ? null : (n * 31) % 700,
    }))
    const commits: Promise<unknown>[] = []
    for (let from = 0; from < all.length; from += 50) {
      const drafts = all.slice(from, from + 50).map(({ stream, ...index }) => ({ stream, events: ['1'], index }))
      commits.push(at.write(drafts))
    }
    await Promise.all(commits)
    for (const order of ['created', 'changed', 'due'] as const) {
      for (const dueUntil of [undefined, 20, 600]) {
        const found = all.filter(({ due }) => (order !== 'due' && dueUntil === undefined) || (due !== null && due <= (dueUntil ?? due)))
        const ascending = found.sort((a, b) => a[order]! - b[order]! || (a.stream < b.stream ? -1 : 1)).map(({ stream }) => stream)
        assert.deepEqual((await allPages(at, { order, dueUntil, limit: 700 })).flat(), ascending)
        const values = new Map(found.map(row => [row.stream, row[order]]))
        const descending = (await allPages(at, { order, dueUntil, descending: true, limit: 700 })).flat()
        assert.deepEqual(
          descending.map(stream => values.get(stream)),
          ascending.map(stream => values.get(stream)).reverse(),
        )
        assert.equal(new Set(descending).size, ascending.length)
      }
    }
  })

  rule('ends with the page on which nothing is left', async at => {
    for (const stream of ['a', 'b', 'c', 'd']) await at.write({ stream, events: ['1'] })
    const first = await at.adapter.query({ limit: 3 })
    assert.equal(first.items.length, 3)
    assert.ok(first.next)
    const second = await at.adapter.query({ limit: 3, cursor: first.next })
    assert.equal(second.items.length, 1)
    assert.equal(second.next, undefined)
    assert.equal((await at.adapter.query({ limit: 10 })).next, undefined)
    assert.deepEqual(await at.adapter.query({ limit: 3, kinds: ['nothing'] }), { items: [], next: undefined })
  })

  rule('shows each stream that does not move on exactly one page, while others move behind it', async at => {
    await pageWhileMoving(at, round => ({ stream: thirty[round]!, changed: 5000 + round }))
  })

  rule('shows each stream that does not move on exactly one page, while others move before it', async at => {
    await pageWhileMoving(at, round => ({ stream: thirty[29 - round]!, changed: round }))
  })

  rule('goes on with a cursor after the store was opened again', async at => {
    for (const stream of ['a', 'b', 'c']) await at.write({ stream, events: ['1'], index: { created: 1 } })
    const { next } = await at.adapter.query({ limit: 2 })
    await at.reopen()
    assert.deepEqual(await streams(at, { limit: 2, cursor: next }), ['c'])
  })

  rule('refuses a cursor that is not one of its own', async at => {
    await at.write({ stream: 'a', events: ['1'] })
    for (const cursor of ['', 'x', '0', 'null', '{}', '[]', '[1]', 'bnVsbA==', 'W10=', '%00', '../a', '\u0000']) {
      await refused(at.adapter.query({ limit: 5, cursor }), 'INVALID_QUERY')
    }
  })

  rule('refuses a page of no size', async at => {
    for (const limit of [0, -1, 1.5, 10_001, Number.NaN]) await refused(at.adapter.query({ limit }), 'INVALID_QUERY')
  })
}

const thirty = Array.from({ length: 30 }, (_, index) => `s${String(index).padStart(2, '0')}`)

/** Pages by the time of change, with a move and once a forgetting between the pages. */
async function pageWhileMoving(at: Case, move: (round: number) => { stream: string; changed: number }): Promise<void> {
  for (const [index, stream] of thirty.entries()) await at.write({ stream, events: ['1'], index: { changed: 1000 + index } })
  const seen: string[] = []
  const moved = new Set<string>([thirty[2]!])
  let cursor: string | undefined
  for (let round = 0; round === 0 || cursor; round++) {
    assert.ok(round < 12, 'paging ends')
    const page = await at.adapter.query({ order: 'changed', limit: 4, cursor })
    seen.push(...page.items.map(item => item.stream))
    cursor = page.next
    const { stream, changed } = move(round)
    await at.write({ stream, events: ['2'], index: { changed } })
    moved.add(stream)
    if (round === 1) await at.adapter.forget(thirty[2]!, {})
  }
  const unmoved = thirty.filter(stream => !moved.has(stream))
  assert.deepEqual(
    seen.filter(stream => !moved.has(stream)),
    unmoved,
    'each of them once, in order',
  )
  assert.ok(unmoved.length > 15)
}

/** The ids of every page. Nothing moves meanwhile, so a page that goes round in circles is found out. */
export async function allPages(at: Case, query: Query): Promise<string[][]> {
  const pages: string[][] = []
  let cursor: string | undefined
  const seen = new Set<string>()
  do {
    if (cursor !== undefined) assert.ok(!seen.has(cursor) && seen.add(cursor), 'paging goes on')
    const page = await at.adapter.query({ ...query, cursor })
    pages.push(page.items.map(item => item.stream))
    cursor = page.next
  } while (cursor)
  return pages
}
