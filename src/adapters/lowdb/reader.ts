import { setImmediate } from 'node:timers/promises'
import type { Id, Json, ReadPage } from '../../kernel/port.ts'
import type { Head } from '../catalogue/head.ts'
import { checkRange } from '../catalogue/range.ts'
import type { Contents } from './contents.ts'
import { decode } from './decoding.ts'
import { corrupt } from './failures.ts'
import { logName } from './layout.ts'
import { changesOf, decodeLine, extentAt, firstOf, type Line, type LineChange } from './line.ts'
import type { Place } from './place.ts'
import type { Segments } from './segments.ts'
import { type Run, runsOf } from './trail.ts'

/** Fetches texts from the segments. A line that is damaged is named by `STORE_CORRUPT`. */
export interface Reader {
  read(stream: Id, page: ReadPage): Promise<{ events: Json[]; head: number }>
  /** The head that a stream has now, with its state and, when asked for, its view; undefined when there is none. */
  parts(stream: Id, withView: boolean): Promise<Parts | undefined>
  /** The events of one run. */
  events(stream: Id, run: Run): Promise<Json[]>
  /** The text that a line holds as a stream's state or view. */
  text(stream: Id, place: Place, part: 'state' | 'view'): Promise<Json>
}

export interface Parts {
  head: Head
  state: Json | undefined
  view: { through: number; data: Json } | undefined
}

/** Bytes read at once, and bytes of others' lines that are read along rather than left out. */
const rangeBytes = 1024 * 1024
const gapBytes = 16 * 1024
/** After so many bytes of events the event loop gets its turn. */
const turnBytes = 128 * 1024

/** `refresh` is called when a segment is not there any more: its lines were moved, and the contents know or will know where to. */
export function createReader(segments: Segments, contents: () => Contents, refresh: () => Promise<void>): Reader {
  async function bytesOf(place: Place): Promise<Buffer> {
    const bytes = await segments.read(place)
    if (bytes === undefined) throw new Vanished(place)
    return bytes
  }

  /** Looks again when a segment vanished, as long as what was looked for is somewhere else then. */
  async function whileMoving<T>(look: () => Promise<T>): Promise<T> {
    for (let vanished: Place | undefined; ; ) {
      try {
        return await look()
      } catch (error) {
        if (!(error instanceof Vanished)) throw error
        const { segment, offset } = error.place
        if (vanished?.segment === segment && vanished.offset === offset) throw corrupt(logName(segment), offset)
        vanished = error.place
        await refresh()
      }
    }
  }

  async function text(stream: Id, place: Place, part: 'state' | 'view'): Promise<Json> {
    const bytes = await bytesOf(place)
    for (const { line, texts } of linesIn(bytes, place)) {
      for (const { change, at } of changesOf(line, texts)) {
        if (change.stream === stream && change[part] !== undefined) return partIn(bytes, change, at, part)
      }
    }
    throw corrupt(logName(place.segment), place.offset)
  }

  async function collect(stream: Id, runs: readonly Run[], after: number, end: number, maxBytes: number): Promise<Json[]> {
    const events: Json[] = []
    let size = 0
    let turn = 0
    for (let i = 0; i < runs.length; ) {
      const range = rangeFrom(runs, i)
      const bytes = await bytesOf(range.place)
      for (; i < range.next; i++) {
        const { place, last } = runs[i]!
        const offset = place.offset - range.place.offset
        const lines = bytes.subarray(offset, offset + place.length)
        for (const { start, length } of eventsIn(lines, place, stream, after + events.length + 1, Math.min(last, end))) {
          size += length
          if (events.length > 0 && size > maxBytes) return events
          const text = decode(lines, start, length)
          events.push(typeof text === 'string' ? text : await text)
          turn += length
          if (turn < turnBytes) continue
          turn = 0
          await setImmediate()
        }
        if (after + events.length < Math.min(last, end)) throw corrupt(logName(place.segment), place.offset)
      }
    }
    return events
  }

  return {
    read(stream, page) {
      return whileMoving(async () => {
        const entry = contents().catalogue.entry(stream)
        const { head, end } = checkRange(stream, entry?.head, page)
        const { after, maxBytes = Number.POSITIVE_INFINITY } = page
        const runs = after < end ? [...runsOf(entry!.body, after + 1, end)] : []
        return { events: await collect(stream, runs, after, end, maxBytes), head: head.version }
      })
    },

    parts(stream, withView) {
      return whileMoving(async () => {
        const entry = contents().catalogue.entry(stream)
        if (entry === undefined) return undefined
        const { head, body } = entry
        const { state, view } = body
        const [stateText, data] = await Promise.all([
          state && text(stream, state, 'state'),
          withView && view ? text(stream, view.place, 'view') : undefined,
        ])
        return { head, state: stateText, view: data === undefined ? undefined : { through: view!.through, data } }
      })
    },

    events: (stream, run) => collect(stream, [run], run.first - 1, run.last, Number.POSITIVE_INFINITY),
    text,
  }
}

/** The segment was deleted between finding a place in it and reading it. */
class Vanished extends Error {
  readonly place: Place

  constructor(place: Place) {
    super('The segment is gone')
    this.place = place
  }
}

/** The runs from one on that are read at once. */
function rangeFrom(runs: readonly Run[], from: number): { place: Place; next: number } {
  const { segment, offset } = runs[from]!.place
  let end = offset + runs[from]!.place.length
  let next = from + 1
  for (; next < runs.length; next++) {
    const { place } = runs[next]!
    if (place.segment !== segment || place.offset < end || place.offset > end + gapBytes) break
    if (place.offset + place.length - offset > rangeBytes) break
    end = place.offset + place.length
  }
  return { place: { segment, offset, length: end - offset }, next }
}

/** The lines in these bytes, which begin and end with a line. */
function* linesIn(bytes: Buffer, { segment, offset }: Place): Generator<{ line: Line; texts: number }> {
  for (let at = 0; at < bytes.length; ) {
    const extent = extentAt(bytes, at)
    const decoded = typeof extent === 'string' ? undefined : decodeLine(bytes, at, extent)
    if (typeof extent === 'string' || decoded === undefined) throw corrupt(logName(segment), offset + at)
    yield decoded
    at = extent.end
  }
}

/** Where in the bytes the events are. */
function* eventsIn(bytes: Buffer, place: Place, stream: Id, from: number, to: number): Generator<{ start: number; length: number }> {
  for (const { line, texts } of linesIn(bytes, place)) {
    for (const { change, at } of changesOf(line, texts)) {
      if (change.stream !== stream || change.events === undefined) continue
      let number = firstOf(change)
      let start = at + 1
      for (const length of change.events) {
        if (number >= from && number <= to) yield { start, length }
        start += length + 1
        number++
      }
    }
  }
}

function partIn(bytes: Buffer, { events = [], state, view }: LineChange, at: number, part: 'state' | 'view'): Json | Promise<Json> {
  let start = at + 1
  for (const length of events) start += length + 1
  if (part === 'view' && state !== undefined) start += state + 1
  return decode(bytes, start, part === 'state' ? state! : view!)
}
