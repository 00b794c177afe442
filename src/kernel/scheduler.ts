import type { Clock } from './port.ts'

/** Something that wants to be woken at a time. */
export interface Sleeper {
  /** Milliseconds since the epoch; null while it wants nothing. */
  due: number | null
  wake(now: number): void
}

/** So many alarms that no longer count are kept at least; beyond, as many as those that count. */
const slack = 64

interface Alarm {
  at: number
  sleeper: Sleeper
}

/**
 * One timer for all that sleeps in this process. Sleepers set their `due` and call {@link arm}; an alarm that no longer is
 * its sleeper's `due` counts for nothing.
 */
export class Scheduler {
  readonly #clock: Clock
  #heap: Alarm[] = []
  /** At this many the heap is cleared of alarms that no longer count. */
  #crowded = 2 * slack
  #timer: unknown
  #armedFor = Number.POSITIVE_INFINITY
  #closed = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Alarms that are held, also those that no longer count. */
  get size(): number {
    return this.#heap.length
  }

  /** Takes note of the sleeper's `due`. */
  arm(sleeper: Sleeper): void {
    if (this.#closed || sleeper.due === null || !Number.isFinite(sleeper.due)) return
    this.#push({ at: sleeper.due, sleeper })
    if (this.#heap.length > this.#crowded) this.#clear()
    this.#set()
  }

  /** Wakes what is due now. A clock that was set forwards makes no timer ring: somebody has to look from time to time. */
  check(): void {
    if (this.#closed) return
    this.#ring()
    // They keep what was parked since in memory.
    const counting = this.#heap.filter(({ at, sleeper }) => sleeper.due === at).length
    if (this.#heap.length > 2 * counting + slack) this.#clear()
  }

  close(): void {
    this.#closed = true
    this.#heap.length = 0
    this.#clock.clearTimeout(this.#timer)
  }

  #set(): void {
    while (this.#heap[0] && this.#heap[0].sleeper.due !== this.#heap[0].at) this.#pop()
    const next = this.#heap[0]?.at ?? Number.POSITIVE_INFINITY
    if (next === this.#armedFor) return
    this.#clock.clearTimeout(this.#timer)
    this.#armedFor = next
    this.#timer = undefined
    if (Number.isFinite(next)) this.#timer = this.#clock.setTimeout(() => this.#ring(), Math.max(0, next - this.#clock.now()))
  }

  #ring(): void {
    this.#armedFor = Number.POSITIVE_INFINITY
    const now = this.#clock.now()
    const ringing: Alarm[] = []
    for (let alarm = this.#heap[0]; alarm && alarm.at <= now; alarm = this.#heap[0]) {
      this.#pop()
      ringing.push(alarm)
    }
    // One that is armed again for a time that has passed waits for the next ring: this one has an end.
    for (const { at, sleeper } of ringing) {
      if (sleeper.due !== at) continue
      sleeper.due = null
      sleeper.wake(now)
    }
    this.#set()
  }

  #clear(): void {
    const counting = new Map(this.#heap.filter(({ at, sleeper }) => sleeper.due === at).map(alarm => [alarm.sleeper, alarm]))
    this.#heap = [...counting.values()].sort((a, b) => a.at - b.at)
    this.#crowded = 2 * Math.max(slack, this.#heap.length)
  }

  #push(alarm: Alarm): void {
    const heap = this.#heap
    let i = heap.length
    heap.push(alarm)
    while (i > 0) {
      const parent = (i - 1) >> 1
      const above = heap[parent] as Alarm
      if (above.at <= alarm.at) break
      heap[i] = above
      i = parent
    }
    heap[i] = alarm
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (!last || heap.length === 0) return
    let i = 0
    for (;;) {
      let child = 2 * i + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && (heap[child + 1] as Alarm).at < (heap[child] as Alarm).at) child++
      if ((heap[child] as Alarm).at >= last.at) break
      heap[i] = heap[child] as Alarm
      i = child
    }
    heap[i] = last
  }
}
