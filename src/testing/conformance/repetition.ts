import assert from 'node:assert/strict'
import type { Case, Rule } from './case.ts'
import { refused } from './refused.ts'

/** What a writer does that was never answered (`OUTCOME_UNKNOWN`, a crash): it repeats the commit under the same id. */
export function repetitionRules(rule: Rule, { crashes }: { crashes: boolean }): void {
  rule('answers the repetition of a commit with the same versions and applies it once', async at => {
    await writeAndRepeat(at, async () => undefined)
  })

  rule('answers a repetition after the store was opened again', async at => {
    await writeAndRepeat(at, () => at.reopen())
  })

  if (crashes) {
    rule('answers a repetition after a crash', async at => {
      await writeAndRepeat(at, () => at.crash())
    })
  }

  rule('answers a repetition that is issued together with the commit', async at => {
    const writes = [1, 2, 3].map(() => at.write({ stream: 'a', expect: 0, events: ['1', '2'] }, { id: 'same' }))
    assert.deepEqual(await Promise.all(writes), [[2], [2], [2]])
    assert.deepEqual(await at.events('a'), ['1', '2'])
  })

  rule('answers a repetition alike whatever the caller did with the first answer', async at => {
    const change = { stream: 'a', expect: 0, events: ['1'] }
    for (let time = 0; time < 3; time++) {
      const versions = (await at.write(change, { id: 'same' })) as number[]
      assert.deepEqual(versions, [1])
      if (!Object.isFrozen(versions)) versions[0] = 99
    }
  })

  for (const [moved, stays] of [
    ['first', 'second'],
    ['second', 'first'],
  ] as const) {
    rule(`answers a repetition when the ${moved} of its streams has moved on`, async at => {
      const changes = [
        { stream: 'first', expect: 0, events: ['1'] },
        { stream: 'second', events: ['1', '2'] },
      ]
      await at.write(changes, { id: 'both' })
      const [version] = await at.write({ stream: moved, events: ['"on"'] })
      assert.deepEqual(await at.write(changes, { id: 'both' }), [1, 2])
      assert.equal((await at.adapter.load(moved))?.version, version)
      assert.equal((await at.adapter.load(stays))?.version, stays === 'first' ? 1 : 2)
    })
  }

  rule('remembers a commit without events as well', async at => {
    await at.write({ stream: 'a', events: ['1'], state: '"first"' })
    await at.write({ stream: 'a', state: '"second"' }, { id: 'quiet' })
    assert.deepEqual(await at.write({ stream: 'a', state: '"repeated"' }, { id: 'quiet' }), [1])
    assert.equal((await at.adapter.load('a'))?.state, '"second"')
  })

  rule('answers a repetition before it looks at versions, owners and keys', async at => {
    const session = await at.adapter.session('node', 1000)
    const change = { stream: 'a', expect: 0, own: 'acquire' as const, events: ['1'], claim: [{ key: 'name' }], absent: ['name'] }
    await at.write(change, { id: 'first', session: session.id })
    await session.end()
    assert.deepEqual(await at.write(change, { id: 'first', session: session.id }), [1])
    assert.deepEqual(await at.events('a'), ['1'])
  })

  rule('does not remember a commit that it refused', async at => {
    await at.write({ stream: 'holder', events: ['1'], claim: [{ key: 'name' }] })
    const change = { stream: 'a', expect: 0, events: ['1'], claim: [{ key: 'name' }] }
    await refused(at.write(change, { id: 'again' }), 'KEY_TAKEN')
    await refused(at.write(change, { id: 'again' }), 'KEY_TAKEN')
    await at.write({ stream: 'holder', release: ['name'] })
    assert.deepEqual(await at.write(change, { id: 'again' }), [1])
  })

  rule('applies the same content again under another id', async at => {
    const change = { stream: 'a', events: ['1'] }
    assert.deepEqual([await at.write(change), await at.write(change)], [[1], [2]])
    assert.deepEqual(await at.events('a'), ['1', '1'])
  })
}

async function writeAndRepeat(at: Case, interrupt: () => Promise<void>): Promise<void> {
  const changes = [
    { stream: 'a', expect: 1, events: ['"a2"', '"a3"'], state: '"s"', claim: [{ key: 'name' }] },
    { stream: 'b', events: ['"b1"'] },
  ]
  await at.write({ stream: 'a', events: ['"a1"'] })
  assert.deepEqual(await at.write(changes, { id: 'commit' }), [3, 1])
  await interrupt()
  assert.deepEqual(await at.write(changes, { id: 'commit' }), [3, 1])
  assert.deepEqual(await at.write(changes, { id: 'commit' }), [3, 1])
  assert.deepEqual(await at.events('a'), ['"a1"', '"a2"', '"a3"'])
  assert.deepEqual(await at.events('b'), ['"b1"'])
}
