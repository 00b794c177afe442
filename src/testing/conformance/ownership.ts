import assert from 'node:assert/strict'
import type { Session } from '../../kernel/port.ts'
import type { Case, Rule } from './case.ts'
import { refused } from './refused.ts'

export function ownershipRules(rule: Rule): void {
  rule('gives a stream to the session that acquires it, and takes its writes only', async at => {
    const [ours, other] = await twoSessions(at)
    await acquire(at, ours, 'a')
    assert.equal((await at.adapter.load('a'))?.session, ours.id)
    assert.deepEqual(await at.write({ stream: 'a', events: ['2'] }, { session: ours.id }), [2])
    const facts = { stream: 'a', session: ours.id }
    await refused(at.write({ stream: 'a', expect: 2, events: ['3'] }, { session: other.id }), 'OWNED', facts)
    await refused(at.write({ stream: 'a', events: ['3'] }), 'OWNED', facts)
    await refused(at.write({ stream: 'a', state: '"quiet"' }), 'OWNED', facts)
    await refused(at.write({ stream: 'a', own: 'acquire', events: ['3'] }, { session: other.id }), 'OWNED', facts)
    await refused(at.write({ stream: 'a', own: 'release', events: ['3'] }, { session: other.id }), 'OWNED', facts)
    assert.deepEqual(await at.events('a'), ['"acquired"', '2'])
  })

  rule('lets a session acquire again what it owns', async at => {
    const [ours] = await twoSessions(at)
    await acquire(at, ours, 'a')
    await acquire(at, ours, 'a')
    assert.deepEqual([(await at.adapter.load('a'))?.session, (await at.adapter.load('a'))?.version], [ours.id, 2])
  })

  rule('gives a stream back with the change that releases it', async at => {
    const [ours, other] = await twoSessions(at)
    await acquire(at, ours, 'a')
    await at.write({ stream: 'a', own: 'release', events: ['"released"'] }, { session: ours.id })
    assert.equal((await at.adapter.load('a'))?.session, undefined)
    assert.deepEqual(await at.write({ stream: 'a', events: ['3'] }), [3])
    await acquire(at, other, 'a')
    assert.equal((await at.adapter.load('a'))?.session, other.id)
  })

  rule('lets an owner release without an event', async at => {
    const [ours] = await twoSessions(at)
    await acquire(at, ours, 'a')
    assert.deepEqual(await at.write({ stream: 'a', own: 'release' }, { session: ours.id }), [1])
    assert.equal((await at.adapter.load('a'))?.session, undefined)
  })

  rule('refuses to acquire without a session or without an event', async at => {
    const [ours] = await twoSessions(at)
    await refused(at.write({ stream: 'a', own: 'acquire', events: ['1'] }), 'INVALID_COMMIT')
    await refused(at.write({ stream: 'a', own: 'acquire' }, { session: ours.id }), 'INVALID_COMMIT')
    await refused(at.write({ stream: 'a', own: 'acquire', events: [] }, { session: ours.id }), 'INVALID_COMMIT')
    assert.equal(await at.adapter.load('a'), undefined)
  })

  rule('refuses to acquire under a session that has lapsed, has ended or never was', async at => {
    const [lapsed, ended] = await twoSessions(at)
    await at.pass(1001)
    await ended.end()
    for (const session of [lapsed.id, ended.id, 'never was']) {
      await refused(at.write({ stream: 'a', own: 'acquire', events: ['1'] }, { session }), 'SESSION_LOST')
    }
    assert.equal(await at.adapter.load('a'), undefined)
  })

  rule('refuses a commit that touches two owned streams', async at => {
    const [ours] = await twoSessions(at)
    await acquire(at, ours, 'a')
    await acquire(at, ours, 'b')
    const both = ['a', 'b'].map(stream => ({ stream, events: ['2'] }))
    await refused(at.write(both, { session: ours.id }), 'INVALID_COMMIT')
    const another = [both[0]!, { stream: 'c', own: 'acquire' as const, events: ['1'] }]
    await refused(at.write(another, { session: ours.id }), 'INVALID_COMMIT')
    const unowned = [both[0]!, { stream: 'inbox', events: ['1'] }, { stream: 'feed', events: ['1'] }]
    assert.deepEqual(await at.write(unowned, { session: ours.id }), [2, 1, 1])
  })

  rule('hands an orphan to a session that acquires it, after its owner lapsed', async at => {
    const [former, next] = await twoSessions(at)
    await acquire(at, former, 'a')
    await at.pass(800)
    await next.renew()
    await at.pass(400)
    await takeOver(at, former, next)
  })

  rule('hands an orphan to a session that acquires it, after its owner ended', async at => {
    const [former, next] = await twoSessions(at)
    await acquire(at, former, 'a')
    await former.end()
    await takeOver(at, former, next)
  })

  rule('lets an owner that has lapsed write as long as nobody took over', async at => {
    const [ours] = await twoSessions(at)
    await acquire(at, ours, 'a')
    await at.pass(5000)
    assert.deepEqual(await at.write({ stream: 'a', expect: 1, events: ['"late"'] }, { session: ours.id }), [2])
    assert.equal((await at.adapter.load('a'))?.session, ours.id)
  })

  rule('gives an orphan to one of many sessions that acquire it together', async at => {
    const [former] = await twoSessions(at)
    await acquire(at, former, 'a')
    await former.end()
    const sessions = await Promise.all(Array.from({ length: 8 }, (_, index) => at.adapter.session(`node ${index}`, 1000)))
    const outcomes = await Promise.allSettled(
      sessions.map(({ id }) => at.write({ stream: 'a', expect: 1, own: 'acquire', events: ['2'] }, { session: id })),
    )
    const winners = sessions.filter((_, index) => outcomes[index]!.status === 'fulfilled')
    assert.equal(winners.length, 1)
    assert.equal((await at.adapter.load('a'))?.session, winners[0]!.id)
  })

  rule('looks at the version before the owner, and at the owner before the keys', async at => {
    const [ours, other] = await twoSessions(at)
    await at.write({ stream: 'holder', events: ['1'], claim: [{ key: 'name' }] })
    await acquire(at, ours, 'a')
    const change = { stream: 'a', events: ['2'], claim: [{ key: 'name' }] }
    await refused(at.write({ ...change, expect: 9 }, { session: other.id }), 'VERSION_CONFLICT')
    await refused(at.write({ ...change, expect: 1 }, { session: other.id }), 'OWNED')
    await refused(at.write({ ...change, expect: 1 }, { session: ours.id }), 'KEY_TAKEN')
  })
}

