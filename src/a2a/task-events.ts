import type { Logger } from '../kernel/port.ts'
import type { TaskFeed } from '../tasks/feed.ts'
import type { Connection } from './connection-aware.ts'
import { toA2AError } from './errors.ts'
import { EventStream, finished, type Result } from './event-stream.ts'

/** A feed as the SDK's transports read it: what goes wrong, also before it begins, is one of the errors of A2A at the first `next`. */
export class TaskEvents extends EventStream {
  readonly #logger: Logger
  readonly #connection: Connection | undefined
  #feed: TaskFeed | undefined
  #refusal: unknown

  /** Ends with the connection, and gives no event while it is full; without one the reader has to see to both. */
  constructor(logger: Logger, connection: Connection | undefined, open: () => TaskFeed) {
    super()
    this.#logger = logger
    this.#connection = connection
    try {
      this.#feed = open()
    } catch (error) {
      this.#refusal = error
    }
    connection?.onClose(() => void this.return())
  }

  async next(): Promise<Result> {
    await this.#connection?.ready()
    try {
      if (this.#feed) return (await this.#feed.next()) as Result
    } catch (error) {
      throw toA2AError(error, this.#logger)
    }
    const refusal = this.#refusal
    this.#refusal = undefined
    if (refusal !== undefined) throw toA2AError(refusal, this.#logger)
    return finished
  }

  async return(): Promise<Result> {
    this.#refusal = undefined
    await this.#feed?.return()
    return finished
  }
}
