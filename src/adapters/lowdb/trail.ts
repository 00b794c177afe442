import type { Places } from './facts.ts'
import { firstOf, type LineChange } from './line.ts'
import { type Place, placeOf } from './place.ts'

/** Where in the log the parts of one stream are. No event is kept in memory, and no object per line of events. */
export interface Trail extends Places {
  /** The first segment that may mention the stream; 0 while there is none. */
  born: number
  /** The last line that mentions it: its segment knows the head. */
  last: Place | undefined
  /**
   * Three numbers per run of events: the number of the first, where the lines begin (segment * 2^32 + offset), and their length.
   * A run goes up to the next run's first.
   */
  runs: number[]
  /** The number of the last event in the runs. */
  end: number
  /** True when the runs may not be in the order of the log, because some were moved. */
  scattered: boolean
}

/** A run of events, looked up. */
export interface Run {
  first: number
  last: number
  place: Place
}

const stride = 3
const segmentUnit = 2 ** 32
/** Lines that follow each other in the log and in the stream are one run, up to so many bytes. */
const longestRun = 64 * 1024
/** Lists of runs up to this long are as long as they need to be. */
const fewRuns = 8 * stride

export const emptyTrail = (): Trail => ({ born: 0, last: undefined, state: undefined, view: undefined, runs: [], end: 0, scattered: false })

/** Notes what a line that is durable holds of the stream. */
export function follow(trail: Trail, change: LineChange, place: Place): void {
  const { events, state, stateAt, view, viewAt, kind } = change
  if (trail.born === 0) trail.born = place.segment
  trail.last = place
  if (kind !== undefined) {
    trimRuns(trail, change.version)
    trail.state = stateAt && placeOf(stateAt)
    trail.view = viewAt && { through: viewAt[0], place: placeOf([viewAt[1], viewAt[2], viewAt[3]]) }
  }
  if (state !== undefined) trail.state = place
  if (view !== undefined) trail.view = { through: change.through ?? change.version, place }
  if (events !== undefined && events.length > 0) putRun(trail, firstOf(change), events.length, place)
  if (change.floor !== undefined) dropRuns(trail, change.floor)
}

/** The runs that hold events from `first` to `last`. */
export function* runsOf({ runs }: Trail, first: number, last: number): Generator<Run> {
  for (let i = Math.max(0, indexOf(runs, first)); i < runs.length && runs[i]! <= last; i += stride) {
    const at = runs[i + 1]!
    const segment = Math.floor(at / segmentUnit)
    const end = i + stride < runs.length ? runs[i + stride]! - 1 : last
    yield { first: runs[i]!, last: end, place: { segment, offset: at - segment * segmentUnit, length: runs[i + 2]! } }
  }
}

/** Notes that a line holds `count` events; it takes the place of any that held them before. */
export function putRun(trail: Trail, first: number, count: number, { segment, offset, length }: Place): void {
  const { runs, end } = trail
  const at = segment * segmentUnit + offset
  const size = runs.length
  const next = first + count
  trail.end = Math.max(end, next - 1)
  if (first > end) {
    const follows = size > 0 && first === end + 1 && runs[size - 2]! + runs[size - 1]! === at
    if (follows && runs[size - 1]! < longestRun) runs[size - 1]! += length
    // Pushing makes room for many more, and most streams have few runs.
    else if (size < fewRuns) trail.runs = runs.concat(first, at, length)
    else runs.push(first, at, length)
    return
  }
  trail.scattered = true
  const from = indexOf(runs, first - 1) + stride
  const to = indexOf(runs, next - 1) + stride
  // The run before the gap may go on behind what is put into it.
  const goesOn = to > 0 && (to < size ? runs[to]! > next : end >= next)
  const rest = goesOn ? [next, runs[to - 2]!, runs[to - 1]!] : []
  runs.splice(from, to - from, first, at, length, ...rest)
}

/** The runs that lie in one segment. */
export function runsIn(trail: Trail, segment: number): Run[] {
  const { runs, scattered, end } = trail
  const found: Run[] = []
  for (let i = runs.length - stride, last = end; i >= 0; last = runs[i]! - 1, i -= stride) {
    const at = runs[i + 1]!
    if (Math.floor(at / segmentUnit) === segment) {
      found.push({ first: runs[i]!, last, place: { segment, offset: at - segment * segmentUnit, length: runs[i + 2]! } })
    } else if (!scattered && at < segment * segmentUnit) break
  }
  return found.reverse()
}

/** The bytes of the lines that the trail needs; adds them to the counts of their segments. */
export function countBytes({ runs, last, state, view }: Trail, bytes?: Map<number, number>): number {
  let total = 0
  const add = (segment: number, length: number) => {
    total += length
    bytes?.set(segment, (bytes.get(segment) ?? 0) + length)
  }
  for (let i = 0; i < runs.length; i += stride) add(Math.floor(runs[i + 1]! / segmentUnit), runs[i + 2]!)
  const end = runs.length === 0 ? 0 : runs[runs.length - 2]! + runs[runs.length - 1]!
  const counted = new Set<number>()
  for (const place of [last, state, view?.place]) {
    if (place === undefined) continue
    const at = place.segment * segmentUnit + place.offset
    // Mostly it is the line of the last events.
    if (counted.has(at) || (at < end && at >= runs[runs.length - 2]!)) continue
    counted.add(at)
    add(place.segment, place.length)
  }
  return total
}

function dropRuns({ runs, end }: Trail, floor: number): void {
  let gone = 0
  while (gone < runs.length && (gone + stride < runs.length ? runs[gone + stride]! - 1 : end) <= floor) gone += stride
  runs.splice(0, gone)
}

/** What a stream of the same name held before it was forgotten. */
function trimRuns(trail: Trail, version: number): void {
  const { runs } = trail
  while (runs.length > 0 && runs[runs.length - stride]! > version) runs.length -= stride
  trail.end = Math.min(trail.end, version)
}

/** Where the last run begins whose first is at most the number; a stride below 0 when there is none. */
function indexOf(runs: readonly number[], number: number): number {
  let low = 0
  let high = runs.length / stride
  while (low < high) {
    const middle = (low + high) >>> 1
    if (runs[middle * stride]! <= number) low = middle + 1
    else high = middle
  }
  return (low - 1) * stride
}
