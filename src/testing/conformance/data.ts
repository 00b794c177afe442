import assert from 'node:assert/strict'
import { portLimits } from '../../kernel/port.ts'
import type { Case, Rule } from './case.ts'
import { refused } from './refused.ts'

/** JSON texts that do not survive being parsed, split into lines, normalised or put between quotes. */
const hostileTexts = [
  '"\\u0000"',
  '"\\ud800"',
  '"\\udc00\\ud800"',
  '"\u2028\u2029"',
  '"\u0085\u007f\ufeff"',
  '"🦉 \\ud83e\\udd89"',
  '"cafe\u0301 caf\u00e9"',
  '"\\/"',
  '1e400',
  '-0',
  '1.0',
  '0.1000000000000000055511151231257827021181583404541015625',
  '123456789012345678901234567890',
  '{"b":1,"a":2,"b":3}',
  '{"__proto__":{"polluted":true},"constructor":1}',
  '{\n  "pretty" : true\r\n}',
  ' [ ] ',
  '"\'; drop table events; --"',
  '"%s %d $1 \\\\ ? :a"',
  'null',
  '""',
  `${'['.repeat(20_000)}${']'.repeat(20_000)}`,
  JSON.stringify('x'.repeat(300_000)),
]

const mebibyte = 1024 * 1024

export function dataRules(rule: Rule): void {
  rule('gives back every event, state and view to the letter', async at => {
    await at.write({ stream: 'events', events: hostileTexts })
    for (const [index, text] of hostileTexts.entries()) await at.write({ stream: `s${index}`, events: [text], state: text, view: text })
    await checkTexts(at)
    await at.reopen()
    await checkTexts(at)
  })

  rule('takes 10,000 events in one commit', async at => {
    const events = Array.from({ length: 10_000 }, (_, index) => `{"n":${index}}`)
    assert.deepEqual(await at.write({ stream: 'a', events }), [10_000])
    const page = await at.adapter.read('a', { after: 0, limit: portLimits.pageItems })
    assert.deepEqual(page.events, events)
  })

  rule('takes 64 changes and refuses 65', async at => {
    const changes = Array.from({ length: portLimits.changes + 1 }, (_, index) => ({ stream: `s${index}`, events: ['1'] }))
    await refused(at.write(changes), 'COMMIT_TOO_LARGE')
    assert.equal(await at.adapter.load('s0'), undefined)
    assert.deepEqual(await at.write(changes.slice(1)), Array(portLimits.changes).fill(1))
  })

  rule('takes 8 MiB in one event and gives them back', async at => {
    const text = JSON.stringify('x'.repeat(portLimits.commitBytes - 2))
    assert.deepEqual(await at.write({ stream: 'a', events: [text] }), [1])
    await at.reopen()
    const [read] = await at.events('a')
    assert.ok(read === text, 'the text is the same')
  })

  rule('counts the text of all events, states and views of a commit, in bytes', async at => {
    const text = JSON.stringify('é'.repeat(mebibyte - 1))
    const changes = [
      { stream: 'a', events: [text], view: text },
      { stream: 'b', events: [text], state: text },
    ]
    await refused(at.write([...changes, { stream: 'c', events: ['1'] }]), 'COMMIT_TOO_LARGE')
    assert.equal(await at.adapter.load('a'), undefined)
    assert.deepEqual(await at.write(changes), [1, 1])
    assert.ok((await at.adapter.load('a'))?.view?.data === text)
    assert.ok((await at.adapter.load('b'))?.state === text)
  })

  rule('refuses a commit of one byte more than 8 MiB', async at => {
    const text = JSON.stringify('x'.repeat(portLimits.commitBytes - 1))
    await refused(at.write({ stream: 'a', events: [text] }), 'COMMIT_TOO_LARGE')
    await refused(at.write({ stream: 'a', events: ['1'], state: text }), 'COMMIT_TOO_LARGE')
    await refused(at.write({ stream: 'a', events: ['1'], view: text }), 'COMMIT_TOO_LARGE')
    assert.equal(await at.adapter.load('a'), undefined)
  })
}

async function checkTexts(at: Case): Promise<void> {
  assert.deepEqual(await at.events('events'), hostileTexts)
  for (const [index, text] of hostileTexts.entries()) {
    const stored = await at.adapter.load(`s${index}`)
    assert.deepEqual([stored?.state, stored?.view?.data], [text, text])
  }
}
