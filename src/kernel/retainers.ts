import { isLifechartError } from '../errors.ts'
import type { Id, Logger, PersistenceAdapter } from './port.ts'

/** What the runtimes over one adapter know together. */
interface Shared {
  readonly adapter: PersistenceAdapter
  readonly runtimes: Set<Retainer>
  /** How often each stream is held. */
  readonly holds: Map<Id, number>
  /** Streams that are forgotten when nobody holds them any more, each with the names that mean it. */
  readonly doomed: Map<Id, readonly string[]>
}

/** One runtime's part in what is kept of a store that all runtimes over one adapter share. */
export class Retainer {
  readonly #house: Shared
  readonly #logger: Logger
  readonly #onForgotten: (names: readonly string[]) => void
  /** One entry for each hold. */
  readonly #held = new Set<{ stream: Id }>()
  #gone = false

  constructor(house: Shared, logger: Logger, onForgotten: (names: readonly string[]) => void) {
    this.#house = house
    this.#logger = logger
    this.#onForgotten = onForgotten
    house.runtimes.add(this)
  }

  /** Somebody here reads the stream or waits for something in it; returns how to let go. */
  hold(stream: Id): () => void {
    if (this.#gone) return () => undefined
    const { holds } = this.#house
    const entry = { stream }
    this.#held.add(entry)
    holds.set(stream, (holds.get(stream) ?? 0) + 1)
    return () => this.#letGo(entry)
  }

  #letGo(entry: { stream: Id }): void {
    if (!this.#held.delete(entry)) return
    const { holds } = this.#house
    const left = (holds.get(entry.stream) ?? 0) - 1
    if (left > 0) {
      holds.set(entry.stream, left)
      return
    }
    holds.delete(entry.stream)
    this.#forgetUnheld(entry.stream)
  }

  /** Forgets a stream as soon as no runtime holds it. All of them are told the names that mean it. */
  forget(stream: Id, names: readonly string[]): void {
    if (this.#gone) return
    this.#house.doomed.set(stream, names)
    if (!this.#house.holds.has(stream)) this.#forgetUnheld(stream)
  }

  #forgetUnheld(stream: Id): void {
    const { doomed, runtimes, adapter } = this.#house
    const names = doomed.get(stream)
    if (!names) return
    doomed.delete(stream)
    for (const runtime of runtimes) runtime.#onForgotten(names)
    adapter.forget(stream, {}).catch(error => {
      if (!isLifechartError(error, 'STORE_CLOSED')) this.#logger.warn('A stream could not be forgotten.', { stream, error: String(error) })
    })
  }

  /** The runtime is closed, or crashed: nothing is held for it any more. */
  leave(): void {
    this.#gone = true
    for (const entry of this.#held) this.#letGo(entry)
    this.#house.runtimes.delete(this)
  }
}

const houses = new WeakMap<PersistenceAdapter, Shared>()

/** Joins those that use the adapter. `onForgotten` is told the names of what is forgotten, whoever forgets it. */
export function joinRetainers(adapter: PersistenceAdapter, logger: Logger, onForgotten: (names: readonly string[]) => void): Retainer {
  const house: Shared = houses.get(adapter) ?? { adapter, runtimes: new Set(), holds: new Map(), doomed: new Map() }
  houses.set(adapter, house)
  return new Retainer(house, logger, onForgotten)
}
