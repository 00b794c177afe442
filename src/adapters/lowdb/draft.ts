import type { Id, Json } from '../../kernel/port.ts'
import type { Entry } from '../catalogue/catalogue.ts'
import type { Head, Plan } from '../catalogue/head.ts'
import { encodeChanged, wholeFacts } from './facts.ts'
import { frame, framedLength, type Line, type LineChange } from './line.ts'
import type { Trail } from './trail.ts'

/** The texts that a line is to hold of one stream. */
export interface Texts {
  events?: readonly Json[]
  state?: Json
  view?: Json
  /** Set when they are moved from an older segment: the number of the first event, and what the view is of. */
  first?: number
  through?: number
}

/** A plan, with what its line needs to know beside it. */
export interface Draft {
  plan: Plan
  /** The id, when it is a commit: the plan's first heads are its changes. */
  commit?: string
  /** One per change, in the order of the plan's heads. */
  texts: readonly Texts[]
  /** Tombstones that are written again. */
  gone?: readonly [stream: Id, born: number][]
}

export interface Encoded {
  line: Line
  text: string
  /** Bytes. */
  length: number
}

interface Moment {
  /** The number of the line, and of the last one that is durable. */
  n: number
  d: number
  segment: number
  entry(stream: Id): Entry<Trail> | undefined
}

/** Makes the line of a draft. Lines of the same batch come before it where they touch the same streams. */
export function encode(draft: Draft, moment: Moment): Encoded {
  const { plan, commit, texts } = draft
  const line: Line = { n: moment.n, d: moment.d, changes: [] }
  let header = `{"n":${line.n},"d":${line.d}`
  if (commit !== undefined) header += `,"commit":${JSON.stringify((line.commit = commit))}`
  let body = ''
  let bytes = 0
  header += ',"changes":['
  for (let i = 0; i < plan.heads.length; i++) {
    const change: LineChange = { stream: plan.heads[i]!.stream, version: plan.heads[i]!.version }
    line.changes.push(change)
    const given = texts[i] ?? {}
    header += i === 0 ? '{' : ',{'
    header += encodeHead(change, given, plan.heads[i]!, plan.before[i], commit !== undefined && i < texts.length, moment)
    if (given.events !== undefined && given.events.length > 0) {
      const lengths = given.events.map(event => Buffer.byteLength(event))
      change.events = lengths
      header += `,"events":[${lengths}]`
      for (const length of lengths) bytes += length + 1
      body += `\t${given.events.length === 1 ? given.events[0]! : given.events.join('\t')}`
    }
    for (const part of ['state', 'view'] as const) {
      const text = given[part]
      if (text === undefined) continue
      change[part] = Buffer.byteLength(text)
      header += `,"${part}":${change[part]}`
      bytes += change[part] + 1
      body += `\t${text}`
    }
    header += '}'
  }
  header += ']'
  line.gone = goneIn(draft, moment)
  if (line.gone !== undefined) header += `,"gone":${JSON.stringify(line.gone)}`
  header += '}'
  bytes += Buffer.byteLength(header)
  return { line, text: frame(header + body, bytes), length: framedLength(bytes) }
}

function encodeHead(
  change: LineChange,
  given: Texts,
  head: Head,
  before: Head | undefined,
  committed: boolean,
  { segment, entry: entryOf }: Moment,
): string {
  const entry = before && entryOf(head.stream)
  const isDurable = entry !== undefined && entry.head === before
  let text: string
  if (before === undefined || (isDurable && entry.body.last!.segment !== segment)) {
    const { last, ...rest } = wholeFacts(head, {
      state: given.state === undefined ? entry?.body.state : undefined,
      view: given.view === undefined ? entry?.body.view : undefined,
    })
    Object.assign(change, committed || last === undefined ? rest : { ...rest, last })
    text = JSON.stringify(change).slice(1, -1)
  } else {
    text = encodeChanged(head, before)
    if (head.floor !== before.floor) change.floor = head.floor
  }
  if (!committed) {
    change.besides = true
    text += ',"besides":true'
  }
  if (given.first !== undefined) text += `,"first":${(change.first = given.first)}`
  if (given.through !== undefined) text += `,"through":${(change.through = given.through)}`
  return text
}

function goneIn({ plan, gone }: Draft, { segment, entry }: Moment): [Id, number][] | undefined {
  if (plan.removed !== undefined) return [[plan.removed, entry(plan.removed)?.body.born ?? segment]]
  return gone && [...gone]
}
