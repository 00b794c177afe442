/** Milliseconds of work after which others get the event loop. */
const turnLength = 8

/** Resolves in the next turn of the event loop. */
export const nextTurn = () => new Promise<void>(resolve => setImmediate(resolve))

/** Keeps those who never wait for anything from holding the event loop for themselves. */
export class Turns {
  /** When others had it last. */
  #since = 0
  #turn: Promise<void> | undefined

  /** Undefined while that is not long ago; else resolves in the next turn. */
  next(): Promise<void> | undefined {
    if (this.#turn) return this.#turn
    if (performance.now() - this.#since <= turnLength) return undefined
    this.#turn = nextTurn().then(() => {
      this.#since = performance.now()
      this.#turn = undefined
    })
    return this.#turn
  }
}
