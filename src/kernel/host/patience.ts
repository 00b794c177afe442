import type { LifechartError } from '../../errors.ts'
import { unavailable } from '../stream/persist.ts'

/** Those who wait for the store, and how long it may keep them: nobody hangs. */
export class Patience {
  #waiting: Set<(error: LifechartError) => void> | undefined
  #overdue: LifechartError | undefined

  /** The store has not answered for longer than the grace. */
  get overdue(): LifechartError | undefined {
    return this.#overdue
  }

  /** Waits for the work, and no longer than the store's grace: then `STORE_UNAVAILABLE`, while the work goes on. */
  async for<T>(work: () => Promise<T>): Promise<T> {
    const waiting = (this.#waiting ??= new Set())
    return new Promise<T>((resolve, reject) => {
      const settle = () => {
        waiting.delete(reject)
        if (waiting.size === 0 && this.#waiting === waiting) this.#waiting = undefined
      }
      waiting.add(reject)
      work().then(
        value => {
          settle()
          resolve(value)
        },
        error => {
          settle()
          reject(error)
        },
      )
    })
  }

  /** Everybody who waits is told; false if they were told before. */
  lose(error: LifechartError): boolean {
    if (this.#overdue) return false
    this.#overdue = error
    for (const reject of this.#waiting ?? []) reject(unavailable(error.cause))
    return true
  }

  /** The store answers again. */
  recover(): void {
    this.#overdue = undefined
  }

  /** Rejects at once while the store is overdue. */
  assert(): void {
    if (this.#overdue) throw unavailable(this.#overdue.cause)
  }
}
