import type { Deadline } from '../stream/record.ts'
import { deadlinesAfter, earliest, type Recorded } from './decision.ts'

export type DeadlineEntries = Readonly<Record<string, Deadline>>

const none: DeadlineEntries = Object.freeze({})

/** The committed deadlines of a lifecycle, by id. */
export class Deadlines {
  #entries: DeadlineEntries
  /** Those whose event is queued already. */
  #woken: WeakSet<Deadline> | undefined

  constructor(entries: DeadlineEntries = none) {
    this.#entries = entries
  }

  get entries(): DeadlineEntries {
    return this.#entries
  }

  /** The earliest one that is not being worked on (milliseconds). */
  get next(): number | null {
    return earliest(this.#entries, this.#woken)
  }

  /** What a step makes of them; `fired` is the one that became the step. */
  after(step: { active: boolean; actions: readonly Recorded[]; now: number; seq: number; fired: string | undefined }): DeadlineEntries {
    if (!step.active) return none
    const after = deadlinesAfter(this.#entries, step.actions, step.now, step.seq)
    const { fired } = step
    return fired !== undefined && after[fired] === this.#entries[fired] ? without(after, fired) : after
  }

  /** As they are when one has passed and was not taken. */
  without(id: string): DeadlineEntries {
    return without(this.#entries, id)
  }

  commit(entries: DeadlineEntries): void {
    this.#entries = entries
  }

  /** True while the entry is still the armed one: a timer that lost a race against a command is not. */
  armed(id: string, deadline: Deadline): boolean {
    return this.#entries[id] === deadline
  }

  /** Takes what is due, in order of time, each once. */
  takeDue(now: number): [id: string, deadline: Deadline][] {
    const woken = (this.#woken ??= new WeakSet())
    const due = Object.entries(this.#entries).filter(([, deadline]) => deadline.at <= now && !woken.has(deadline))
    for (const [, deadline] of due) woken.add(deadline)
    return due.sort(([, a], [, b]) => a.at - b.at)
  }
}

function without(entries: DeadlineEntries, id: string): DeadlineEntries {
  const { [id]: _, ...rest } = entries
  return Object.freeze(rest)
}
