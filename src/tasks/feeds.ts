import { LifechartError } from '../errors.ts'
import { type FeedSource, TaskFeed } from './feed.ts'
import { type Caller, scopeOf } from './request.ts'

/** The streams of tasks that are open here: each caller has so many at most, and all without a user are one. */
export class Feeds {
  readonly #most: number
  readonly #open = new Map<string, number>()

  constructor(most: number) {
    this.#most = most
  }

  /** `open` is called at once. The first `next` rejects with `STREAM_LIMIT` when there are too many, and then it is not called. */
  feed(caller: Caller, open: () => Promise<FeedSource>): TaskFeed {
    let scope: string
    try {
      scope = this.#enter(caller)
    } catch (error) {
      return new TaskFeed(() => Promise.reject(error))
    }
    return new TaskFeed(open, () => this.#leave(scope))
  }

  #enter(caller: Caller): string {
    const scope = scopeOf(caller)
    const open = this.#open.get(scope) ?? 0
    if (open >= this.#most) {
      throw new LifechartError('STREAM_LIMIT', `limits.taskStreamsPerCaller (${this.#most}) streams of this caller are open.`, {
        retryable: true,
      })
    }
    this.#open.set(scope, open + 1)
    return scope
  }

  #leave(scope: string): void {
    const open = (this.#open.get(scope) ?? 0) - 1
    if (open > 0) this.#open.set(scope, open)
    else this.#open.delete(scope)
  }
}
