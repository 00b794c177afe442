import { crc32 } from 'node:zlib'
import type { Id } from '../../kernel/port.ts'
import { type Facts, isCount, isCounts, isFacts, isObject, isText } from './facts.ts'

/** The newest format this code writes, and reads. */
export const format = 1

/**
 * One line of the log: `crc length {header}`, then the texts, a tab before each, then the line's end. The header says how long
 * each text is, so a text is found without parsing it, and may hold anything.
 */
export interface Line {
  /** Lines are numbered from 1 through a segment, without holes. */
  n: number
  /** Up to this number the segment was durable when the line was written: a damaged line among those was acknowledged. */
  d: number
  /** The id of the commit this is; a line that forgets or moves has none. */
  commit?: string
  changes: LineChange[]
  /** Streams that are gone, and the first segment that may still mention them. */
  gone?: [stream: Id, born: number][]
  /** The first line of a segment says whose it is. */
  begins?: { format: number; store: string; segment: number }
}

export interface LineChange extends Facts {
  /** The lengths of the events in bytes; they come first among the change's texts. */
  events?: number[]
  /** The number of the first event, in a line that moves events; otherwise they end with `version`. */
  first?: number
  /** The length of the state. */
  state?: number
  /** The length of the view. */
  view?: number
  /** The version the view is of, when not `version`. */
  through?: number
  /** True: no change of the line's commit, only touched by it. */
  besides?: true
}

const tab = 9
export const newline = 10
const space = 32
export const crcDigits = 8
/** More than any commit can need; a longer length is damage. */
export const longestLine = 128 * 1024 * 1024

/** The extent of the line that begins here: damaged when it can be none, torn when the bytes end before it does. */
export interface Extent {
  body: number
  end: number
}

export function extentAt(bytes: Buffer, at: number): Extent | 'torn' | 'damaged' {
  const digits = at + crcDigits + 1
  if (bytes.length <= digits) return 'torn'
  if (bytes[digits - 1] !== space) return 'damaged'
  let length = 0
  let i = digits
  for (; bytes[i] !== space; i++) {
    const digit = bytes[i]
    if (digit === undefined) return 'torn'
    length = length * 10 + digit - 48
    if (digit < 48 || digit > 57 || length > longestLine) return 'damaged'
  }
  const end = i + 1 + length + 1
  if (i === digits) return 'damaged'
  if (end > bytes.length) return 'torn'
  return bytes[end - 1] === newline ? { body: i + 1, end } : 'damaged'
}

/** A line whose checksum is right and whose header is one. `texts` is where the first tab is. */
export function decodeLine(bytes: Buffer, at: number, { body, end }: Extent): { line: Line; texts: number } | undefined {
  const checksum = Number.parseInt(bytes.toString('latin1', at, at + crcDigits), 16)
  if (checksum !== crc32(bytes.subarray(body, end - 1))) return undefined
  const firstTab = bytes.indexOf(tab, body)
  const texts = firstTab < 0 || firstTab >= end ? end - 1 : firstTab
  let line: unknown
  try {
    line = JSON.parse(bytes.toString('utf8', body, texts))
  } catch {
    return undefined
  }
  return isLine(line) && textBytes(line) === end - 1 - texts ? { line, texts } : undefined
}

/** Where each change's texts are: the offset of the first tab, as `decodeLine` gives it, and what follows from the lengths. */
export function* changesOf(line: Line, texts: number): Generator<{ change: LineChange; at: number }> {
  let at = texts
  for (const change of line.changes) {
    yield { change, at }
    at += changeBytes(change)
  }
}

export const firstOf = (change: LineChange) => change.first ?? change.version - (change.events?.length ?? 0) + 1

function changeBytes({ events, state, view }: LineChange): number {
  let bytes = (state === undefined ? 0 : state + 1) + (view === undefined ? 0 : view + 1)
  if (events !== undefined) for (const length of events) bytes += length + 1
  return bytes
}

/** The bytes of the texts, and of the tabs before them. */
export const textBytes = (line: Line) => line.changes.reduce((bytes, change) => bytes + changeBytes(change), 0)

function isLine(value: unknown): value is Line {
  if (!isObject(value)) return false
  const { n, d, commit, changes, gone, begins } = value
  return (
    isCount(n) &&
    isCount(d) &&
    (commit === undefined || isText(commit)) &&
    Array.isArray(changes) &&
    changes.every(isLineChange) &&
    (gone === undefined || isGone(gone)) &&
    (begins === undefined || (isObject(begins) && isCount(begins.format) && isText(begins.store) && isCount(begins.segment)))
  )
}

function isLineChange(value: unknown): boolean {
  if (!isFacts(value)) return false
  const { events, first, state, view, through }: LineChange = value
  const own = (events === undefined || isCounts(events)) && (first === undefined || isCount(first))
  return (
    own && (state === undefined || isCount(state)) && (view === undefined || isCount(view)) && (through === undefined || isCount(through))
  )
}

export function isGone(value: unknown): value is [Id, number][] {
  return Array.isArray(value) && value.every(pair => Array.isArray(pair) && isText(pair[0]) && isCount(pair[1]))
}
