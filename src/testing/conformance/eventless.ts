import assert from 'node:assert/strict'
import type { Case, Rule } from './case.ts'
import { refused } from './refused.ts'

/** A stream may be there and have no event: none yet, or none any more. */
export function eventlessRules(rule: Rule): void {
  rule('creates a stream without an event, and with everything else', async at => {
    const before = await bareStream(at)
    assert.deepEqual([before?.version, before?.state, before?.view], [0, '"s"', { through: 0, data: '"v"' }])
    assert.deepEqual(await at.adapter.load({ key: 'name' }), before)
    assert.deepEqual(await at.adapter.read('a', { after: 0, limit: 10 }), { events: [], head: 0 })
    assert.deepEqual(await at.write({ stream: 'a', events: ['1'] }), [1])
  })

  rule('takes a stream without events for one that exists', async at => {
    await bareStream(at)
    await refused(at.write({ stream: 'a', expect: 0, events: ['1'] }), 'VERSION_CONFLICT', { stream: 'a', version: 0 })
    assert.equal((await at.adapter.load('a'))?.version, 0)
  })

  rule('finds a stream without events again after the store was opened again', async at => {
    const before = await bareStream(at)
    await at.reopen()
    assert.deepEqual(await at.adapter.load('a'), before)
    assert.deepEqual(await at.adapter.load({ key: 'name' }), before)
    assert.deepEqual(await at.adapter.read('a', { after: 0, limit: 10 }), { events: [], head: 0 })
  })

  rule('goes on counting behind events that are all forgotten, after the store was opened again', async at => {
    await at.write({ stream: 'a', events: ['1', '2', '3'], state: '"s"' })
    await at.adapter.forget('a', { through: 3 })
    const before = await at.adapter.load('a')
    await at.reopen()
    assert.deepEqual(await at.adapter.load('a'), before)
    await refused(at.write({ stream: 'a', expect: 0, events: ['1'] }), 'VERSION_CONFLICT', { stream: 'a', version: 3 })
    await refused(at.adapter.read('a', { after: 0, limit: 10 }), 'GAP', { floor: 3 })
    assert.deepEqual(await at.write({ stream: 'a', expect: 3, events: ['4'] }), [4])
    assert.deepEqual(await at.events('a', 3), ['4'])
  })
}

async function bareStream(at: Case) {
  await at.write({ stream: 'a', expect: 0, state: '"s"', view: '"v"', index: { owner: 'me', due: 5 }, claim: [{ key: 'name' }] })
  return at.adapter.load('a')
}
