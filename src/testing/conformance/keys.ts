import assert from 'node:assert/strict'
import type { Case, Rule } from './case.ts'
import { refused } from './refused.ts'

export function keyRules(rule: Rule): void {
  rule('claims keys that are free, all of a change at once', async at => {
    await at.write({ stream: 'a', events: ['1'], claim: [{ key: 'one' }, { key: 'two' }] })
    assert.deepEqual([await holder(at, 'one'), await holder(at, 'two')], ['a', 'a'])
  })

  rule('refuses a key that another stream holds, names the holder and writes nothing', async at => {
    await at.write({ stream: 'a', events: ['1'], claim: [{ key: 'name' }] })
    const change = { stream: 'b', events: ['1'], claim: [{ key: 'free' }, { key: 'name' }] }
    await refused(at.write(change), 'KEY_TAKEN', { key: 'name', holder: 'a' })
    assert.equal(await at.adapter.load('b'), undefined)
    assert.deepEqual([await holder(at, 'name'), await holder(at, 'free')], ['a', undefined])
  })

  rule('lets a stream claim the key that it holds', async at => {
    await at.write({ stream: 'a', events: ['1'], claim: [{ key: 'name' }] })
    assert.deepEqual(await at.write({ stream: 'a', events: ['2'], claim: [{ key: 'name' }] }), [2])
    assert.deepEqual(await at.write({ stream: 'a', events: ['3'], claim: [{ key: 'name', from: 'other' }] }), [3])
    assert.equal(await holder(at, 'name'), 'a')
  })

  rule('takes a key over from the holder that is named, and from nobody else', async at => {
    await at.write({ stream: 'a', events: ['1'], claim: [{ key: 'name' }] })
    const wrong = { stream: 'c', events: ['1'], claim: [{ key: 'name', from: 'b' }] }
    await refused(at.write(wrong), 'KEY_TAKEN', { key: 'name', holder: 'a' })
    await at.write({ stream: 'b', events: ['1'], claim: [{ key: 'name', from: 'a' }] })
    assert.equal(await holder(at, 'name'), 'b')
    await at.write({ stream: 'a', events: ['2'], release: ['name'] })
    assert.equal(await holder(at, 'name'), 'b', 'the former holder has nothing left to release')
  })

  rule('claims a key from a holder that has released it meanwhile', async at => {
    await at.write({ stream: 'a', events: ['1'], claim: [{ key: 'name' }] })
    await at.write({ stream: 'a', events: ['2'], release: ['name'] })
    await at.write({ stream: 'b', events: ['1'], claim: [{ key: 'name', from: 'a' }] })
    assert.equal(await holder(at, 'name'), 'b')
  })

  rule('releases a key that a stream holds, and leaves one alone that it does not', async at => {
    await at.write({ stream: 'a', events: ['1'], claim: [{ key: 'mine' }] })
    await at.write({ stream: 'b', events: ['1'], claim: [{ key: 'theirs' }] })
    assert.deepEqual(await at.write({ stream: 'a', events: ['2'], release: ['mine', 'theirs', 'nobodys'] }), [2])
    assert.deepEqual([await holder(at, 'mine'), await holder(at, 'theirs')], [undefined, 'b'])
    await at.write({ stream: 'b', events: ['2'], claim: [{ key: 'mine' }] })
    assert.equal(await holder(at, 'mine'), 'b')
  })

  rule('refuses a commit when a key is held that must be absent, also by the stream itself', async at => {
    await at.write({ stream: 'a', events: ['1'], claim: [{ key: 'name' }] })
    for (const stream of ['a', 'b']) {
      await refused(at.write({ stream, events: ['2'], absent: ['name'] }), 'KEY_PRESENT', { key: 'name', holder: 'a' })
    }
    assert.deepEqual(await at.events('a'), ['1'])
    assert.equal(await at.adapter.load('b'), undefined)
    assert.deepEqual(await at.write({ stream: 'b', events: ['1'], absent: ['other'] }), [1])
  })

  rule('takes a key for absent that the same commit releases, or claims for the first time', async at => {
    await at.write({ stream: 'a', events: ['1'], claim: [{ key: 'released' }] })
    await at.write([
      { stream: 'a', events: ['2'], release: ['released'] },
      { stream: 'b', events: ['1'], absent: ['released', 'fresh'], claim: [{ key: 'fresh' }] },
    ])
    assert.deepEqual([await holder(at, 'released'), await holder(at, 'fresh')], [undefined, 'b'])
  })

  rule('gives a key that one change of a commit releases to another that claims it, in whatever order they stand', async at => {
    await at.write({ stream: 'a', events: ['1'], claim: [{ key: 'name' }] })
    await at.write([
      { stream: 'a', events: ['2'], release: ['name'] },
      { stream: 'b', events: ['1'], claim: [{ key: 'name' }] },
    ])
    assert.equal(await holder(at, 'name'), 'b')
    await at.write([
      { stream: 'a', events: ['3'], claim: [{ key: 'name' }] },
      { stream: 'b', events: ['2'], release: ['name'] },
    ])
    assert.equal(await holder(at, 'name'), 'a')
  })

  rule('refuses a commit of which two changes claim one key, and writes nothing', async at => {
    const both = ['a', 'b'].map(stream => ({ stream, events: ['1'], claim: [{ key: 'name' }] }))
    await refused(at.write(both), 'KEY_TAKEN', { key: 'name' })
    assert.equal(await holder(at, 'name'), undefined)
    assert.deepEqual([await at.adapter.load('a'), await at.adapter.load('b')], [undefined, undefined])
  })

  rule('gives a key to one of many that claim it together', async at => {
    const streams = Array.from({ length: 20 }, (_, index) => `s${index}`)
    const outcomes = await Promise.allSettled(streams.map(stream => at.write({ stream, events: ['1'], claim: [{ key: 'name' }] })))
    const winners = streams.filter((_, index) => outcomes[index]!.status === 'fulfilled')
    assert.equal(winners.length, 1)
    assert.equal(await holder(at, 'name'), winners[0])
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') assert.deepEqual([outcome.reason.code, outcome.reason.details.holder], ['KEY_TAKEN', winners[0]])
    }
  })

  rule('moves keys together with everything else in the commit', async at => {
    await at.write({ stream: 'run', events: ['1'], claim: [{ key: 'latest' }, { key: 'running' }] })
    const change = { stream: 'run', expect: 9, events: ['"end"'], release: ['running'] }
    await refused(at.write([{ stream: 'inbox', events: ['"ended"'] }, change]), 'VERSION_CONFLICT')
    assert.equal(await holder(at, 'running'), 'run')
    await at.write([
      { stream: 'inbox', events: ['"ended"'] },
      { ...change, expect: 1 },
    ])
    assert.deepEqual([await holder(at, 'latest'), await holder(at, 'running')], ['run', undefined])
    assert.deepEqual(await at.events('inbox'), ['"ended"'])
  })

  rule('keeps keys and stream ids apart', async at => {
    await at.write({ stream: 'a', events: ['1'], claim: [{ key: 'b' }] })
    await at.write({ stream: 'b', events: ['1'], claim: [{ key: 'a' }] })
    assert.deepEqual([await holder(at, 'a'), await holder(at, 'b')], ['b', 'a'])
    assert.deepEqual([(await at.adapter.load('a'))?.stream, (await at.adapter.load('b'))?.stream], ['a', 'b'])
  })
}

async function holder(at: Case, key: string): Promise<string | undefined> {
  return (await at.adapter.load({ key }))?.stream
}
