/** Milliseconds of work after which others get the event loop. */
const turnLength = 8

let turn = 0
let counting = false

/** The number of this turn of the event loop. */
function currentTurn(): number {
  if (!counting) {
    counting = true
    setImmediate(() => {
      turn++
      counting = false
    })
  }
  return turn
}

/** Resolves in the next turn of the event loop. */
export const nextTurn = () => new Promise<void>(resolve => setImmediate(resolve))

/** Keeps a producer that never waits for anything from holding the event loop for itself. */
export class Turns {
  #turn = -1
  #since = 0

  /** Undefined while the producer's work in this turn is short; else resolves in the next one. */
  next(): Promise<void> | undefined {
    const now = currentTurn()
    if (now !== this.#turn) {
      this.#turn = now
      this.#since = performance.now()
      return undefined
    }
    return performance.now() - this.#since <= turnLength ? undefined : nextTurn()
  }
}
