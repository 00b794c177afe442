import { type FollowClock, longestTimer } from './clock.ts'
import { ConnectionLost } from './error.ts'

/** Waits for one thing at a time, until it ends for good. */
export interface Patience {
  readonly hasEnded: boolean
  /** What the promise brings. Rejects with {@link ConnectionLost} after `timeout` milliseconds, and as soon as the patience has ended. */
  wait<T>(promise: Promise<T>, timeout?: number): Promise<T>
  end(): void
}

export function createPatience(clock: FollowClock): Patience {
  let hasEnded = false
  let giveUp: (() => void) | undefined
  return {
    get hasEnded() {
      return hasEnded
    },
    async wait<T>(promise: Promise<T>, timeout = Number.POSITIVE_INFINITY) {
      let timer: unknown
      try {
        return await new Promise<T>((resolve, reject) => {
          promise.then(resolve, reject)
          giveUp = () => reject(new ConnectionLost('Nobody follows any more.'))
          if (hasEnded) giveUp()
          else if (timeout <= longestTimer)
            timer = clock.setTimeout(() => reject(new ConnectionLost(`Nothing was received for ${timeout} ms.`)), timeout)
        })
      } finally {
        giveUp = undefined
        clock.clearTimeout(timer)
      }
    },
    end() {
      hasEnded = true
      giveUp?.()
    },
  }
}
