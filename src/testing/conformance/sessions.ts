import assert from 'node:assert/strict'
import { isLifechartError } from '../../errors.ts'
import { type Case, orphans, type Rule } from './case.ts'
import { refused } from './refused.ts'

export function sessionRules(rule: Rule, { shared, ownTime }: { shared: boolean; ownTime: boolean }): void {
  rule('gives each session an id of its own', async at => {
    const sessions = await Promise.all(Array.from({ length: 20 }, () => at.adapter.session('same node', 1000)))
    assert.equal(new Set(sessions.map(session => session.id)).size, 20)
  })

  rule('lets a session live for its ttl after the last renewal', async at => {
    const session = await at.adapter.session('node', 1000)
    await acquireWith(at, session.id)
    for (let renewal = 0; renewal < 5; renewal++) {
      await at.pass(900)
      assert.deepEqual(await orphans(at), [])
      await session.renew()
    }
    await at.pass(1001)
    assert.deepEqual(await orphans(at), ['a'])
  })

  rule('does not revive a session that has lapsed', async at => {
    const session = await at.adapter.session('node', 1000)
    await acquireWith(at, session.id)
    await at.pass(1001)
    await refused(session.renew(), 'SESSION_LOST')
    await refused(session.renew(), 'SESSION_LOST')
    assert.deepEqual(await orphans(at), ['a'])
  })

  rule('does not revive a session that has ended, and lets it end twice', async at => {
    const session = await at.adapter.session('node', 1000)
    await acquireWith(at, session.id)
    await session.end()
    await session.end()
    await refused(session.renew(), 'SESSION_LOST')
    assert.deepEqual(await orphans(at), ['a'])
  })

  rule('does not let a renewal that meets the end of its session revive it', async at => {
    const orders = [
      ['renew', 'end', 'renew'],
      ['end', 'renew'],
      ['renew', 'renew', 'end'],
    ] as const
    for (const [n, order] of orders.entries()) {
      const session = await at.adapter.session('node', 1000)
      await acquireWith(at, session.id, `s${n}`)
      const outcomes = await Promise.allSettled(order.map(call => session[call]()))
      for (const outcome of outcomes) if (outcome.status === 'rejected') assert.equal(outcome.reason.code, 'SESSION_LOST')
      await refused(session.renew(), 'SESSION_LOST')
    }
    assert.deepEqual([...(await orphans(at))].sort(), ['s0', 's1', 's2'])
  })

  rule('has no session alive that was opened for no time', async at => {
    for (const ttl of [0, -1, Number.NaN]) {
      const opened = await at.adapter.session('node', ttl).catch((error: unknown) => ({ error }))
      if ('error' in opened) assert.ok(isLifechartError(opened.error), `a ttl of ${ttl} is refused with a code, if it is`)
      else await refused(at.write({ stream: 'a', own: 'acquire', events: ['1'] }, { session: opened.id }), 'SESSION_LOST')
    }
    assert.equal(await at.adapter.load('a'), undefined)
  })

  if (!ownTime) {
    rule('does not revive a session when the clock is set back', async at => {
      const session = await at.adapter.session('node', 1000)
      await acquireWith(at, session.id)
      await at.pass(1001)
      assert.deepEqual(await orphans(at), ['a'])
      at.environment.clock.jump(-60_000)
      await refused(session.renew(), 'SESSION_LOST')
      assert.deepEqual(await orphans(at), ['a'])
      await refused(at.write({ stream: 'b', own: 'acquire', events: ['1'] }, { session: session.id }), 'SESSION_LOST')
    })
  }

  rule('ends one session without touching another', async at => {
    const [one, two] = [await at.adapter.session('one', 1000), await at.adapter.session('two', 1000)]
    await acquireWith(at, one.id, 'a')
    await acquireWith(at, two.id, 'b')
    await one.end()
    assert.deepEqual(await orphans(at), ['a'])
    await two.renew()
  })

  if (shared) {
    rule('lets a session live on, for its ttl, when the handle that opened it is closed', async at => {
      const session = await at.adapter.session('node', 1000)
      await acquireWith(at, session.id)
      await at.reopen()
      assert.deepEqual(await orphans(at), [])
      await at.pass(1001)
      assert.deepEqual(await orphans(at), ['a'])
    })
  } else {
    rule('finds every session of an earlier open dead', async at => {
      const session = await at.adapter.session('node', 1000)
      await acquireWith(at, session.id)
      await at.reopen()
      assert.deepEqual(await orphans(at), ['a'])
      await refused(at.write({ stream: 'b', own: 'acquire', events: ['1'] }, { session: session.id }), 'SESSION_LOST')
    })
  }
}

async function acquireWith(at: Case, session: string, stream = 'a'): Promise<void> {
  await at.write({ stream, own: 'acquire', events: ['1'] }, { session })
}
