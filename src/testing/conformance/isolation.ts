import assert from 'node:assert/strict'
import type { Case, Rule } from './case.ts'

export function isolationRules(rule: Rule): void {
  rule('keeps what it holds whatever the caller does with what it was shown', async at => {
    const index = { owner: 'me', due: 5 }
    await at.write({ stream: 'a', events: ['1', '2'], state: '"s"', view: '"v"', index, claim: [{ key: 'name' }] })
    const before = structuredClone(await shown(at))
    // One at a time: who compares some fields with what it holds is not to be put off by those.
    for (const place of overwrites(before).keys()) {
      overwrites(await shown(at))[place]!()
      assert.deepEqual(await shown(at), before)
    }
    await at.write({ stream: 'a', events: ['3'] })
    assert.deepEqual((await at.adapter.load('a'))?.index.owner, 'me')
    assert.deepEqual(await at.events('a'), ['1', '2', '3'])
  })

  rule('shows what was: a later commit changes nothing that was handed out before', async at => {
    await at.write({ stream: 'a', events: ['1'], state: '"s"', view: '"v"', index: { owner: 'me' }, claim: [{ key: 'name' }] })
    const answers = await shown(at)
    const before = structuredClone(answers)
    await at.write({ stream: 'a', events: ['2'], state: '"t"', view: '"w"', index: { owner: 'you', due: 9 }, release: ['name'] })
    await at.adapter.forget('a', { through: 1 })
    await at.adapter.load('a')
    await at.adapter.read('a', { after: 1, limit: 10 })
    await at.adapter.query({ limit: 10 })
    assert.deepEqual(answers, before)
  })

  rule('reads the whole of a commit when it is called: keys, documents, session and ownership', async at => {
    const session = await at.adapter.session('node', 1000)
    await at.write({ stream: 'a', events: ['1'], claim: [{ key: 'kept' }, { key: 'given back' }] })
    const release = ['given back']
    const absent = ['free']
    const own: 'acquire' | 'release' = 'acquire'
    const change = { stream: 'a', kind: 'thing', expect: 1, own, events: ['2'], state: '"s"', view: '"v"', release, absent }
    const commit = { id: 'commit', session: session.id, changes: [change] }
    const written = at.adapter.commit(commit)
    release[0] = 'kept'
    absent[0] = 'kept'
    Object.assign(change, { kind: 'other', expect: 9, own: 'release', state: '"later"', view: '"later"' })
    commit.session = 'another'
    assert.deepEqual(await written, [2])
    const stored = await at.adapter.load({ key: 'kept' })
    assert.deepEqual(
      [stored?.stream, stored?.kind, stored?.session, stored?.state, stored?.view],
      ['a', 'thing', session.id, '"s"', { through: 2, data: '"v"' }],
    )
    assert.equal(await at.adapter.load({ key: 'given back' }), undefined)
  })
}

async function shown(at: Case): Promise<unknown[]> {
  return [
    await at.adapter.load('a'),
    await at.adapter.load({ key: 'name' }),
    await at.adapter.read('a', { after: 0, limit: 10 }),
    await at.adapter.query({ limit: 10 }),
  ]
}

/** For each place in a value, in a fixed order, what overwrites it; a frozen one stays. */
function overwrites(value: unknown): (() => void)[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, inner]) => [...overwrites(inner), () => void Reflect.set(value, name, 'overwritten')])
}
