import type { StreamResponse } from '@a2a-js/sdk'
import { EventStream, finished, type Result } from '../event-stream.ts'

type Events = AsyncGenerator<StreamResponse, void, undefined>

/** Events whose source is not there yet. `return` waits for nothing: a source that comes later is closed at once. */
export class LateEvents extends EventStream {
  readonly #opening: Promise<Events>
  readonly #left: Promise<undefined>
  #leave = () => {}
  #closed = false
  #begun = false

  /** `open` is called at once; what it rejects with is the rejection of the first `next`. */
  constructor(open: () => Promise<Events>) {
    super()
    this.#left = new Promise(resolve => {
      this.#leave = () => resolve(undefined)
    })
    this.#opening = open()
    // Those who do not read it have nobody to tell of it.
    this.#opening.catch(() => undefined)
  }

  async next(): Promise<Result> {
    if (this.#closed) return finished
    try {
      const source = await Promise.race([this.#opening, this.#left])
      this.#begun = true
      if (!source || this.#closed) return finished
      return (await source.next()) as Result
    } catch (error) {
      if (!this.#begun) this.#closed = true
      throw error
    }
  }

  async return(): Promise<Result> {
    this.#closed = true
    this.#leave()
    this.#opening.then(
      source => source.return(),
      () => undefined,
    )
    return finished
  }
}
