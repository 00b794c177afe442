import assert from 'node:assert/strict'
import { isLifechartError } from '../../errors.ts'
import type { Rule } from './case.ts'
import { refused } from './refused.ts'

/** Ids that a store which uses them as paths, properties or patterns gets wrong. */
const hostileIds = [
  '.',
  '..',
  '../',
  '../../etc/passwd',
  '..\\',
  '/',
  'C:',
  'C:\\temp',
  'CON',
  'nul.txt',
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  ' ',
  ' a ',
  'a\n',
  '\r\n',
  '\u001b[31m',
  '\u2028',
  '\ufeff',
  '%',
  '%2e%2e',
  '_',
  '*',
  "'; drop table streams; --",
  '"',
  '{"a":1}',
  '0',
  'null',
  'undefined',
  '🦉',
  'x'.repeat(512),
  'é'.repeat(256),
]

/** Each pair is two ids, however alike they look. */
const twins = [
  ['caf\u00e9', 'cafe\u0301'],
  ['\u212b', '\u00c5'],
  ['Case', 'case'],
  ['ß', 'ss'],
  ['a', 'a '],
  ['a/b', 'a%2Fb'],
  ['ı', 'i'],
  ['1', '01'],
] as const

const invalidIds = ['', 'a\u0000b', '\u0000', 'x'.repeat(513), 'x'.repeat(10_240), 'é'.repeat(257), '\ud800', 'a\udc00b', '\udc00\ud800']

export function idRules(rule: Rule): void {
  rule('takes any well-formed text as the id of a stream', async at => {
    for (const stream of hostileIds) {
      assert.equal(await at.adapter.load(stream), undefined, JSON.stringify(stream))
      assert.deepEqual(await at.write({ stream, expect: 0, events: [JSON.stringify(stream)] }), [1])
    }
    await at.reopen()
    for (const stream of hostileIds) {
      assert.equal((await at.adapter.load(stream))?.stream, stream)
      assert.deepEqual(await at.events(stream), [JSON.stringify(stream)])
    }
    const { items } = await at.adapter.query({ limit: 100 })
    assert.deepEqual(new Set(items.map(item => item.stream)), new Set(hostileIds))
  })

  rule('takes any well-formed text as a key', async at => {
    for (const [index, key] of hostileIds.entries()) {
      assert.equal(await at.adapter.load({ key }), undefined, JSON.stringify(key))
      await at.write({ stream: `s${index}`, events: ['1'], absent: [key], claim: [{ key }] })
    }
    await at.reopen()
    for (const [index, key] of hostileIds.entries()) assert.equal((await at.adapter.load({ key }))?.stream, `s${index}`)
  })

  rule('takes any text for kinds and for the fields that streams are found by', async at => {
    for (const [index, text] of hostileIds.entries()) {
      const fields = { scope: text, owner: text, context: text, parent: text, state: text }
      await at.write({ stream: `s${index}`, kind: text, events: ['1'], index: fields })
    }
    for (const [index, text] of hostileIds.entries()) {
      for (const query of [{ kinds: [text] }, { where: { scope: text } }, { where: { state: text, owner: text } }]) {
        const { items } = await at.adapter.query({ ...query, limit: 10 })
        assert.deepEqual(
          items.map(item => item.stream),
          [`s${index}`],
          JSON.stringify(text),
        )
      }
    }
  })

  rule('tells apart ids and keys that only look alike', async at => {
    for (const [one, other] of twins) {
      await at.write({ stream: one, expect: 0, events: ['"one"'], claim: [{ key: one }] })
      assert.equal(await at.adapter.load(other), undefined, other)
      assert.equal(await at.adapter.load({ key: other }), undefined, other)
      await at.write({ stream: other, expect: 0, events: ['"other"'], absent: [other], claim: [{ key: other }] })
      await at.adapter.forget(one, {})
      assert.deepEqual(await at.events(other), ['"other"'])
      assert.equal((await at.adapter.load({ key: other }))?.stream, other)
      await at.adapter.forget(other, {})
    }
  })

  rule('opens sessions for any node under ids that commits take, or refuses the node', async at => {
    for (const [index, node] of [...hostileIds, ...invalidIds].entries()) {
      const opened = await at.adapter.session(node, 1000).catch((error: unknown) => ({ error }))
      if ('error' in opened) assert.ok(isLifechartError(opened.error, 'INVALID_ID'), JSON.stringify(node))
      else await at.write({ stream: `s${index}`, own: 'acquire', events: ['1'] }, { session: opened.id })
    }
    assert.notEqual((await at.adapter.load('s0'))?.session, undefined)
  })

  rule('refuses ids that are empty, too long, ill-formed or hold a NUL, wherever they stand', async at => {
    await at.write({ stream: 'a', events: ['1'] })
    for (const id of invalidIds) {
      await refused(at.write({ stream: id, events: ['1'] }), 'INVALID_ID')
      await refused(at.write([{ stream: 'a', events: ['2'] }, { stream: id }]), 'INVALID_ID')
      await refused(at.write({ stream: 'a', events: ['2'], claim: [{ key: id }] }), 'INVALID_ID')
      await refused(at.write({ stream: 'a', events: ['2'], claim: [{ key: 'k', from: id }] }), 'INVALID_ID')
      await refused(at.write({ stream: 'a', events: ['2'], release: [id] }), 'INVALID_ID')
      await refused(at.write({ stream: 'a', events: ['2'], absent: [id] }), 'INVALID_ID')
      await refused(at.write({ stream: 'a', events: ['2'] }, { session: id }), 'INVALID_ID')
      await refused(at.adapter.load(id), 'INVALID_ID')
      await refused(at.adapter.load({ key: id }), 'INVALID_ID')
      await refused(at.adapter.read(id, { after: 0, limit: 1 }), 'INVALID_ID')
      await refused(at.adapter.forget(id, {}), 'INVALID_ID')
    }
    assert.deepEqual(await at.events('a'), ['1'])
    assert.equal(await at.adapter.load({ key: 'k' }), undefined)
  })
}
