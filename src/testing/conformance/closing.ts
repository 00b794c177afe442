import assert from 'node:assert/strict'
import type { Rule } from './case.ts'
import { refused } from './refused.ts'

export function closingRules(rule: Rule): void {
  rule('refuses every call after close', async at => {
    await at.write({ stream: 'a', events: ['1'] })
    const closed = at.adapter
    const session = await closed.session('node', 1000)
    await at.reopen()
    await refused(at.write({ stream: 'a', events: ['2'] }, { on: closed }), 'STORE_CLOSED')
    await refused(closed.load('a'), 'STORE_CLOSED')
    await refused(closed.read('a', { after: 0, limit: 1 }), 'STORE_CLOSED')
    await refused(closed.query({ limit: 1 }), 'STORE_CLOSED')
    await refused(closed.session('node', 1000), 'STORE_CLOSED')
    await refused(closed.forget('a', {}), 'STORE_CLOSED')
    await refused(session.renew(), 'STORE_CLOSED')
    await refused((async () => closed.watch(() => undefined))(), 'STORE_CLOSED')
    assert.deepEqual(await at.events('a'), ['1'])
  })

  rule('closes twice without harm', async at => {
    const closed = at.adapter
    await Promise.all([closed.close(), closed.close()])
    await closed.close()
    await at.reopen()
    await closed.close()
    assert.deepEqual(await at.write({ stream: 'a', events: ['1'] }), [1])
  })

  rule('keeps what it has answered, and nothing that it has refused, when it is closed in the middle', async at => {
    const streams = Array.from({ length: 30 }, (_, index) => `s${index}`)
    const outcomes = Promise.allSettled(streams.map(stream => at.write({ stream, expect: 0, events: ['1', '2'] })))
    await at.reopen()
    for (const [index, outcome] of (await outcomes).entries()) {
      if (outcome.status === 'rejected') assert.equal(outcome.reason.code, 'STORE_CLOSED')
      const expected = outcome.status === 'fulfilled' ? 2 : undefined
      assert.equal((await at.adapter.load(streams[index]!))?.version, expected)
    }
  })
}
