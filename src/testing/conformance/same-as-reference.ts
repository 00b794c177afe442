import assert from 'node:assert/strict'
import { isLifechartError } from '../../errors.ts'
import type { Query, StreamHead } from '../../kernel/port.ts'
import type { Case } from './case.ts'
import { pool } from './operations.ts'
import { type ReferenceStore, Refusal } from './reference.ts'
import { refused } from './refused.ts'

const queries: Omit<Query, 'limit'>[] = [
  {},
  { order: 'changed' },
  { order: 'changed', descending: true },
  { order: 'due' },
  { order: 'due', dueUntil: 2 },
  { kinds: ['run'], where: { live: true } },
  { where: { scope: 's', owner: '' } },
  { orphaned: true },
  { free: true, where: { state: 'open' } },
]

/** Compares everything that a store shows with what the reference shows. */
export async function sameAsReference(at: Case, reference: ReferenceStore): Promise<void> {
  for (const stream of pool.streams) await sameStream(at, reference, stream)
  for (const key of pool.keys) {
    assert.deepEqual((await at.adapter.load({ key }))?.stream, reference.load({ key })?.stream, `the holder of ${key}`)
  }
  for (const query of queries) {
    assert.deepEqual(await paged(at, query), reference.query(query), `the answer to ${JSON.stringify(query)}`)
  }
}

async function sameStream(at: Case, reference: ReferenceStore, stream: string): Promise<void> {
  const expected = reference.load(stream)
  assert.deepEqual(await at.adapter.load(stream), expected, `what is stored of ${stream}`)
  if (!expected) return refused(at.adapter.read(stream, { after: 0, limit: 1 }), 'STREAM_NOT_FOUND')
  const { floor, version } = expected
  assert.deepEqual(await at.events(stream, floor), reference.read(stream, floor).events, `the events of ${stream}`)
  if (floor > 0) await refused(at.adapter.read(stream, { after: floor - 1, limit: 1 }), 'GAP', { floor })
  await refused(at.adapter.read(stream, { after: version + 1, limit: 1 }), 'CURSOR_AHEAD', { head: version })
}

async function paged(at: Case, query: Omit<Query, 'limit'>): Promise<readonly StreamHead[]> {
  const items: StreamHead[] = []
  let cursor: string | undefined
  do {
    const page = await at.adapter.query({ ...query, limit: 2, cursor })
    items.push(...page.items)
    assert.ok(items.length <= pool.streams.length, `pages of ${JSON.stringify(query)} show each stream once`)
    cursor = page.next
  } while (cursor)
  return items
}

/** Compares one answer, or refusal, of an adapter with that of the reference. */
export async function sameAnswer<T>(call: Promise<T>, expected: () => T): Promise<void> {
  let reference: { answer: T } | { refusal: Refusal }
  try {
    reference = { answer: expected() }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    reference = { refusal: error }
  }
  const outcome = await call.then(
    answer => ({ answer }),
    (error: unknown) => ({ error }),
  )
  if ('answer' in reference) {
    if ('error' in outcome) throw outcome.error
    assert.deepEqual(outcome.answer, reference.answer)
    return
  }
  const { refusal } = reference
  assert.ok('error' in outcome, `not refused: ${refusal.message}`)
  const { error } = outcome
  if (!isLifechartError(error)) throw error
  const applies = refusal.reasons.some(({ code, details }) => {
    return code === error.code && Object.entries(details).every(([name, value]) => error.details[name] === value)
  })
  assert.ok(applies, `refused with ${error.code} ${JSON.stringify(error.details)} instead of ${refusal.message}`)
}
