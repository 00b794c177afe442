import assert from 'node:assert/strict'
import type { Rule } from './case.ts'
import { refused } from './refused.ts'
import { watching } from './watching.ts'

export function readOnlyRules(rule: Rule): void {
  rule('opens read-only beside a living writer and shows what was there', async at => {
    await at.write({ stream: 'a', events: ['1', '2'], state: '"s"', view: '"v"', claim: [{ key: 'name' }] })
    const reader = await at.open({ readOnly: true })
    assert.deepEqual(await reader.load('a'), await at.adapter.load('a'))
    assert.equal((await reader.load({ key: 'name' }))?.stream, 'a')
    assert.deepEqual(await reader.read('a', { after: 0, limit: 10 }), { events: ['1', '2'], head: 2 })
    assert.deepEqual(await reader.query({ limit: 10 }), await at.adapter.query({ limit: 10 }))
    assert.deepEqual(await at.write({ stream: 'a', expect: 2, events: ['3'] }), [3], 'the writer is not disturbed')
  })

  rule('refuses to write through a read-only adapter', async at => {
    await at.write({ stream: 'a', events: ['1'] })
    const reader = await at.open({ readOnly: true })
    await refused(at.write({ stream: 'a', events: ['2'] }, { on: reader }), 'STORE_READ_ONLY')
    await refused(reader.forget('a', {}), 'STORE_READ_ONLY')
    await refused(reader.session('node', 1000), 'STORE_READ_ONLY')
    assert.deepEqual(await at.events('a'), ['1'])
  })

  rule('follows the writer within the poll interval, commit by commit', async at => {
    await at.write({ stream: 'a', events: ['1'] })
    const reader = await at.open({ readOnly: true })
    const watched = watching(reader)
    for (let version = 2; version <= 4; version++) {
      await at.write([
        { stream: 'a', events: [String(version)] },
        { stream: 'b', events: [String(version)] },
      ])
      const shown = async () => watched.knows('a', version) && (await reader.load('a'))?.version === version
      await at.withinPollInterval(shown, `version ${version}`)
      assert.equal((await reader.load('b'))?.version, version - 1)
      watched.clear()
    }
    const { events } = await reader.read('a', { after: 0, limit: 10 })
    assert.deepEqual(events, ['1', '2', '3', '4'])
    watched.stop()
  })

  rule('shows a reader every commit whole while the writer goes on', async at => {
    const reader = await at.open({ readOnly: true })
    const watched = watching(reader)
    for (let round = 1; round <= 20; round++) {
      const write = at.write([
        { stream: 'a', events: [String(round)], state: String(round) },
        { stream: 'b', events: [String(round)] },
      ])
      const a = await reader.load('a')
      const b = await reader.load('b')
      assert.ok((b?.version ?? 0) >= (a?.version ?? 0), 'what is loaded later is not older')
      assert.equal(a?.state, a && String(a.version), 'state and version belong together')
      await write
    }
    const shown = async () => watched.knows('b', 20) && (await reader.load('a'))?.version === 20
    await at.withinPollInterval(shown, 'the last commit')
    watched.stop()
  })

  rule('lets the writer close and open again under a reader', async at => {
    await at.write({ stream: 'a', events: ['1'] })
    const reader = await at.open({ readOnly: true })
    const watched = watching(reader)
    await at.reopen()
    assert.deepEqual((await reader.read('a', { after: 0, limit: 10 })).events, ['1'])
    await at.write({ stream: 'a', events: ['2'] })
    const shown = async () => watched.knows('a', 2) && (await reader.load('a'))?.version === 2
    await at.withinPollInterval(shown, 'the commit of the next writer')
    assert.deepEqual((await reader.read('a', { after: 0, limit: 10 })).events, ['1', '2'])
    watched.stop()
  })
}
