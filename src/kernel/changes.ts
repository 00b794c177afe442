import type { Clock } from './port.ts'

/** Milliseconds. What is written to more often than this is at work where it is. */
const pause = 500

export interface ChangesOptions {
  clock: Clock
  /** More than so many are not remembered one by one. */
  most: number
  /** Something changed; called at most twice a second. */
  onNews(): void
  /** Called for one stream after the other, once it has been quiet. */
  look(stream: string): Promise<void>
  /** There were too many; they are forgotten. */
  onCrowd(): void
}

/** The streams that others write to: each is looked at once it has been quiet for {@link pause}, or up to twice as long. */
export class Changes {
  readonly #options: ChangesOptions
  /** Changed since the last tick; before it, and not since; before that, and not looked at yet. */
  #fresh = new Set<string>()
  #quiet = new Set<string>()
  readonly #waiting = new Set<string>()
  #looking = false
  #timer: unknown

  constructor(options: ChangesOptions) {
    this.#options = options
  }

  /** False if the stream is among them already. */
  add(stream: string): boolean {
    const known = this.#waiting.delete(stream) || this.#quiet.delete(stream) || this.#fresh.has(stream)
    this.#fresh.add(stream)
    if (this.#fresh.size + this.#quiet.size + this.#waiting.size > this.#options.most) {
      for (const streams of [this.#fresh, this.#quiet, this.#waiting]) streams.clear()
      this.#options.onCrowd()
    }
    this.touch()
    return !known
  }

  /** Something changed, and it is not known what. */
  touch(): void {
    this.#timer ??= this.#options.clock.setTimeout(() => this.#tick(), pause)
  }

  close(): void {
    this.#options.clock.clearTimeout(this.#timer)
    this.#waiting.clear()
  }

  #tick(): void {
    this.#timer = undefined
    for (const stream of this.#quiet) this.#waiting.add(stream)
    this.#quiet = this.#fresh
    this.#fresh = new Set()
    if (this.#quiet.size > 0) this.touch()
    this.#options.onNews()
    if (!this.#looking) void this.#look()
  }

  async #look(): Promise<void> {
    this.#looking = true
    for (const stream of this.#waiting) {
      this.#waiting.delete(stream)
      await this.#options.look(stream)
    }
    this.#looking = false
  }
}
