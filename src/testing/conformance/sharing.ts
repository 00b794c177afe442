import assert from 'node:assert/strict'
import { orphans, type Rule } from './case.ts'
import { refused } from './refused.ts'
import { watching } from './watching.ts'

export function sharingRules(rule: Rule): void {
  rule('shows the commits of one writer to another', async at => {
    const other = await at.open()
    await at.write({ stream: 'a', events: ['1'], claim: [{ key: 'name' }] })
    assert.equal((await other.load({ key: 'name' }))?.version, 1)
    await at.write({ stream: 'a', expect: 1, events: ['2'] }, { on: other })
    assert.deepEqual(await at.events('a'), ['1', '2'])
    await refused(at.write({ stream: 'a', expect: 1, events: ['3'] }), 'VERSION_CONFLICT', { version: 2 })
  })

  rule('tells the listeners of one writer what another commits', async at => {
    const other = await at.open()
    const watched = watching(other)
    await at.write({ stream: 'a', events: ['1'] })
    await at.withinPollInterval(() => watched.knows('a', 1), 'the commit of the other writer')
    watched.stop()
  })

  rule('lets one of several writers have a key, a version or an orphan', async at => {
    const writers = [at.adapter, await at.open(), await at.open()]
    const dead = await at.adapter.session('dead', 1000)
    await at.write({ stream: 'orphan', own: 'acquire', events: ['1'] }, { session: dead.id })
    await dead.end()
    const sessions = await Promise.all(writers.map(on => on.session('node', 1000)))
    const winners = async (write: (writer: number) => Promise<unknown>) => {
      const outcomes = await Promise.allSettled(writers.map((_, writer) => write(writer)))
      return outcomes.filter(outcome => outcome.status === 'fulfilled').length
    }
    const claim = [{ key: 'name' }]
    assert.equal(await winners(writer => at.write({ stream: `s${writer}`, events: ['1'], claim }, { on: writers[writer] })), 1)
    assert.equal(await winners(writer => at.write({ stream: 'v', expect: 0, events: ['1'] }, { on: writers[writer] })), 1)
    const acquire = { stream: 'orphan', own: 'acquire' as const, events: ['2'] }
    assert.equal(await winners(writer => at.write(acquire, { on: writers[writer], session: sessions[writer]!.id })), 1)
  })

  rule('takes the appends of several writers to one stream, each with its number', async at => {
    const writers = [at.adapter, await at.open(), await at.open()]
    const texts = Array.from({ length: 30 }, (_, index) => String(index))
    const versions = await Promise.all(
      texts.map((text, index) => at.write({ stream: 'inbox', events: [text] }, { on: writers[index % 3] })),
    )
    const events = await at.events('inbox')
    assert.equal(events.length, 30)
    for (const [index, [version]] of versions.entries()) assert.equal(events[version! - 1], texts[index])
  })

  rule('knows the sessions of another writer, alive and dead', async at => {
    const other = await at.open()
    const session = await other.session('other', 1000)
    await at.write({ stream: 'a', own: 'acquire', events: ['1'] }, { session: session.id, on: other })
    assert.deepEqual(await orphans(at), [])
    await at.pass(900)
    await session.renew()
    await at.pass(900)
    assert.deepEqual(await orphans(at), [])
    await session.end()
    assert.deepEqual(await orphans(at), ['a'])
  })

  rule('closes one writer without touching another', async at => {
    const other = await at.open()
    await other.close()
    assert.deepEqual(await at.write({ stream: 'a', events: ['1'] }), [1])
  })
}
