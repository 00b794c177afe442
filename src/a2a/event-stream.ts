import type { StreamResponse } from '@a2a-js/sdk'

export type Result = IteratorResult<StreamResponse, undefined>

export const finished: Result = { value: undefined, done: true }

/** Events of a task, as the SDK reads them: a generator that is no function, so that `return` need not wait for a `next` that is under way. */
export abstract class EventStream implements AsyncGenerator<StreamResponse, void, undefined> {
  abstract next(): Promise<Result>
  abstract return(): Promise<Result>

  async throw(error: unknown): Promise<never> {
    await this.return()
    throw error
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }
}
