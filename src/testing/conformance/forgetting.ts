import assert from 'node:assert/strict'
import { isLifechartError } from '../../errors.ts'
import type { Case, Rule } from './case.ts'
import { refused } from './refused.ts'

export function forgettingRules(rule: Rule): void {
  rule('forgets the events up to a number and keeps everything else', async at => {
    await tenEvents(at)
    const before = await at.adapter.load('a')
    await at.adapter.forget('a', { through: 4 })
    assert.deepEqual(await at.adapter.load('a'), { ...before, floor: 4 })
    assert.deepEqual(await at.events('a', 4), ['5', '6', '7', '8', '9', '10'])
  })

  rule('tells who reads below the floor where the floor is', async at => {
    await tenEvents(at)
    await at.adapter.forget('a', { through: 4 })
    for (const after of [0, 3]) await refused(at.adapter.read('a', { after, limit: 5 }), 'GAP', { floor: 4 })
    assert.deepEqual(await at.adapter.read('a', { after: 4, limit: 1 }), { events: ['5'], head: 10 })
  })

  rule('never forgets beyond the head, and never lowers the floor', async at => {
    await tenEvents(at)
    await at.adapter.forget('a', { through: 99 })
    assert.equal((await at.adapter.load('a'))?.floor, 10)
    assert.deepEqual(await at.adapter.read('a', { after: 10, limit: 5 }), { events: [], head: 10 })
    await at.adapter.forget('a', { through: 2 })
    assert.equal((await at.adapter.load('a'))?.floor, 10)
    await refused(at.adapter.read('a', { after: 9, limit: 5 }), 'GAP', { floor: 10 })
  })

  rule('appends behind what was forgotten', async at => {
    await tenEvents(at)
    await at.adapter.forget('a', { through: 10 })
    assert.deepEqual(await at.write({ stream: 'a', expect: 10, events: ['11'] }), [11])
    assert.deepEqual(await at.adapter.read('a', { after: 10, limit: 5 }), { events: ['11'], head: 11 })
  })

  rule('refuses to forget when the version is not the expected one', async at => {
    await tenEvents(at)
    await refused(at.adapter.forget('a', { through: 4, expect: 9 }), 'VERSION_CONFLICT', { stream: 'a', version: 10 })
    await refused(at.adapter.forget('a', { expect: 11 }), 'VERSION_CONFLICT', { stream: 'a', version: 10 })
    assert.equal((await at.adapter.load('a'))?.floor, 0)
    await at.adapter.forget('a', { through: 4, expect: 10 })
    assert.equal((await at.adapter.load('a'))?.floor, 4)
    await at.adapter.forget('a', { expect: 10 })
    assert.equal(await at.adapter.load('a'), undefined)
  })

  rule('refuses to forget up to, or to expect, what is no number of an event', async at => {
    await tenEvents(at)
    const before = await at.adapter.load('a')
    for (const number of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      await refused(at.adapter.forget('a', { through: number }), 'INVALID_COMMIT')
      await refused(at.adapter.forget('a', { expect: number }), 'INVALID_COMMIT')
    }
    await at.adapter.forget('a', { through: 0 })
    assert.deepEqual(await at.adapter.load('a'), before)
    assert.equal((await at.events('a')).length, 10)
  })

  rule('leaves nothing of a stream that is forgotten whole', async at => {
    await tenEvents(at)
    await at.adapter.forget('a', {})
    assert.equal(await at.adapter.load('a'), undefined)
    assert.equal(await at.adapter.load({ key: 'name' }), undefined)
    await refused(at.adapter.read('a', { after: 0, limit: 1 }), 'STREAM_NOT_FOUND')
    assert.deepEqual((await at.adapter.query({ limit: 10 })).items, [])
    await at.write({ stream: 'b', events: ['1'], absent: ['name'], claim: [{ key: 'name' }] })
    await at.reopen()
    assert.equal(await at.adapter.load('a'), undefined)
    assert.equal((await at.adapter.load({ key: 'name' }))?.stream, 'b')
  })

  rule('begins anew under an id that was forgotten whole', async at => {
    await tenEvents(at)
    await at.adapter.forget('a', {})
    assert.deepEqual(await at.write({ stream: 'a', kind: 'another kind', expect: 0, events: ['"new"'] }), [1])
    await at.reopen()
    const stored = await at.adapter.load('a')
    assert.deepEqual(
      [stored?.kind, stored?.version, stored?.floor, stored?.state, stored?.view, stored?.index.scope],
      ['another kind', 1, 0, undefined, undefined, ''],
    )
    assert.deepEqual(await at.events('a'), ['"new"'])
  })

  rule('forgets an unknown stream without a word', async at => {
    await at.adapter.forget('unknown', {})
    await at.adapter.forget('unknown', { through: 3 })
    assert.equal(await at.adapter.load('unknown'), undefined)
  })

  rule('forgets whoever owns the stream', async at => {
    const session = await at.adapter.session('node', 1000)
    await at.write({ stream: 'a', own: 'acquire', events: ['1'] }, { session: session.id })
    await at.adapter.forget('a', {})
    assert.equal(await at.adapter.load('a'), undefined)
  })

  rule('has forgotten after the store was opened again', async at => {
    await tenEvents(at)
    await at.adapter.forget('a', { through: 7 })
    await at.reopen()
    assert.equal((await at.adapter.load('a'))?.floor, 7)
    await refused(at.adapter.read('a', { after: 6, limit: 5 }), 'GAP', { floor: 7 })
    assert.deepEqual(await at.events('a', 7), ['8', '9', '10'])
  })

  rule('shows a reader that races with forget a gap or every event, never a hole', async at => {
    const numbers = Array.from({ length: 200 }, (_, index) => String(index + 1))
    for (let from = 0; from < 200; from += 20) await at.write({ stream: 'a', events: numbers.slice(from, from + 20) })
    const races: Promise<void>[] = []
    for (let through = 10; through <= 190; through += 10) {
      races.push(at.adapter.forget('a', { through }))
      for (const after of [0, through - 5, through, through + 5]) races.push(readsWithoutHole(at, after))
    }
    await Promise.all(races)
    assert.deepEqual(await at.events('a', 190), numbers.slice(190))
  })
}

async function tenEvents(at: Case): Promise<void> {
  const events = Array.from({ length: 10 }, (_, index) => String(index + 1))
  const index = { scope: 's', due: 5 }
  await at.write({ stream: 'a', events, state: '"state"', view: '"view"', index, claim: [{ key: 'name' }] })
}

async function readsWithoutHole(at: Case, after: number): Promise<void> {
  try {
    const { events, head } = await at.adapter.read('a', { after, limit: 50 })
    const expected = Array.from({ length: Math.min(50, head - after) }, (_, index) => String(after + 1 + index))
    assert.deepEqual(events, expected)
  } catch (error) {
    if (!isLifechartError(error, 'GAP')) throw error
    assert.ok(Number(error.details.floor) > after, 'a gap lies above the number that was asked for')
  }
}
