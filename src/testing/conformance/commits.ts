import assert from 'node:assert/strict'
import type { Change } from '../../kernel/port.ts'
import type { Rule } from './case.ts'
import { refused } from './refused.ts'

export function commitRules(rule: Rule): void {
  rule('numbers the events of a stream from 1 and answers with the new version', async at => {
    assert.deepEqual(await at.write({ stream: 'a', expect: 0, events: ['"one"', '"two"'] }), [2])
    assert.deepEqual(await at.write({ stream: 'a', expect: 2, events: ['"three"'] }), [3])
    assert.deepEqual(await at.events('a'), ['"one"', '"two"', '"three"'])
  })

  rule('answers with one version per change, in the order of the changes', async at => {
    await at.write({ stream: 'b', events: ['1', '2', '3'] })
    const versions = await at.write([
      { stream: 'c', events: ['1', '2'] },
      { stream: 'b', events: ['4'] },
      { stream: 'a', events: ['1'] },
    ])
    assert.deepEqual(versions, [2, 4, 1])
  })

  rule('shows a commit to load, read and query as soon as it has resolved', async at => {
    await at.write({ stream: 'a', events: ['1'], state: '"s"', claim: [{ key: 'name' }] })
    const [loaded, named, read, page] = await Promise.all([
      at.adapter.load('a'),
      at.adapter.load({ key: 'name' }),
      at.adapter.read('a', { after: 0, limit: 10 }),
      at.adapter.query({ limit: 10 }),
    ])
    assert.equal(loaded?.version, 1)
    assert.equal(named?.stream, 'a')
    assert.deepEqual(read, { events: ['1'], head: 1 })
    assert.deepEqual(
      page.items.map(item => [item.stream, item.version, item.state]),
      [['a', 1, '"s"']],
    )
  })

  rule('refuses a commit whose version is not the stored one, and writes nothing', async at => {
    await at.write({ stream: 'a', events: ['1', '2'], state: '"before"' })
    for (const expect of [0, 1, 3]) {
      const late = { stream: 'a', expect, events: ['"late"'], state: '"late"', claim: [{ key: 'name' }] }
      await refused(at.write(late), 'VERSION_CONFLICT', { stream: 'a', version: 2 })
    }
    await refused(at.write({ stream: 'unknown', expect: 1, events: ['1'] }), 'VERSION_CONFLICT', { stream: 'unknown', version: 0 })
    assert.deepEqual(await at.events('a'), ['1', '2'])
    assert.equal((await at.adapter.load('a'))?.state, '"before"')
    assert.equal(await at.adapter.load({ key: 'name' }), undefined)
    assert.equal(await at.adapter.load('unknown'), undefined)
  })

  rule('writes every stream of a commit, or none of them', async at => {
    await at.write({ stream: 'a', events: ['1'] })
    const changes = [
      { stream: 'b', expect: 0, events: ['1'], claim: [{ key: 'name' }] },
      { stream: 'c', events: ['1'], index: { owner: 'me' } },
      { stream: 'a', expect: 7, events: ['2'] },
    ]
    await refused(at.write(changes), 'VERSION_CONFLICT', { stream: 'a', version: 1 })
    const page = await at.adapter.query({ limit: 10 })
    assert.deepEqual(
      page.items.map(item => [item.stream, item.version]),
      [['a', 1]],
    )
    assert.equal(await at.adapter.load({ key: 'name' }), undefined)
    assert.equal(await at.adapter.load('b'), undefined)
  })

  rule('lets a change without events check the version and keep it', async at => {
    await at.write({ stream: 'a', events: ['1'], state: '"old"' })
    assert.deepEqual(await at.write({ stream: 'a', expect: 1, state: '"new"' }), [1])
    await refused(at.write({ stream: 'a', expect: 2, state: '"wrong"' }), 'VERSION_CONFLICT', { version: 1 })
    assert.equal((await at.adapter.load('a'))?.state, '"new"')
    assert.deepEqual(await at.events('a'), ['1'])
  })

  rule('answers each of the commits that are issued together for itself', async at => {
    await at.write({ stream: 'taken', events: ['1'], claim: [{ key: 'name' }] })
    const outcomes = await Promise.allSettled([
      at.write({ stream: 'a', expect: 0, events: ['1'] }),
      at.write({ stream: 'b', expect: 5, events: ['1'] }),
      at.write({ stream: 'c', expect: 0, events: ['1', '2'] }),
      at.write({ stream: 'd', expect: 0, events: ['1'], claim: [{ key: 'name' }] }),
      at.write({ stream: 'e', expect: 0, events: ['1'] }),
    ])
    assert.deepEqual(
      outcomes.map(outcome => (outcome.status === 'fulfilled' ? outcome.value : outcome.reason.code)),
      [[1], 'VERSION_CONFLICT', [2], 'KEY_TAKEN', [1]],
    )
    const { items } = await at.adapter.query({ limit: 10 })
    assert.deepEqual(items.map(item => item.stream).sort(), ['a', 'c', 'e', 'taken'])
  })

  rule('gives each of many writers that append to one stream a number of its own', async at => {
    const writers = Array.from({ length: 50 }, (_, writer) => at.write({ stream: 'inbox', events: [String(writer)] }))
    const versions = (await Promise.all(writers)).map(([version]) => version!)
    const events = await at.events('inbox')
    assert.equal(events.length, 50)
    versions.forEach((version, writer) => {
      assert.equal(events[version - 1], String(writer))
    })
  })

  rule('lets one of many writers win that expect the same version', async at => {
    const writers = Array.from({ length: 20 }, (_, writer) => at.write({ stream: 'a', expect: 0, events: [String(writer)] }))
    const outcomes = await Promise.allSettled(writers)
    const winners = outcomes.flatMap((outcome, writer) => (outcome.status === 'fulfilled' ? [String(writer)] : []))
    assert.equal(winners.length, 1)
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') assert.equal(outcome.reason.code, 'VERSION_CONFLICT')
    }
    assert.deepEqual(await at.events('a'), winners)
  })

  rule('refuses a commit that makes no sense', async at => {
    await at.write({ stream: 'a', kind: 'thing', events: ['1'] })
    await refused(at.write([]), 'INVALID_COMMIT')
    await refused(
      at.write([
        { stream: 'b', events: ['1'] },
        { stream: 'b', events: ['2'] },
      ]),
      'INVALID_COMMIT',
    )
    for (const expect of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      await refused(at.write({ stream: 'b', expect, events: ['1'] }), 'INVALID_COMMIT')
    }
    assert.equal(await at.adapter.load('b'), undefined)
  })

  rule('refuses what is not text where text belongs, and text that is not well-formed, beside commits that it takes', async at => {
    const untextual = [['x'], 5, null, {}, '"\ud800"', '"\udc00\ud800"', 'long enough to be looked at otherwise: é🦉 \udc00']
    const malformed = untextual.flatMap(text => [{ events: ['1', text] }, { events: ['1'], state: text }, { events: ['1'], view: text }])
    const drafts = [...malformed, { events: '12' }, { events: { length: 1 } }] as unknown as Partial<Change>[]
    for (const draft of drafts) {
      const both = [at.write({ stream: 'a', events: ['1'] }), refused(at.write({ stream: 'b', ...draft }), 'INVALID_COMMIT')]
      await Promise.all(both)
    }
    assert.equal((await at.adapter.load('a'))?.version, drafts.length)
    assert.equal(await at.adapter.load('b'), undefined)
  })

  rule('reads a commit when it is called: what becomes of it afterwards changes nothing', async at => {
    const events = ['"first"']
    const index = { owner: 'me' }
    const claim = [{ key: 'name' }]
    const changes = [{ stream: 'a', kind: 'thing', expect: 0, events, state: '"s"', index, claim }]
    const commit = { id: 'commit', changes }
    const written = at.adapter.commit(commit)
    events[0] = '"changed"'
    events.push('"more"')
    index.owner = 'you'
    claim[0]!.key = 'other'
    changes[0]!.stream = 'b'
    commit.id = 'later'
    changes.length = 0
    assert.deepEqual(await written, [1])
    assert.deepEqual(await at.events('a'), ['"first"'])
    assert.equal((await at.adapter.load({ key: 'name' }))?.index.owner, 'me')
    assert.deepEqual(await at.write({ stream: 'a', expect: 0, events: ['1'] }, { id: 'commit' }), [1], 'it is remembered under its id')
  })

  rule('keeps the kind that a stream was created with', async at => {
    await at.write({ stream: 'a', kind: 'thing', events: ['1'] })
    await refused(at.write({ stream: 'a', kind: 'other', events: ['2'] }), 'INVALID_COMMIT')
    assert.equal((await at.adapter.load('a'))?.kind, 'thing')
    assert.deepEqual(await at.events('a'), ['1'])
  })
}