async function twoSessions(at: Case): Promise<[Session, Session]> {
  return [await at.adapter.session('one', 1000), await at.adapter.session('two', 1000)]
}

async function acquire(at: Case, session: Session, stream: string): Promise<void> {
  await at.write({ stream, own: 'acquire', events: ['"acquired"'] }, { session: session.id })
}

async function takeOver(at: Case, former: Session, next: Session): Promise<void> {
  assert.equal((await at.adapter.load('a'))?.session, former.id, 'an orphan shows whose it was')
  await refused(at.write({ stream: 'a', expect: 1, events: ['"stolen"'] }, { session: next.id }), 'OWNED', { session: former.id })
  assert.deepEqual(await at.write({ stream: 'a', expect: 1, own: 'acquire', events: ['"taken"'] }, { session: next.id }), [2])
  const late = { stream: 'a', expect: 1, events: ['"late"'] }
  await refused(at.write(late, { session: former.id }), 'VERSION_CONFLICT', { stream: 'a', version: 2 })
  await refused(at.write({ ...late, expect: 2 }, { session: former.id }), 'OWNED', { stream: 'a', session: next.id })
  assert.equal((await at.adapter.load('a'))?.session, next.id)
  assert.deepEqual(await at.events('a'), ['"acquired"', '"taken"'])
}
