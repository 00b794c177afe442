import type { Json } from '../port.ts'
import type { Entry } from './record.ts'

/** The bytes that all windows of a runtime hold together; the window written to longest ago gives way first. */
export class WindowBudget {
  readonly limit: number
  #used = 0
  readonly #windows = new Set<Window>()

  constructor(limit: number) {
    this.limit = limit
  }

  get used(): number {
    return this.#used
  }

  /** Counts a window's growth and makes room if need be. */
  grew(window: Window, bytes: number): void {
    this.#used += bytes
    this.#windows.delete(window)
    this.#windows.add(window)
    for (const oldest of this.#windows) {
      if (this.#used <= this.limit) break
      oldest.clear()
      this.#windows.delete(oldest)
    }
  }

  shrank(bytes: number): void {
    this.#used -= bytes
  }

  forget(window: Window): void {
    this.#windows.delete(window)
  }
}

/** The most recent records of a stream, bounded in number and in bytes. Older ones are in the store. */
export class Window {
  /** The highest number that is no longer here; the first record here is `base + 1`. */
  base: number
  #entries: Entry[] = []
  #sizes: number[] = []
  #start = 0
  #bytes = 0
  readonly #limits: { windowRecords: number; windowBytes: number }
  readonly #budget: WindowBudget

  constructor(base: number, limits: { windowRecords: number; windowBytes: number }, budget: WindowBudget) {
    this.base = base
    this.#limits = limits
    this.#budget = budget
  }

  /** The number of the newest record. */
  get head(): number {
    return this.base + this.#entries.length - this.#start
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Adds records behind the head; the length of each one's text is its size. Drops the oldest beyond the bounds. */
  push(entries: readonly Entry[], texts: readonly Json[]): void {
    let grown = 0
    for (let i = 0; i < entries.length; i++) {
      this.#entries.push(entries[i])
      const size = texts[i]?.length ?? 0
      this.#sizes.push(size)
      grown += size
    }
    this.#bytes += grown
    this.#trim()
    this.#budget.grew(this, grown)
  }

  /** The records numbered after + 1 … to; both within the window. */
  slice(after: number, to: number): readonly Entry[] {
    return this.#entries.slice(this.#start + after - this.base, this.#start + to - this.base)
  }

  at(seq: number): Entry {
    return this.#entries[this.#start + seq - this.base - 1]
  }

  /** Drops everything; the store still has it. */
  clear(): void {
    this.base = this.head
    this.#budget.shrank(this.#bytes)
    this.#entries = []
    this.#sizes = []
    this.#start = 0
    this.#bytes = 0
  }

  dispose(): void {
    this.clear()
    this.#budget.forget(this)
  }

  #trim(): void {
    const { windowRecords, windowBytes } = this.#limits
    let freed = 0
    while (this.#entries.length - this.#start > windowRecords || this.#bytes - freed > windowBytes) {
      freed += this.#sizes[this.#start] ?? 0
      this.#entries[this.#start] = undefined
      this.#start++
      this.base++
    }
    this.#bytes -= freed
    if (freed > 0) this.#budget.shrank(freed)
    // Shifting an array at each record would cost more than the record; the dropped half is cut off at once instead.
    if (this.#start > 256 && this.#start * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#start)
      this.#sizes = this.#sizes.slice(this.#start)
      this.#start = 0
    }
  }
}
