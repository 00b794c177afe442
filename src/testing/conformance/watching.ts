import assert from 'node:assert/strict'
import type { PersistenceAdapter, StreamChanged } from '../../kernel/port.ts'
import { settled } from '../simulated-clock.ts'
import type { Rule } from './case.ts'

export function watchingRules(rule: Rule): void {
  rule('tells a listener within the poll interval of a version at least as new', async at => {
    const watched = watching(at.adapter)
    await at.write({ stream: 'a', events: ['1', '2'] })
    await at.withinPollInterval(() => watched.knows('a', 2), 'the first commit')
    watched.clear()
    await at.write([
      { stream: 'a', events: ['3'] },
      { stream: 'b', events: ['1'] },
    ])
    await at.withinPollInterval(() => watched.knows('a', 3) && watched.knows('b', 1), 'both streams of the second commit')
  })

  rule('tells a listener of a commit without events as well', async at => {
    await at.write({ stream: 'a', events: ['1'] })
    const watched = watching(at.adapter)
    const quiet = [{ state: '"s"' }, { view: '"v"' }, { index: { due: 5 } }, { claim: [{ key: 'name' }] }, { release: ['name'] }]
    for (const draft of quiet) {
      await at.withinPollInterval(() => true, 'whatever was told of the commit before')
      watched.clear()
      await at.write({ stream: 'a', ...draft })
      await at.withinPollInterval(() => watched.knows('a', 1), JSON.stringify(draft))
    }
  })

  rule('does not call a listener within a call of ours', async at => {
    const watched = watching(at.adapter)
    assert.equal(watched.calls, 0)
    const commit = at.write({ stream: 'a', events: ['1'] })
    assert.equal(watched.calls, 0)
    await commit
    await at.withinPollInterval(() => watched.knows('a', 1), 'the commit')
  })

  rule('shows to load what it has told a listener', async at => {
    const stale: unknown[] = []
    let checked = 0
    const checks: Promise<void>[] = []
    const stop = at.adapter.watch(changed => {
      const check = async () => {
        const stored = await at.adapter.load('a')
        if (changed !== 'all' && changed.stream === 'a' && (stored?.version ?? 0) < changed.version) stale.push({ changed, stored })
        checked++
      }
      checks.push(check())
    })
    for (let version = 1; version <= 5; version++) {
      await at.write({ stream: 'a', events: [String(version)] })
      await settled()
    }
    await at.withinPollInterval(() => checked > 0, 'any of five commits')
    stop()
    await Promise.all(checks)
    assert.deepEqual(stale, [])
  })

  rule('stops calling a listener that has unsubscribed, and lets it unsubscribe twice', async at => {
    const [gone, stays] = [watching(at.adapter), watching(at.adapter)]
    gone.stop()
    gone.stop()
    await at.write({ stream: 'a', events: ['1'] })
    await at.withinPollInterval(() => stays.knows('a', 1), 'the listener that stayed')
    await settled()
    assert.equal(gone.calls, 0)
  })

  rule('keeps one of two subscriptions of a function when the other ends', async at => {
    let calls = 0
    const listener = () => {
      calls++
    }
    const stops = [at.adapter.watch(listener), at.adapter.watch(listener)]
    stops[0]!()
    await at.write({ stream: 'a', events: ['1'] })
    await at.withinPollInterval(() => calls > 0, 'the subscription that was left')
    stops[1]!()
  })

  rule('goes on when a listener throws', async at => {
    const stop = at.adapter.watch(() => {
      throw new Error('thrown by a listener of the conformance suite')
    })
    const other = watching(at.adapter)
    assert.deepEqual(await at.write({ stream: 'a', events: ['1'] }), [1])
    await at.withinPollInterval(() => other.knows('a', 1), 'the listener that does not throw')
    other.clear()
    assert.deepEqual(await at.write({ stream: 'a', events: ['2'] }), [2])
    await at.withinPollInterval(() => other.knows('a', 2), 'the commit after the throw')
    stop()
  })

  rule('calls no listener after the adapter was closed', async at => {
    const watched = watching(at.adapter)
    await at.write({ stream: 'a', events: ['1'] })
    await at.reopen()
    const calls = watched.calls
    await at.write({ stream: 'a', events: ['2'] })
    await at.pass(1000)
    await settled()
    assert.equal(watched.calls, calls)
  })
}

/** Follows what an adapter tells, the way a runtime does: `all` counts for every stream. */
export function watching(adapter: PersistenceAdapter) {
  const told: StreamChanged[] = []
  const stop = adapter.watch(changed => {
    told.push(changed)
  })
  let cleared = 0
  return {
    stop,
    get calls() {
      return told.length
    },
    /** Whether it was told of this version, of a later one, or of everything since the last `clear`. */
    knows(stream: string, version: number): boolean {
      return told.slice(cleared).some(changed => changed === 'all' || (changed.stream === stream && changed.version >= version))
    },
    clear() {
      cleared = told.length
    },
  }
}
