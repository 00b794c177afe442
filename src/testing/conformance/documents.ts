import assert from 'node:assert/strict'
import type { Index } from '../../kernel/port.ts'
import type { Rule } from './case.ts'
import { refused } from './refused.ts'

export function documentRules(rule: Rule): void {
  rule('starts a stream with the defaults', async at => {
    const before = await at.now()
    await at.write({ stream: 'a', kind: 'thing', events: ['1'] })
    const after = await at.now()
    const stored = await at.adapter.load('a')
    assert.ok(stored)
    const { created, changed } = stored.index
    assert.ok(before <= created && created <= after && created === changed, 'created and changed are the time of the commit')
    assert.deepEqual(stored, {
      stream: 'a',
      kind: 'thing',
      version: 1,
      floor: 0,
      session: undefined,
      index: { scope: '', owner: '', context: '', parent: '', state: '', live: true, created, changed, due: null },
      state: undefined,
      view: undefined,
    })
  })

  rule('answers undefined for a stream or a key that is not there', async at => {
    assert.equal(await at.adapter.load('a'), undefined)
    assert.equal(await at.adapter.load({ key: 'a' }), undefined)
  })

  rule('answers the same by key as by id', async at => {
    await at.write({ stream: 'a', events: ['1'], state: '2', view: '3', index: { scope: 's', due: 5 }, claim: [{ key: 'name' }] })
    assert.deepEqual(await at.adapter.load({ key: 'name' }), await at.adapter.load('a'))
  })

  rule('replaces the state, and keeps it where a change has none', async at => {
    await at.write({ stream: 'a', events: ['1'], state: '{"at":1}' })
    await at.write({ stream: 'a', events: ['2'] })
    assert.equal((await at.adapter.load('a'))?.state, '{"at":1}')
    await at.write({ stream: 'a', events: ['3'], state: '{"to":3}' })
    assert.equal((await at.adapter.load('a'))?.state, '{"to":3}')
  })

  rule('replaces the view as of the new version, and keeps it where a change has none', async at => {
    await at.write({ stream: 'a', events: ['1', '2'], view: '"two"' })
    await at.write({ stream: 'a', events: ['3'] })
    assert.deepEqual((await at.adapter.load('a'))?.view, { through: 2, data: '"two"' })
    await at.write({ stream: 'a', events: ['4'], view: '"four"' })
    assert.deepEqual((await at.adapter.load('a'))?.view, { through: 4, data: '"four"' })
    await at.write({ stream: 'a', expect: 4, view: '"four, again"' })
    assert.deepEqual((await at.adapter.load('a'))?.view, { through: 4, data: '"four, again"' })
  })

  rule('merges the index field by field', async at => {
    await at.write({ stream: 'a', events: ['1'], index: { scope: 's', owner: 'o', context: 'c', parent: 'p', state: 'open', due: 10 } })
    await at.write({ stream: 'a', events: ['2'], index: { state: 'closed', live: false } })
    const merged = (await at.adapter.load('a'))?.index
    assert.deepEqual(
      { ...merged, created: 0, changed: 0 },
      { scope: 's', owner: 'o', context: 'c', parent: 'p', state: 'closed', live: false, created: 0, changed: 0, due: 10 },
    )
    await at.write({ stream: 'a', events: ['3'], index: { owner: '', due: null } })
    const cleared = (await at.adapter.load('a'))?.index
    assert.deepEqual([cleared?.scope, cleared?.owner, cleared?.due], ['s', '', null])
  })

  rule('takes a field that is undefined for one that is not given', async at => {
    await at.write({
      stream: 'a',
      events: ['1'],
      state: '"s"',
      view: '"v"',
      index: { owner: 'me', live: false, created: 5, changed: 6, due: 7 },
    })
    const before = await at.adapter.load('a')
    const index = { owner: undefined, live: undefined, created: undefined, changed: 6, due: undefined }
    await at.write({ stream: 'a', events: undefined, state: undefined, view: undefined, index, claim: undefined })
    assert.deepEqual(await at.adapter.load('a'), before)
  })

  rule('refuses an index whose fields are not what they should be', async at => {
    await at.write({ stream: 'a', events: ['1'], index: { due: 5 } })
    const before = await at.adapter.load('a')
    const notTimes = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, '5', true]
    const wrong = [
      ...(['created', 'changed', 'due'] as const).flatMap(field => notTimes.map(value => ({ [field]: value }))),
      ...(['scope', 'owner', 'context', 'parent', 'state'] as const).flatMap(field => [{ [field]: 5 }, { [field]: null }]),
      ...[{ created: null }, { changed: null }, { live: 1 }, { live: 'false' }, { live: null }],
    ] as Partial<Index>[]
    for (const index of wrong) {
      await refused(at.write({ stream: 'a', events: ['2'], index }), 'INVALID_COMMIT')
      await refused(at.write({ stream: 'b', events: ['1'], index }), 'INVALID_COMMIT')
    }
    assert.deepEqual(await at.adapter.load('a'), before)
    assert.equal(await at.adapter.load('b'), undefined)
  })

  rule('keeps the time of creation and moves the time of change with each commit', async at => {
    await at.write({ stream: 'a', events: ['1'] })
    const first = (await at.adapter.load('a'))!.index
    await at.pass(50)
    await at.write({ stream: 'a', events: ['2'] })
    const second = (await at.adapter.load('a'))!.index
    assert.equal(second.created, first.created)
    assert.ok(second.changed >= first.changed + 50)
    await at.pass(50)
    await at.write({ stream: 'a', claim: [{ key: 'name' }] })
    assert.ok((await at.adapter.load('a'))!.index.changed >= second.changed + 50, 'a commit of keys alone is a commit')
  })

  rule('takes the times that a change gives', async at => {
    await at.write({ stream: 'a', events: ['1'], index: { created: 100, changed: 200 } })
    const given = (await at.adapter.load('a'))!.index
    assert.deepEqual([given.created, given.changed], [100, 200])
    await at.write({ stream: 'a', events: ['2'] })
    const later = (await at.adapter.load('a'))!.index
    assert.equal(later.created, 100)
    assert.ok(later.changed > 200, 'a change that gives no time has the time of the commit')
  })
}
