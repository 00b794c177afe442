import type { Index } from '../../kernel/port.ts'
import type { Arbitrary, FastCheck } from './fast-check.ts'

/** Few of each, so that operations meet. */
export const pool = {
  streams: ['a', 'b', 'é', 'e\u0301', '__proto__', 'A'],
  keys: ['k', 'K', '../k', 'constructor'],
} as const

/** A change as it is thought up: its version, session and ids are filled in when it is done. */
export interface RandomChange {
  stream: string
  expect: 'any' | 'stored' | 'none' | 'wrong'
  events: string[]
  kind?: 'other'
  own?: 'acquire' | 'release'
  state?: string
  view?: string
  index?: Partial<Index>
  claim?: { key: string; from?: string }[]
  release?: string[]
  absent?: string[]
}

/** Who writes: whoever owns the first owned stream of the commit, or one counted back from the latest session, or nobody. */
export type Writer = 'owner' | number | 'nobody'

export type Operation =
  | { do: 'commit'; by: Writer; changes: RandomChange[] }
  | { do: 'commit together'; by: Writer; changes: RandomChange[] }
  | { do: 'repeat'; back: number }
  | { do: 'forget'; stream: string; through?: number; expect?: 'stored' | 'wrong' }
  | { do: 'open session'; ttl: number }
  | { do: 'renew session'; session: number }
  | { do: 'end session'; session: number }
  | { do: 'pass'; milliseconds: number }
  | { do: 'reopen' }
  | { do: 'crash'; by: Writer; changes: RandomChange[] }

export function randomOperationsOf(fc: FastCheck, { crashes }: { crashes: boolean }): Arbitrary<Operation[]> {
  const stream = fc.constantFrom(...pool.streams)
  const key = fc.constantFrom(...pool.keys)
  const text = fc.constantFrom('1', '"\\u0000"', '{"é":"\u2028"}', '1e400', '[[[]]]', '{"a":1,"a":2}')
  const session = fc.integer({ min: 0, max: 2 })
  const by = weighted<Writer>(fc, [6, 'owner'], [4, 0], [1, 1], [1, 'nobody'])
  const index = optional(fc, {
    scope: fc.constantFrom('', 's', 'S'),
    owner: fc.constantFrom('', 'me'),
    state: fc.constantFrom('open', 'closed'),
    live: fc.constantFrom(true, false),
    created: fc.integer({ min: 0, max: 9 }),
    changed: fc.integer({ min: 0, max: 9 }),
    due: fc.constantFrom<number | null>(null, 1, 2, 3),
  })
  const claim = optional(fc, { key, from: stream }, ['key'])
  const change = optional(
    fc,
    {
      stream,
      expect: weighted(fc, [6, 'any'], [6, 'stored'], [2, 'none'], [1, 'wrong']),
      events: fc.oneof(
        { weight: 6, arbitrary: fc.array(text, { minLength: 1, maxLength: 4 }) },
        { weight: 1, arbitrary: fc.array(text, { maxLength: 0 }) },
      ),
      kind: weighted(fc, [20, undefined], [1, 'other']),
      own: weighted(fc, [14, undefined], [4, 'acquire'], [1, 'release']),
      state: text,
      view: text,
      index,
      claim: fc.array(claim, { maxLength: 2 }),
      release: fc.array(key, { maxLength: 2 }),
      absent: fc.array(key, { maxLength: 1 }),
    },
    ['stream', 'expect', 'events', 'own'],
  ) as Arbitrary<RandomChange>
  const operation = (fields: Record<string, Arbitrary<unknown>>, required = Object.keys(fields)) =>
    optional(fc, fields, required) as Arbitrary<Operation>
  const named = (name: Operation['do']) => fc.constantFrom<string>(name)
  const several = fc.array(change, { minLength: 1, maxLength: 6 })

  const choices = [
    { weight: 12, arbitrary: operation({ do: named('commit'), by, changes: fc.array(change, { minLength: 1, maxLength: 3 }) }) },
    { weight: 3, arbitrary: operation({ do: named('commit together'), by, changes: several }) },
    { weight: 3, arbitrary: operation({ do: named('repeat'), back: fc.integer({ min: 1, max: 6 }) }) },
    {
      weight: 2,
      arbitrary: operation(
        { do: named('forget'), stream, through: fc.integer({ min: 0, max: 12 }), expect: fc.constantFrom('stored', 'wrong') },
        ['do', 'stream'],
      ),
    },
    // A ttl is odd and what passes is even: nothing ever happens in the very millisecond in which a session lapses.
    { weight: 3, arbitrary: operation({ do: named('open session'), ttl: fc.constantFrom(1001, 3001) }) },
    { weight: 2, arbitrary: operation({ do: named('renew session'), session }) },
    { weight: 1, arbitrary: operation({ do: named('end session'), session }) },
    { weight: 3, arbitrary: operation({ do: named('pass'), milliseconds: fc.constantFrom(2, 600, 1500) }) },
    { weight: 1, arbitrary: operation({ do: named('reopen') }) },
  ]
  if (crashes) choices.push({ weight: 1, arbitrary: operation({ do: named('crash'), by, changes: several }) })
  return fc.array(fc.oneof(...choices), { minLength: 1, maxLength: 60, size: 'max' })
}

function weighted<T>(fc: FastCheck, ...choices: [number, T][]): Arbitrary<T> {
  return fc.oneof(...choices.map(([weight, value]) => ({ weight, arbitrary: fc.constantFrom(value) })))
}

function optional(fc: FastCheck, fields: Record<string, Arbitrary<unknown>>, requiredKeys: string[] = []): Arbitrary<unknown> {
  return fc.record(fields, { requiredKeys })
}
