import type { Json } from '../port.ts'
import type { Entry } from './record.ts'

/** The bytes that all windows of a runtime hold together; beyond the limit the windows written to longest ago give way. */
export class WindowBudget {
  readonly limit: number
  #used = 0
  #turn = 0
  readonly #windows = new Map<Window, number>()

  constructor(limit: number) {
    this.limit = limit
  }

  get used(): number {
    return this.#used
  }

  /** Counts a window's growth and makes room if need be. */
  grew(window: Window, bytes: number): void {
    this.#used += bytes
    this.#windows.set(window, ++this.#turn)
    if (this.#used > this.limit) this.#makeRoom()
  }

  /** Down to nine tenths, so that the next record does not have to do it again. */
  #makeRoom(): void {
    const oldestFirst = [...this.#windows].sort(([, a], [, b]) => a - b)
    for (const [window] of oldestFirst) {
      if (this.#used <= this.limit * 0.9) break
      window.clear()
      this.#windows.delete(window)
    }
  }

  shrank(bytes: number): void {
    this.#used -= bytes
  }

  forget(window: Window): void {
    this.#windows.delete(window)
  }
}

/** Records next to each other. A window is a row of these: dropping one is cheap, and none of the arrays grows long. */
interface Segment {
  /** The number before its first record. */
  after: number
  entries: Entry[]
  bytes: number
}

/** A segment is closed when it holds this many records, or an eighth of the window. */
const segmentRecords = 1024
const segmentShare = 8

/**
 * The most recent records of a stream, bounded in number and in bytes. Older ones are in the store. Records that left the store
 * before they were read make a hole: numbers between two segments that no segment has.
 */
export class Window {
  #segments: Segment[] = []
  #head: number
  #records = 0
  #bytes = 0
  readonly #limits: { windowRecords: number; windowBytes: number }
  readonly #budget: WindowBudget

  constructor(base: number, limits: { windowRecords: number; windowBytes: number }, budget: WindowBudget) {
    this.#head = base
    this.#limits = limits
    this.#budget = budget
  }

  /** The highest number that is no longer here; the first record here is `base + 1`. */
  get base(): number {
    return this.#segments[0]?.after ?? this.#head
  }

  /** The number of the newest record. */
  get head(): number {
    return this.#head
  }

  /** Characters of text of the records here. */
  get bytes(): number {
    return this.#bytes
  }

  /** Adds records behind the head; the length of each one's text is its size. Drops the oldest segments beyond the bounds. */
  push(entries: readonly Entry[], texts: readonly Json[]): void {
    const { windowRecords, windowBytes } = this.#limits
    const most = Math.min(segmentRecords, Math.ceil(windowRecords / segmentShare))
    const mostBytes = windowBytes / segmentShare
    let grown = 0
    let segment = this.#segments.at(-1)
    for (let i = 0; i < entries.length; i++) {
      if (!segment || segment.entries.length >= most || segment.bytes >= mostBytes) {
        segment = { after: this.#head, entries: [], bytes: 0 }
        this.#segments.push(segment)
      }
      const size = texts[i]?.length ?? 0
      segment.entries.push(entries[i])
      segment.bytes += size
      grown += size
      this.#head++
    }
    this.#records += entries.length
    this.#bytes += grown
    this.#trim()
    this.#budget.grew(this, grown)
  }

  /** Leaves a hole up to `head`, behind which the next record goes. */
  skip(head: number): void {
    this.#head = head
    const last = this.#segments.at(-1)
    if (last?.entries.length === 0) last.after = head
    else if (last) this.#segments.push({ after: head, entries: [], bytes: 0 })
  }

  /** The last number of the hole that begins behind `after`. */
  behindHole(after: number): number {
    return this.#segments.find(segment => segment.after > after)?.after ?? this.#head
  }

  /**
   * The records from after + 1 to the end of their segment, none where a hole begins; `after` is not below the base, and below the
   * head.
   */
  after(after: number): readonly Entry[] {
    const segment = this.#segmentOf(after + 1)
    return segment ? segment.entries.slice(after - segment.after) : []
  }

  at(seq: number): Entry {
    const segment = this.#segmentOf(seq)
    return segment?.entries[seq - segment.after - 1]
  }

  #segmentOf(seq: number): Segment | undefined {
    const segments = this.#segments
    let low = 0
    let high = segments.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((segments[middle] as Segment).after < seq) low = middle
      else high = middle - 1
    }
    return segments[low]
  }

  /** Drops everything; the store still has it. */
  clear(): void {
    this.#budget.shrank(this.#bytes)
    this.#segments = []
    this.#records = 0
    this.#bytes = 0
  }

  dispose(): void {
    this.clear()
    this.#budget.forget(this)
  }

  #trim(): void {
    const { windowRecords, windowBytes } = this.#limits
    let gone = 0
    let dropped = 0
    let freed = 0
    for (const segment of this.#segments) {
      if (this.#records - dropped <= windowRecords && this.#bytes - freed <= windowBytes) break
      dropped += segment.entries.length
      freed += segment.bytes
      gone++
    }
    if (gone === 0) return
    this.#segments.splice(0, gone)
    this.#records -= dropped
    this.#bytes -= freed
    this.#budget.shrank(freed)
  }
}
