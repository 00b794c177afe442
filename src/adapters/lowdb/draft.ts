import type { Id, Json } from '../../kernel/port.ts'
import type { Entry } from '../catalogue/entry.ts'
import type { Head, Plan } from '../catalogue/head.ts'
import { encodeChanged, wholeFacts } from './facts.ts'
import { addText, type Framed, frame } from './framing.ts'
import { type Line, type LineChange, textBytes } from './line.ts'
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

export interface Encoded extends Framed {
  line: Line
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
  const pieces = ['']
  header += ',"changes":['
  for (let i = 0; i < plan.heads.length; i++) {
    const head = plan.heads[i]!
    const given = texts[i] ?? nothing
    const { events, state, view } = given
    const change: LineChange = { stream: head.stream, version: head.version }
    line.changes.push(change)
    header += i === 0 ? '{' : ',{'
    header += encodeHead(change, given, head, plan.before[i], commit !== undefined && i < texts.length, moment)
    if (events !== undefined && events.length > 0) {
      change.events = events.map(lengthOf)
      header += `,"events":[${change.events.join()}]`
      addText(pieces, events.length === 1 ? events[0]! : events.join('\t'))
    }
    if (state !== undefined) {
      header += `,"state":${(change.state = lengthOf(state))}`
      addText(pieces, state)
    }
    if (view !== undefined) {
      header += `,"view":${(change.view = lengthOf(view))}`
      addText(pieces, view)
    }
    header += '}'
  }
  header += ']'
  line.gone = goneIn(draft, moment)
  if (line.gone !== undefined) header += `,"gone":${JSON.stringify(line.gone)}`
  header += '}'
  pieces[0] = header + pieces[0]
  return { line, ...frame(pieces, Buffer.byteLength(header) + textBytes(line)) }
}

const nothing: Texts = {}
const lengthOf = (text: string) => Buffer.byteLength(text)

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
