import { createActor } from 'xstate'
import type { Clock } from '../kernel/port.ts'
import { retentionMachine } from '../machines/retention.ts'
import type { LiveRun } from './live-run.ts'

/** Milliseconds that an evicted run is remembered as such. */
const remembered = 24 * 60 * 60_000

export interface RetainedLimits {
  /** Milliseconds. */
  window: number
  evictedRemembered: number
}

/** Runs that have ended and are kept in memory for those who come late; then the memory of having evicted them. */
export class Retained {
  readonly #clock: Clock
  readonly #window: number
  readonly #mostRemembered: number
  readonly #actors = new Map<LiveRun, { send(event: { type: 'audience.arrived' } | { type: 'audience.left' }): void; stop(): void }>()
  readonly #evicted = new Map<string, number>()
  readonly #onEvict: (run: LiveRun) => void

  constructor(clock: Clock, { window, evictedRemembered }: RetainedLimits, onEvict: (run: LiveRun) => void) {
    this.#clock = clock
    this.#window = window
    this.#mostRemembered = evictedRemembered
    this.#onEvict = onEvict
  }

  get size(): number {
    return this.#actors.size
  }

  /** The run has ended: from here on the chart says how long it stays. */
  keep(run: LiveRun): void {
    if (this.#window === Number.POSITIVE_INFINITY) return
    const input = { retention: this.#window, watched: run.stream.audience > 0 }
    const actor = createActor(retentionMachine, { clock: this.#clock as never, input })
    actor.subscribe({
      error: () => undefined,
      complete: () => {
        // One that is only stopped completes as well.
        if (!this.#actors.delete(run)) return
        this.#onEvict(run)
      },
    })
    this.#actors.set(run, actor)
    actor.start()
  }

  audience(run: LiveRun, followers: number): void {
    this.#actors.get(run)?.send({ type: followers > 0 ? 'audience.arrived' : 'audience.left' })
  }

  /** From now on the answer for this run, and for its id, is that it was evicted. */
  remember(...names: string[]): void {
    const until = this.#clock.now() + remembered
    for (const name of names) {
      this.#evicted.delete(name)
      this.#evicted.set(name, until)
    }
    for (const name of this.#evicted.keys()) {
      if (this.#evicted.size <= this.#mostRemembered) break
      this.#evicted.delete(name)
    }
  }

  wasEvicted(name: string): boolean {
    const until = this.#evicted.get(name)
    if (until === undefined) return false
    if (until > this.#clock.now()) return true
    this.#evicted.delete(name)
    return false
  }

  /** Nothing is evicted from here on: what is stored is left to the next runtime. */
  close(): void {
    const actors = [...this.#actors.values()]
    this.#actors.clear()
    for (const actor of actors) actor.stop()
  }
}
