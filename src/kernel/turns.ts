/** Resolves in the next turn of the event loop. */
export const nextTurn = () => new Promise<void>(resolve => setImmediate(resolve))

/** Keeps those who never wait for anything from holding the event loop for themselves. */
export class Turns {
  readonly #length: number
  /** When others had it last. */
  #since = 0
  #turn: Promise<void> | undefined

  /** Milliseconds of work after which others get the event loop; default 8. */
  constructor(length = 8) {
    this.#length = length
  }

  /**
   * Undefined while that is not long ago: then go on at once. Else resolves in the next turn: then ask again, because others who waited
   * may have used it up.
   */
  next(): Promise<void> | undefined {
    if (this.#turn) return this.#turn
    if (performance.now() - this.#since <= this.#length) return undefined
    this.#turn = nextTurn().then(() => {
      this.#since = performance.now()
      this.#turn = undefined
    })
    return this.#turn
  }
}
