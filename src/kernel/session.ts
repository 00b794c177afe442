import { isLifechartError } from '../errors.ts'
import type { Clock, Logger, PersistenceAdapter, Session } from './port.ts'

export interface LivenessOptions {
  adapter: PersistenceAdapter
  clock: Clock
  logger: Logger
  /** Names this process in the store. */
  node: string
  /** Milliseconds without a renewal after which others may take over; renewed three times in it. */
  ttl: number
  /** The session had lapsed; a new one is open when this is called. */
  onLost(former: string): void
}

/** Keeps this runtime's session alive. A lost one is never revived: a new one takes its place. */
export class Liveness {
  readonly #options: LivenessOptions
  #session: Session
  #timer: unknown
  #renewing: Promise<void> | undefined
  #closed = false

  static async open(options: LivenessOptions): Promise<Liveness> {
    return new Liveness(options, await options.adapter.session(options.node, options.ttl))
  }

  private constructor(options: LivenessOptions, session: Session) {
    this.#options = options
    this.#session = session
    this.#arm()
  }

  get id(): string {
    return this.#session.id
  }

  #arm(): void {
    this.#timer = this.#options.clock.setTimeout(() => {
      this.#arm()
      void this.renew()
    }, this.#options.ttl / 3)
  }

  /** Renews the session now, or opens another if it had lapsed; a failure is logged, and tried again with the next renewal. */
  renew(): Promise<void> {
    this.#renewing ??= this.#renew().finally(() => {
      this.#renewing = undefined
    })
    return this.#renewing
  }

  async #renew(): Promise<void> {
    const { adapter, node, ttl, logger, onLost } = this.#options
    try {
      await this.#session.renew()
    } catch (error) {
      if (this.#closed) return
      if (!isLifechartError(error, 'SESSION_LOST')) {
        logger.warn('The session could not be renewed; trying again.', { error: String(error) })
        return
      }
      const former = this.#session.id
      logger.warn('The session had lapsed; what it owned is taken over like anything else.', { session: former })
      try {
        this.#session = await adapter.session(node, ttl)
        onLost(former)
      } catch (failure) {
        logger.warn('No new session could be opened; trying again.', { error: String(failure) })
      }
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#options.clock.clearTimeout(this.#timer)
    await this.#session.end()
  }

  /** Stops renewing and leaves the session to lapse, as a crash would. */
  abandon(): void {
    this.#closed = true
    this.#options.clock.clearTimeout(this.#timer)
  }
}
