import { LifechartError } from '../../errors.ts'
import type { Change, Id } from '../../kernel/port.ts'
import type { Head, Plan, World } from './head.ts'

export const touchesKeys = (changes: readonly Change[]) => changes.some(({ claim, release, absent }) => claim ?? release ?? absent)

/**
 * Decides the keys of a commit: what it releases is free for the rest of it, what must be absent is judged before its claims.
 * Streams that lose a key to it are appended to the heads. Throws `KEY_TAKEN` or `KEY_PRESENT`.
 */
export function stageKeys(
  world: World,
  changes: readonly Change[],
  heads: readonly Head[],
  before: readonly (Head | undefined)[],
): Pick<Plan, 'heads' | 'before' | 'keys'> {
  const keys = new Map<Id, Id | undefined>()
  const holder = (key: Id) => (keys.has(key) ? keys.get(key) : world.holder(key))
  for (const { stream, release = [] } of changes) {
    for (const key of release) if (world.holder(key) === stream) keys.set(key, undefined)
  }
  const present = changes.flatMap(change => change.absent ?? []).find(key => holder(key) !== undefined)
  const presentHolder = present === undefined ? undefined : holder(present)
  for (const { stream, claim = [] } of changes) {
    for (const { key, from } of claim) {
      const held = holder(key)
      if (held !== undefined && held !== stream && held !== from) {
        throw new LifechartError('KEY_TAKEN', 'The key names another stream.', { details: { key, holder: held } })
      }
      keys.set(key, stream)
    }
  }
  if (present !== undefined) {
    throw new LifechartError('KEY_PRESENT', 'A key that must not exist does.', { details: { key: present, holder: presentHolder } })
  }
  return { ...handOver(world, keys, heads, before), keys }
}

function handOver(
  world: World,
  keys: ReadonlyMap<Id, Id | undefined>,
  heads: readonly Head[],
  before: readonly (Head | undefined)[],
): Pick<Plan, 'heads' | 'before'> {
  const former = new Map(heads.map((head, i) => [head.stream, before[i]]))
  const after = new Map(heads.map(head => [head.stream, head]))
  for (const [key, holder] of keys) {
    const held = world.holder(key)
    if (held === holder) continue
    if (held !== undefined) {
      const loser = after.get(held) ?? world.head(held)!
      if (!former.has(held)) former.set(held, loser)
      after.set(held, { ...loser, keys: loser.keys.filter(other => other !== key) })
    }
    if (holder !== undefined) {
      const winner = after.get(holder)!
      // Not by spreading, which makes room for many more.
      after.set(holder, { ...winner, keys: winner.keys.concat(key) })
    }
  }
  return { heads: [...after.values()], before: [...former.values()] }
}
