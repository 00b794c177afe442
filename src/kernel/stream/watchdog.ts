import type { Clock } from '../port.ts'

/** Something that may wait for the store. */
export interface Watched {
  /** Since when (milliseconds) an answer is awaited; undefined while none is. */
  readonly since: number | undefined
  /** The grace has passed; called once per wait. */
  overdue(): void
}

/** Finds commits that are not answered in time, with one timer for all of them and none for each. */
export class Watchdog {
  readonly #clock: Clock
  readonly #grace: number
  /** With the wait that was seen last, and since when it counts. */
  readonly #watched = new Map<Watched, { since: number; from: number } | undefined>()
  #timer: unknown

  constructor(clock: Clock, grace: number) {
    this.#clock = clock
    this.#grace = grace
  }

  /** Keeps an eye on it until it is found idle. */
  watch(watched: Watched): void {
    this.#watched.set(watched, undefined)
    if (this.#timer === undefined) this.#arm(this.#grace)
  }

  /** Whether it is still looked at: one that was found idle has to be given again. */
  watches(watched: Watched): boolean {
    return this.#watched.has(watched)
  }

  /** It waits for nothing and never will again: it is not kept until the next look. */
  forget(watched: Watched): void {
    this.#watched.delete(watched)
  }

  close(): void {
    this.#clock.clearTimeout(this.#timer)
    this.#watched.clear()
  }

  #arm(delay: number): void {
    this.#timer = this.#clock.setTimeout(() => this.#look(), delay)
  }

  #look(): void {
    this.#timer = undefined
    const now = this.#clock.now()
    let next = Number.POSITIVE_INFINITY
    for (const [watched, seen] of [...this.#watched]) {
      const { since } = watched
      // At the latest from the first look: a clock that was set back makes nobody wait for longer.
      const from = since === undefined ? now : Math.min(now, seen?.since === since ? seen.from : since)
      if (since === undefined || from + this.#grace <= now) {
        this.#watched.delete(watched)
        if (since !== undefined) watched.overdue()
      } else {
        this.#watched.set(watched, { since, from })
        next = Math.min(next, from + this.#grace)
      }
    }
    if (next !== Number.POSITIVE_INFINITY) this.#arm(next - now)
  }
}
