import type { Id, Index } from '../../kernel/port.ts'
import type { Head, LastCommit } from '../catalogue/head.ts'
import { type Place, type PlaceParts, partsOf } from './place.ts'

/**
 * What a line says about the head of a stream. With `kind` it says everything, and what is left out has its default; without,
 * only what differs from the line before. A stream's first line in a segment says everything, so the last segment that mentions
 * a stream knows its head without the others.
 */
export interface Facts {
  stream: Id
  version: number
  kind?: string
  floor?: number
  /** Null: nobody's. */
  session?: Id | null
  index?: Partial<Index>
  keys?: Id[]
  /** Set when the line is not the stream's last commit itself. */
  last?: [id: string, versions: number[]]
  /** The line that holds its state, when this one does not. */
  stateAt?: PlaceParts
  /** The line that holds its view, when this one does not. */
  viewAt?: readonly [through: number, ...PlaceParts]
}

const noIndex: Index = { scope: '', owner: '', context: '', parent: '', state: '', live: true, created: 0, changed: 0, due: null }
const fields = Object.keys(noIndex) as (keyof Index)[]

/** The members of the JSON object that tells how a head differs from the one before, without braces; most lines of a log are this. */
export function encodeChanged(head: Head, before: Head): string {
  let text = `"stream":${JSON.stringify(head.stream)},"version":${head.version}`
  if (head.floor !== before.floor) text += `,"floor":${head.floor}`
  if (head.session !== before.session) text += `,"session":${JSON.stringify(head.session ?? null)}`
  if (head.index !== before.index) text += encodeIndex(head.index, before.index)
  if (head.keys !== before.keys) text += `,"keys":${JSON.stringify(head.keys)}`
  return text
}

/** Where the state and the view of a stream are. */
export interface Places {
  state: Place | undefined
  view: { through: number; place: Place } | undefined
}

/** All of a head, and where its state and view are, unless the line itself holds them. */
export function wholeFacts(head: Head, { state, view }: Places): Facts {
  const { stream, version, kind, floor, session, keys, last } = head
  const facts: Facts = { stream, version, kind, index: unusual(head.index) }
  if (floor > 0) facts.floor = floor
  if (session !== undefined) facts.session = session
  if (keys.length > 0) facts.keys = [...keys]
  if (last !== undefined) facts.last = [last.id, [...last.versions]]
  if (state !== undefined) facts.stateAt = partsOf(state)
  if (view !== undefined) facts.viewAt = [view.through, ...partsOf(view.place)]
  return facts
}

/** Spelled out field by field: it runs for each line of the log. */
function encodeIndex(index: Index, before: Index): string {
  const text =
    member('scope', index.scope, before.scope) +
    member('owner', index.owner, before.owner) +
    member('context', index.context, before.context) +
    member('parent', index.parent, before.parent) +
    member('state', index.state, before.state) +
    member('live', index.live, before.live) +
    member('created', index.created, before.created) +
    member('changed', index.changed, before.changed) +
    member('due', index.due, before.due)
  return text === '' ? '' : `,"index":{${text.slice(1)}}`
}

function member<Value>(name: keyof Index, value: Value, before: Value): string {
  return value === before ? '' : `,"${name}":${typeof value === 'string' ? JSON.stringify(value) : value}`
}

function unusual(index: Index): Partial<Index> {
  return Object.fromEntries(fields.filter(field => index[field] !== noIndex[field]).map(field => [field, index[field]]))
}

/** The head after these facts; undefined when they build on a head that is not there. */
export function headAfter(facts: Facts, headOf: (stream: Id) => Head | undefined, commit: LastCommit | undefined): Head | undefined {
  const { stream, version, kind, floor, session, index, keys, last } = facts
  const said = last === undefined ? commit : { id: last[0], versions: last[1] }
  if (kind !== undefined) {
    const whole = { ...noIndex, ...index }
    return { stream, kind, version, floor: floor ?? 0, session: session ?? undefined, index: whole, keys: keys ?? [], last: said }
  }
  const before = headOf(stream)
  if (before === undefined) return undefined
  return {
    stream,
    kind: before.kind,
    version,
    floor: floor ?? before.floor,
    session: session === undefined ? before.session : (session ?? undefined),
    index: index === undefined ? before.index : { ...before.index, ...index },
    keys: keys ?? before.keys,
    last: said ?? before.last,
  }
}

/** The log is input: anything may stand in it. */
export function isFacts(value: unknown): value is Facts {
  if (!isObject(value)) return false
  const { stream, version, kind, floor, session, index, keys, last, stateAt, viewAt } = value
  return (
    isText(stream) &&
    isCount(version) &&
    (kind === undefined || isText(kind)) &&
    (floor === undefined || isCount(floor)) &&
    (session === undefined || session === null || isText(session)) &&
    (index === undefined || isIndex(index)) &&
    (keys === undefined || (Array.isArray(keys) && keys.every(isText))) &&
    (last === undefined || (Array.isArray(last) && isText(last[0]) && isCounts(last[1]))) &&
    (stateAt === undefined || (isCounts(stateAt) && stateAt.length === 3)) &&
    (viewAt === undefined || (isCounts(viewAt) && viewAt.length === 4))
  )
}

function isIndex(value: unknown): boolean {
  if (!isObject(value)) return false
  for (const field in value) {
    if (!Object.hasOwn(noIndex, field)) return false
    const given = value[field]
    if (typeof given !== typeof noIndex[field as keyof Index] && !(field === 'due' && typeof given === 'number')) return false
  }
  return true
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
export const isText = (value: unknown): value is string => typeof value === 'string'
export const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
export const isCounts = (value: unknown): value is number[] => Array.isArray(value) && value.every(isCount)
