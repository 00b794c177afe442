import type { Claims, ClaimsOptions } from './claims.ts'
import type { Scheduler, Sleeper } from './scheduler.ts'
import { streamsFound } from './streams-found.ts'

export interface WakeupsOptions extends ClaimsOptions {
  scheduler: Scheduler
  claims: Claims
}

/** Has what nobody holds looked at exactly when its earliest deadline is due. None of it is loaded before. */
export class Wakeups implements Sleeper {
  readonly #options: WakeupsOptions
  due: number | null = null
  /** What was due and was not taken over, with the version it had: not asked for before the next sweep, or before it changes. */
  readonly #putOff = new Map<string, number>()
  readonly #unreadable = new Map<string, number>()
  #firing = false
  #asking: Promise<void> | undefined
  #again = false
  #closed = false

  constructor(options: WakeupsOptions) {
    this.#options = options
  }

  /** What was put off counts again. */
  retry(): void {
    this.#putOff.clear()
  }

  /** So does what could not be read: the stream, or any, was written to. */
  changed(stream?: string): void {
    if (stream === undefined) this.#unreadable.clear()
    else this.#unreadable.delete(stream)
  }

  #waits(stream: string, version: number): boolean {
    return this.#putOff.get(stream) === version || this.#unreadable.get(stream) === version
  }

  close(): void {
    this.#closed = true
    this.due = null
  }

  /** Finds the earliest deadline, and sets the alarm for it. */
  ask(): Promise<void> {
    // What is under way may have looked before the change that this is about.
    this.#again = true
    this.#asking ??= this.#ask()
    return this.#asking
  }

  async #ask(): Promise<void> {
    while (this.#again && !this.#closed) {
      this.#again = false
      try {
        this.due = await this.#earliest()
        this.#options.scheduler.arm(this)
      } catch (error) {
        this.#warn('The next deadline could not be read; trying again.', error)
      }
    }
    // Here and not behind the promise: who asks in between would not be heard.
    this.#asking = undefined
  }

  async #earliest(): Promise<number | null> {
    const page = Math.min(1 + this.#putOff.size + this.#unreadable.size, 256)
    for await (const { stream, version, index } of this.#sleeping(Number.MAX_SAFE_INTEGER, page)) {
      if (!this.#options.held(stream) && !this.#waits(stream, version)) return index.due
    }
    return null
  }

  #sleeping(dueUntil: number, page?: number) {
    const { adapter, kinds } = this.#options
    return streamsFound(adapter, { kinds: kinds(), free: true, order: 'due', dueUntil }, page)
  }

  wake(now: number): void {
    // What is under way asks for the next deadline when it is done.
    if (!this.#firing) void this.#fire(now)
  }

  async #fire(now: number): Promise<void> {
    const { held, claims } = this.#options
    this.#firing = true
    try {
      for await (const head of this.#sleeping(now)) {
        if (this.#closed) return
        const { stream, version } = head
        if (held(stream) || this.#waits(stream, version)) continue
        const outcome = await claims.look(head, 'due')
        if (outcome === 'unreadable') this.#unreadable.set(stream, version)
        else if (outcome !== 'taken') this.#putOff.set(stream, version)
      }
    } catch (error) {
      this.#warn('What is due could not be searched for; trying again.', error)
    }
    this.#firing = false
    await this.ask()
  }

  #warn(message: string, error: unknown): void {
    if (!this.#closed) this.#options.environment.logger.warn(message, { error: String(error) })
  }
}
