import { LifechartError } from '../../errors.ts'
import type { Change, Commit, Id, Index } from '../../kernel/port.ts'
import { type Head, noKeys, type Plan, type World } from './head.ts'
import { checkId } from './ids.ts'
import { stageKeys, touchesKeys } from './keys.ts'
import { invalid } from './shape.ts'

/** What staging asks besides the world. */
export interface Moment {
  now: number
  alive(session: Id): boolean
}

/** Decides one commit whose shape is good: a plan, or the typed refusal of the first rule it breaks. Changes nothing. */
export function stageCommit(world: World, commit: Commit, moment: Moment): Plan {
  const { changes, session } = commit
  const { now } = moment
  const before: (Head | undefined)[] = []
  for (let i = 0; i < changes.length; i++) {
    const head = world.head(changes[i]!.stream)
    if (head?.last?.id === commit.id) return answered(head.last.versions)
    before.push(head)
  }
  for (let i = 0; i < changes.length; i++) checkVersion(changes[i]!.expect, changes[i]!.stream, before[i])
  checkKinds(changes, before)
  for (let i = 0; i < changes.length; i++) checkOwner(changes[i]!, before[i], session, moment)

  const versions: number[] = []
  for (let i = 0; i < changes.length; i++) versions.push((before[i]?.version ?? 0) + (changes[i]!.events?.length ?? 0))
  // The caller gets a list of its own: nobody changes what is remembered.
  const last = { id: commit.id, versions: [...versions] }
  const heads: Head[] = []
  for (let i = 0; i < changes.length; i++) {
    const change = changes[i]!
    const head = before[i]
    heads.push({
      stream: change.stream,
      kind: change.kind,
      version: versions[i]!,
      floor: head?.floor ?? 0,
      session: change.own === undefined ? head?.session : change.own === 'acquire' ? session : undefined,
      index: nextIndex(head?.index, change, now),
      keys: head?.keys ?? [],
      last,
    })
  }
  const plan = { versions, repeated: false, heads, before, keys: noKeys }
  return touchesKeys(changes) ? { ...plan, ...stageKeys(world, changes, heads, before) } : plan
}

const answered = (versions: readonly number[]): Plan => ({
  versions: [...versions],
  repeated: true,
  heads: [],
  before: [],
  keys: noKeys,
})

/** Decides a forgetting; undefined when there is nothing to forget. */
export function stageForget(world: World, stream: Id, { through, expect }: { through?: number; expect?: number }): Plan | undefined {
  checkId(stream, 'stream id')
  for (const number of [through, expect]) {
    if (number !== undefined && !(Number.isSafeInteger(number) && number >= 0))
      throw invalid('`through` and `expect` are numbers of events.')
  }
  const head = world.head(stream)
  if (expect !== undefined) checkVersion(expect, stream, head)
  if (head === undefined) return undefined
  const plan = { versions: [], repeated: false, before: [head] }
  if (through === undefined) {
    return { ...plan, heads: [], keys: new Map(head.keys.map(key => [key, undefined])), removed: stream }
  }
  const floor = Math.min(through, head.version)
  return floor <= head.floor ? undefined : { ...plan, heads: [{ ...head, floor }], keys: noKeys }
}

function checkVersion(expect: number | 'any', stream: Id, head: Head | undefined): void {
  const version = head?.version ?? 0
  if (expect === 'any' || (expect === version && !(expect === 0 && head !== undefined))) return
  throw new LifechartError('VERSION_CONFLICT', 'The stream is at another version; load it and decide again.', {
    details: { stream, version },
  })
}

function checkKinds(changes: readonly Change[], before: readonly (Head | undefined)[]): void {
  let owned = 0
  for (let i = 0; i < changes.length; i++) {
    const { stream, kind, own } = changes[i]!
    const head = before[i]
    if (head !== undefined && head.kind !== kind)
      throw invalid('The kind of a stream is fixed when it is created.', { stream, kind: head.kind })
    if ((head?.session !== undefined || own === 'acquire') && ++owned > 1) {
      throw invalid('At most one change of a commit touches an owned stream.', { stream })
    }
  }
}

function checkOwner({ stream, own }: Change, head: Head | undefined, session: Id | undefined, { alive }: Moment): void {
  if (own === 'acquire' && !alive(session!)) {
    throw new LifechartError('SESSION_LOST', 'The session that wants the stream has ended; open a new one.', { details: { session } })
  }
  const owner = head?.session
  if (owner === undefined || owner === session || (own === 'acquire' && !alive(owner))) return
  throw new LifechartError('OWNED', 'The stream is owned by another session.', { details: { stream, session: owner } })
}

function nextIndex(before: Index | undefined, { index }: Change, now: number): Index {
  if (index === undefined && before !== undefined) {
    const { scope, owner, context, parent, state, live, created, due } = before
    return { scope, owner, context, parent, state, live, created, changed: now, due }
  }
  return {
    scope: index?.scope ?? before?.scope ?? '',
    owner: index?.owner ?? before?.owner ?? '',
    context: index?.context ?? before?.context ?? '',
    parent: index?.parent ?? before?.parent ?? '',
    state: index?.state ?? before?.state ?? '',
    live: index?.live ?? before?.live ?? true,
    created: index?.created ?? before?.created ?? now,
    changed: index?.changed ?? now,
    due: index?.due !== undefined ? index.due : (before?.due ?? null),
  }
}
