import { isLifechartError } from '../errors.ts'
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
  /** What was looked at and left, with the version it had: not looked at again before it has moved, or is due. */
  readonly #left = new Map<string, number>()
  /** What could not be taken over though it is due, with the version it had: not asked for before the next sweep. */
  readonly #failed = new Map<string, number>()
  #timer: unknown
  #sweeping: Promise<void> | undefined
  #firing: Promise<void> | undefined
  #asking: Promise<void> | undefined
  #again = false
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
      this.#options.scheduler.check()
      void this.sweep()
    }, this.#options.interval)
  }

  /** Looks at everything that is free and live. */
  sweep(): Promise<void> {
    if (!this.#sweeping) this.#failed.clear()
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
    const { adapter, environment, kinds, held } = this.#options
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
          const seen = finding === 'free' ? this.#left : this.#failed
          if (!held(head.stream) && seen.get(head.stream) !== head.version) await this.#look(head, finding)
        }
        cursor = found.next
      } while (cursor !== undefined)
    } catch (error) {
      environment.logger.warn('The store could not be searched; trying again.', { error: String(error) })
    }
    await this.ask()
  }

  async #look(head: StreamHead, finding: Finding): Promise<void> {
    const { stream, version } = head
    try {
      if (await this.#options.adopt(head, finding)) {
        this.#left.delete(stream)
        return
      }
      this.#left.set(stream, version)
      if (finding === 'due') this.#failed.set(stream, version)
    } catch (error) {
      // Somebody else was faster.
      if (isLifechartError(error, 'OWNED', 'VERSION_CONFLICT')) return
      this.#failed.set(stream, version)
      // What can not be read is not read again before something about it changes.
      if (isLifechartError(error, 'ENVELOPE_INVALID', 'ENVELOPE_VERSION')) this.#left.set(stream, version)
      this.#options.environment.logger.error('A stored lifecycle could not be taken over.', { stream, error: String(error) })
    }
  }

  /** Finds the earliest deadline among what is free, and sets the alarm for it. */
  ask(): Promise<void> {
    // What is under way may have looked before the change that this is about.
    this.#again = true
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined
    })
    return this.#asking
  }

  async #ask(): Promise<void> {
    while (this.#again && !this.#closed) {
      this.#again = false
      try {
        this.due = await this.#earliest()
        this.#options.scheduler.arm(this)
      } catch (error) {
        this.#options.environment.logger.warn('The next deadline could not be read; trying again.', { error: String(error) })
      }
    }
  }

  async #earliest(): Promise<number | null> {
    const { adapter, kinds, held } = this.#options
    let cursor: string | undefined
    do {
      const { items, next } = await adapter.query({
        kinds: kinds(),
        free: true,
        order: 'due',
        dueUntil: Number.MAX_SAFE_INTEGER,
        limit: 16,
        ...(cursor !== undefined && { cursor }),
      })
      const first = items.find(({ stream, version }) => !held(stream) && this.#failed.get(stream) !== version)
      if (first) return first.index.due
      cursor = next
    } while (cursor !== undefined)
    return null
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
