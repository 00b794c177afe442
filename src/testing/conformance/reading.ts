import assert from 'node:assert/strict'
import { portLimits } from '../../kernel/port.ts'
import type { Rule } from './case.ts'
import { refused } from './refused.ts'

export function readingRules(rule: Rule): void {
  rule('reads on from a number, page by page, and always tells the head', async at => {
    await at.write({ stream: 'a', events: ['1', '2', '3'] })
    await at.write({ stream: 'a', events: ['4', '5'] })
    const page = (after: number, limit: number) => at.adapter.read('a', { after, limit })
    assert.deepEqual(await page(0, 2), { events: ['1', '2'], head: 5 })
    assert.deepEqual(await page(2, 2), { events: ['3', '4'], head: 5 })
    assert.deepEqual(await page(4, 2), { events: ['5'], head: 5 })
    assert.deepEqual(await page(0, 10_000), { events: ['1', '2', '3', '4', '5'], head: 5 })
  })

  rule('reads nothing behind the head', async at => {
    await at.write({ stream: 'a', events: ['1', '2'] })
    assert.deepEqual(await at.adapter.read('a', { after: 2, limit: 10 }), { events: [], head: 2 })
  })

  rule('refuses to read beyond the head', async at => {
    await at.write({ stream: 'a', events: ['1', '2'] })
    await refused(at.adapter.read('a', { after: 3, limit: 10 }), 'CURSOR_AHEAD', { head: 2 })
  })

  rule('refuses to read a stream that is not there', async at => {
    await refused(at.adapter.read('a', { after: 0, limit: 10 }), 'STREAM_NOT_FOUND')
    await refused(at.adapter.read('a', { after: 5, limit: 10 }), 'STREAM_NOT_FOUND')
  })

  rule('refuses a page of no size, one that is larger than the port allows, and one after what is no number', async at => {
    await at.write({ stream: 'a', events: ['1', '2'] })
    for (const limit of [0, -1, 1.5, portLimits.pageItems + 1, Number.POSITIVE_INFINITY, Number.NaN]) {
      await refused(at.adapter.read('a', { after: 0, limit }), 'INVALID_QUERY')
    }
    for (const after of [-1, 0.5, Number.NaN]) await refused(at.adapter.read('a', { after, limit: 1 }), 'INVALID_QUERY')
  })

  rule('ends a page before its bytes are too many, but not before its first event', async at => {
    const kilobyte = JSON.stringify('é'.repeat(511))
    await at.write({ stream: 'a', events: Array.from({ length: 10 }, () => kilobyte) })
    const count = async (maxBytes: number) => (await at.adapter.read('a', { after: 0, limit: 10, maxBytes })).events.length
    assert.equal(await count(0), 1)
    assert.equal(await count(1), 1)
    assert.equal(await count(1024), 1)
    assert.equal(await count(2047), 1)
    assert.ok((await count(5 * 1024)) >= 2 && (await count(5 * 1024)) <= 5)
    assert.equal(await count(1024 * 1024), 10)
  })

  rule('reads everything in pages of few bytes', async at => {
    const events = Array.from({ length: 40 }, (_, index) => JSON.stringify('x'.repeat((index * 37) % 100)))
    await at.write({ stream: 'a', events: events.slice(0, 25) })
    await at.write({ stream: 'a', events: events.slice(25) })
    const read: string[] = []
    while (read.length < 40) {
      const page = await at.adapter.read('a', { after: read.length, limit: 7, maxBytes: 150 })
      assert.ok(page.events.length >= 1 && page.events.length <= 7)
      assert.ok(page.events.length === 1 || page.events.join('').length <= 150)
      read.push(...page.events)
    }
    assert.deepEqual(read, events)
  })

  rule('keeps the events of different streams apart', async at => {
    for (let round = 0; round < 5; round++) {
      await at.write([
        { stream: 'a', events: [`"a${round}"`] },
        { stream: 'ab', events: [`"ab${round}"`, `"ab${round}'"`] },
      ])
    }
    assert.deepEqual(
      await at.events('a'),
      [0, 1, 2, 3, 4].map(round => `"a${round}"`),
    )
    assert.equal((await at.events('ab')).length, 10)
  })
}
