import assert from 'node:assert/strict'
import type { Case, Rule } from './case.ts'

export function openingRules(rule: Rule, { crashes }: { crashes: boolean }): void {
  rule('finds everything again when it is opened', async at => {
    const before = await fill(at)
    await at.reopen()
    assert.deepEqual(await visible(at), before)
    await at.reopen()
    assert.deepEqual(await visible(at), before)
  })

  if (crashes) {
    rule('finds everything again that was answered before a crash', async at => {
      const before = await fill(at)
      await at.crash()
      assert.deepEqual(await visible(at), before)
      await at.crash()
      assert.deepEqual(await visible(at), before)
    })

    rule('finds of what a crash interrupted each commit whole or not at all', async at => {
      await at.write({ stream: 'base', events: ['1'] })
      const names = Array.from({ length: 20 }, (_, index) => String(index))
      const writes = names.map(name => [
        { stream: `a${name}`, expect: 0, events: ['1', '2'], claim: [{ key: name }] },
        { stream: `b${name}`, events: ['1'], state: '"s"' },
      ])
      // Nobody is left who could be told: whether these come back is not known.
      for (const [index, changes] of writes.entries()) at.write(changes, { id: `commit ${index}` }).catch(() => undefined)
      await at.crash()
      assert.deepEqual(await at.events('base'), ['1'])
      for (const [index, name] of names.entries()) {
        const [a, b, named] = [await at.adapter.load(`a${name}`), await at.adapter.load(`b${name}`), await at.adapter.load({ key: name })]
        const seen = [a?.version, b?.version, b?.state, named?.stream]
        assert.deepEqual(seen, a ? [2, 1, '"s"', `a${name}`] : [undefined, undefined, undefined, undefined])
        assert.deepEqual(await at.write(writes[index]!, { id: `commit ${index}` }), [2, 1], 'repeated, it is there once')
        assert.deepEqual(await at.events(`b${name}`), ['1'])
      }
    })
  }
}

/** Some of everything that a store can hold. */
async function fill(at: Case): Promise<unknown> {
  const session = await at.adapter.session('node', 100)
  const ours = { session: session.id }
  await at.write({ stream: 'run', own: 'acquire', events: ['1', '2', '3'], state: '"s"', view: '"v"' }, ours)
  const index = { owner: 'me', context: 'chat', due: 99, live: false }
  await at.write({ stream: 'run', index, claim: [{ key: 'k1' }, { key: 'k2' }] }, ours)
  const ended = { stream: 'inbox', events: ['"ended"'], claim: [{ key: 'k3' }] }
  await at.write([{ stream: 'run', events: ['4'], release: ['k1'] }, ended], ours)
  for (let count = 0; count < 20; count++) await at.write({ stream: 'inbox', events: [String(count)] })
  await at.adapter.forget('inbox', { through: 5 })
  await at.write({ stream: 'gone', events: ['1'], claim: [{ key: 'k4' }] })
  await at.adapter.forget('gone', {})
  await at.write({ stream: 'bare', state: '"s"', view: '"v"', index: { owner: 'me' }, claim: [{ key: 'k5' }] })
  await at.write({ stream: 'drained', events: ['1', '2'], state: '"s"' })
  await at.adapter.forget('drained', { through: 2 })
  await at.write({ stream: 'moved', events: ['1'], claim: [{ key: 'k3', from: 'inbox' }] })
  await at.pass(101)
  return visible(at)
}

async function visible(at: Case): Promise<unknown> {
  const streams = await Promise.all(['run', 'inbox', 'gone', 'moved', 'bare', 'drained'].map(stream => at.adapter.load(stream)))
  const keys = await Promise.all(['k1', 'k2', 'k3', 'k4', 'k5'].map(async key => (await at.adapter.load({ key }))?.stream))
  const events = [await at.events('run'), await at.events('inbox', 5), await at.events('moved')]
  const lists = [await at.adapter.query({ limit: 10 }), await at.adapter.query({ orphaned: true, limit: 10 })]
  return { streams, keys, events, lists: lists.map(list => list.items) }
}
