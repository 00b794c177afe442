import type { Environment, PersistenceAdapter, StreamChanged, StreamHead } from './port.ts'
import type { Scheduler, Sleeper } from './scheduler.ts'

/** Why a stream that nobody holds is looked at. */
export type Finding = 'free' | 'due'

export interface SweepOptions {
  environment: Environment
  adapter: PersistenceAdapter
  scheduler: Scheduler
  /** Milliseconds between two looks for what nobody owns any more. */
  interval: number
  /** The kinds that this runtime can take over. */
  kinds(): readonly string[]
  /** True for streams that are owned here. */
  held(stream: string): boolean
  /** Takes it over, or leaves it: false when there is nothing to do before its deadline. */
  adopt(head: StreamHead, finding: Finding): Promise<boolean>
}

const page = 256

/**
 * Finds what nobody holds: at once, every `interval`, and exactly when the earliest deadline of a parked stream is due. None of
 * the parked ones is loaded for it.
 */
export class Sweep implements Sleeper {
  readonly #options: SweepOptions
  due: number | null = null
  /** What was looked at and left, with the version it had. */
  readonly #left = new Map<string, number>()
  #timer: unknown
  #sweeping: Promise<void> | undefined
  #firing: Promise<void> | undefined
  #asking = false
  #dirty: unknown
  #closed = false

  constructor(options: SweepOptions) {
    this.#options = options
  }

  /** The first look; resolves when everything that was found is dealt with. */
  async start(): Promise<void> {
    this.#arm()
    await this.sweep()
  }

  close(): void {
    this.#closed = true
    this.due = null
    const { clock } = this.#options.environment
    clock.clearTimeout(this.#timer)
    clock.clearTimeout(this.#dirty)
  }

  #arm(): void {
    if (this.#closed) return
    this.#timer = this.#options.environment.clock.setTimeout(() => {
      this.#arm()
      void this.sweep()
    }, this.#options.interval)
  }

  /** Looks at everything that is free and live. */
  sweep(): Promise<void> {
    this.#sweeping ??= this.#visit('free').finally(() => {
      this.#sweeping = undefined
    })
    return this.#sweeping
  }

  /** Looks again at what was left: something about it is different now. */
  reconsider(streams: readonly string[]): void {
    for (const stream of streams) this.#left.delete(stream)
    void (this.#sweeping ?? Promise.resolve()).then(() => this.sweep())
  }

  async #visit(finding: Finding, dueUntil?: number): Promise<void> {
    const { adapter, environment, kinds, held, adopt } = this.#options
    let failed = false
    try {
      let cursor: string | undefined
      do {
        const found = await adapter.query({
          kinds: kinds(),
          free: true,
          limit: page,
          ...(dueUntil === undefined ? { where: { live: true } } : { dueUntil, order: 'due' as const }),
          ...(cursor !== undefined && { cursor }),
        })
        for (const head of found.items) {
          if (this.#closed) return
          if (held(head.stream) || (finding === 'free' && this.#left.get(head.stream) === head.version)) continue
          try {
            const taken = await adopt(head, finding)
            if (taken) this.#left.delete(head.stream)
            else this.#left.set(head.stream, head.version)
          } catch (error) {
            failed = true
            this.#left.set(head.stream, head.version)
            environment.logger.error('A stored lifecycle could not be taken over.', { stream: head.stream, error: String(error) })
          }
        }
        cursor = found.next
      } while (cursor !== undefined)
    } catch (error) {
      failed = true
      environment.logger.warn('The store could not be searched; trying again.', { error: String(error) })
    }
    // What failed is still due: asking at once again would turn in a circle until the next sweep.
    if (!failed || finding === 'free') await this.ask(failed)
  }

  /** Finds the earliest deadline among what is free, and sets the alarm for it. */
  async ask(onlyLater = false): Promise<void> {
    if (this.#asking || this.#closed) return
    this.#asking = true
    const { adapter, environment, kinds, held, scheduler } = this.#options
    try {
      const { items } = await adapter.query({ kinds: kinds(), free: true, order: 'due', dueUntil: Number.MAX_SAFE_INTEGER, limit: 16 })
      const now = environment.clock.now()
      const next = items.find(head => !held(head.stream) && !(onlyLater && (head.index.due ?? 0) <= now && this.#left.has(head.stream)))
      this.due = next?.index.due ?? null
      scheduler.arm(this)
    } catch (error) {
      environment.logger.warn('The next deadline could not be read; trying again.', { error: String(error) })
    } finally {
      this.#asking = false
    }
  }

  wake(now: number): void {
    this.#firing ??= this.#visit('due', now).finally(() => {
      this.#firing = undefined
    })
  }

  /** Somebody else's commit may have set a deadline: asks again, at most twice a second. */
  changed(changed: StreamChanged): void {
    if (this.#closed || this.#dirty !== undefined || (changed !== 'all' && this.#options.held(changed.stream))) return
    this.#dirty = this.#options.environment.clock.setTimeout(() => {
      this.#dirty = undefined
      void this.ask()
    }, 500)
  }
}
