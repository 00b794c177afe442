import { type FollowOptions, PullCursor } from '../kernel/stream/cursor.ts'
import type { Stream } from '../kernel/stream/stream.ts'
import { Subscription } from '../kernel/stream/subscription.ts'

/** Registered at once; what is wrong with it is the answer to the first `next`. */
export function subscribeTo<E>(stream: Stream<E>, options: FollowOptions): Subscription<E> {
  try {
    return new Subscription(new PullCursor(stream, options))
  } catch (error) {
    return new Subscription<E>(Promise.reject(error))
  }
}
