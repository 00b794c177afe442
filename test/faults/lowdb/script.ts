import type { Change, Commit, PersistenceAdapter } from 'lifechart/port'
import type { Ledger, Operation } from './ledger.ts'

/** Events that no other commit has; `size` bytes of text in each. */
export function eventsOf(commit: string, change: number, count: number, size: number): string[] {
  return Array.from({ length: count }, (_, i) => JSON.stringify({ commit, change, i, text: 'x'.repeat(size) }))
}

/** The n-th event of one of the streams `a`, `b` ...; nobody owns them. */
export function appended(stream: string, n: number, size = 100): Operation {
  const id = `${stream}-${n}`
  return { commit: { id, changes: [{ stream, kind: 'log', expect: n - 1, events: eventsOf(id, 0, 1, size) }] } }
}

/** One life of a store, in rounds of concurrent operations: everything that the port can do to it. */
export function script(session: string): Operation[][] {
  let count = 0
  const commit = (...changes: ((id: string, i: number) => Change)[]): Operation => {
    const id = `script-${++count}`
    const made: Commit = { id, session, changes: changes.map((change, i) => change(id, i)) }
    return { commit: made }
  }
  const own =
    (stream: string, expect: number, rest: Partial<Change> = {}, events = 1, size = 60) =>
    (id: string, i: number) => ({
      stream,
      kind: stream.split('/')[0]!,
      expect,
      events: eventsOf(id, i, events, size),
      state: JSON.stringify({ state: id }),
      ...rest,
    })
  const append =
    (stream: string) =>
    (id: string, i: number): Change => ({
      stream,
      kind: 'inbox',
      expect: 'any',
      events: eventsOf(id, i, 1, 20),
    })
  const view = JSON.stringify({ folded: 'y'.repeat(150) })

  return [
    [
      commit(
        own('run/1', 0, {
          own: 'acquire',
          claim: [{ key: 'latest/a' }, { key: 'slot' }],
          absent: ['latest/b'],
          index: { context: 'a', scope: 's' },
        }),
        append('inbox/1'),
      ),
      commit(own('run/2', 0, { own: 'acquire', view, claim: [{ key: 'latest/c' }] }, 3)),
      commit(own('task/1', 0, { index: { due: 5_000, owner: 'someone' } })),
    ],
    [commit(own('run/1', 1, {}, 2), append('inbox/1')), commit(own('run/2', 3, { view }, 3)), commit(own('task/1', 1), append('inbox/1'))],
    [commit(own('run/1', 3, { index: { state: 'running' } }, 1, 200)), { forget: 'run/2', through: 4 }],
    // The end of one run and the beginning of the next, which takes over its name.
    [
      commit(own('run/1', 4, { own: 'release', release: ['slot'], index: { live: false } }), append('inbox/1')),
      commit(own('task/1', 2, {}, 2)),
    ],
    [
      commit(own('run/3', 0, { own: 'acquire', claim: [{ key: 'latest/a', from: 'run/1' }, { key: 'slot' }] }, 2), append('inbox/1')),
      commit(own('run/2', 6, {}, 2, 150)),
    ],
    [{ forget: 'run/1' }, commit(own('run/3', 2, {}, 4, 100)), commit(own('task/1', 4, { index: { due: null } }))],
    [{ forget: 'run/2', through: 8 }, commit(own('run/3', 6, { view }, 1, 300), append('inbox/1'))],
    [commit(own('run/3', 7, {}, 3, 200)), commit(own('run/2', 8, { own: 'release', index: { live: false } }))],
    [{ forget: 'run/3', through: 9 }, { forget: 'run/2' }, commit(own('task/1', 5, {}, 1, 200), append('inbox/1'))],
    [commit(own('run/3', 10, {}, 2, 250)), commit(own('task/1', 6, { state: '{"last":true}' }, 2))],
    // What the first segments hold is forgotten but for little, which is moved.
    [{ forget: 'task/1', through: 7 }, commit(own('run/3', 12, {}, 2, 300)), commit(own('run/4', 0, { own: 'acquire' }, 2))],
    [commit(own('run/3', 14, {}, 2, 400)), commit(own('run/4', 2, { own: 'release' }))],
    [{ forget: 'run/3', through: 15 }, commit(own('run/4', 3, { claim: [{ key: 'latest/b' }] }, 1, 400), append('inbox/1'))],
    [commit(own('task/1', 8, {}, 2, 300))],
  ]
}

/** Plays the rounds one after the other. False when the store stopped answering `kept`. */
export async function play(
  adapter: PersistenceAdapter,
  ledger: Ledger,
  rounds: readonly (readonly Operation[])[],
  clock: { now(): number; tick(milliseconds: number): void },
): Promise<boolean> {
  for (const round of rounds) {
    const outcomes = await Promise.all(round.map(operation => ledger.perform(adapter, operation, clock.now())))
    if (outcomes.some(outcome => outcome !== 'kept')) return false
    clock.tick(2_000)
  }
  return true
}

/** Takes over every owned stream, writes a new one, and passes a key on: what a store must be able to do after anything. */
export async function writeOn(adapter: PersistenceAdapter, ledger: Ledger, name: string, now: number): Promise<void> {
  const session = (await adapter.session('writer', 15_000)).id
  const { streams, keys } = ledger.picture()
  const takeovers = Object.entries(streams)
    .filter(([, { session: owner }]) => owner !== undefined)
    .map(([stream, { kind, version }], i): Operation => {
      const id = `${name}-takeover-${i}`
      return { commit: { id, session, changes: [{ stream, kind, expect: version, own: 'acquire', events: eventsOf(id, 0, 1, 10) }] } }
    })
  const from = keys['latest/a']
  const claim = [{ key: 'latest/a', ...(from === undefined ? {} : { from }) }]
  const next: Operation = {
    commit: {
      id: name,
      session,
      changes: [
        { stream: `run/${name}`, kind: 'run', expect: 0, own: 'acquire', events: eventsOf(name, 0, 2, 40), claim },
        { stream: 'inbox/1', kind: 'inbox', expect: 'any', events: eventsOf(name, 1, 1, 20) },
      ],
    },
  }
  for (const operation of [...takeovers, next]) {
    const outcome = await ledger.perform(adapter, operation, now)
    if (outcome !== 'kept') throw new Error(`the store can not be written on: ${outcome}`)
  }
}
