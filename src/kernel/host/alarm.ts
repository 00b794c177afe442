import type { Scheduler, Sleeper } from '../scheduler.ts'
import type { Deadline } from '../stream/record.ts'
import type { Deadlines } from './deadlines.ts'

/** Wakes a host at the earliest deadline of its chart, or before that for a limit that is not the chart's. */
export class Alarm implements Sleeper {
  due: number | null = null
  /** When the limit is reached (milliseconds), or null. */
  limit: (() => number | null) | undefined
  onLimit: ((now: number) => void) | undefined
  readonly #deadlines: Deadlines
  readonly #scheduler: Scheduler
  readonly #fire: (id: string, deadline: Deadline) => void
  #off = false

  constructor(deadlines: Deadlines, scheduler: Scheduler, fire: (id: string, deadline: Deadline) => void) {
    this.#deadlines = deadlines
    this.#scheduler = scheduler
    this.#fire = fire
  }

  wake(now: number): void {
    for (const [id, deadline] of this.#deadlines.takeDue(now)) this.#fire(id, deadline)
    this.onLimit?.(now)
    this.set()
  }

  /** Takes note of a changed {@link limit} or of changed deadlines. */
  set(): void {
    if (this.#off) return
    const deadline = this.#deadlines.next
    const limit = this.limit?.() ?? null
    const due = deadline === null ? limit : limit === null ? deadline : Math.min(deadline, limit)
    if (due === this.due) return
    this.due = due
    this.#scheduler.arm(this)
  }

  /** For good: nothing runs here any more. */
  off(): void {
    this.#off = true
    this.due = null
  }
}
