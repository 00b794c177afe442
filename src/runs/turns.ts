/** Milliseconds of work after which others get the event loop. */
const turnLength = 8

/** Keeps a producer that never waits for anything from holding the event loop for itself. */
export class Turns {
  #since = performance.now()

  /** Undefined while the turn is short; else resolves in the next one. */
  next(): Promise<void> | undefined {
    if (performance.now() - this.#since <= turnLength) return undefined
    return new Promise(resolve =>
      setImmediate(() => {
        this.#since = performance.now()
        resolve()
      }),
    )
  }
}
