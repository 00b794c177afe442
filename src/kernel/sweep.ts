import { Changes } from './changes.ts'
import { Claims, type ClaimsOptions } from './claims.ts'
import { commanded, commandsOf } from './commands.ts'
import type { StreamChanged } from './port.ts'
import type { Scheduler } from './scheduler.ts'
import { streamsFound } from './streams-found.ts'
import { Wakeups } from './wakeups.ts'

export interface SweepOptions extends ClaimsOptions {
  scheduler: Scheduler
  /** Milliseconds between two looks for what nobody owns any more. */
  interval: number
}

/** Beyond so many streams that others changed it costs less to look at everything. */
const mostChanges = 10_000

/**
 * Finds what nobody holds and has something to do. Everything that is free is looked at once; from then on, every `interval`, the
 * orphans, and at any time what others gave back or sent a command to. What is parked costs nothing until its deadline.
 */
export class Sweep {
  readonly #options: SweepOptions
  readonly #claims: Claims
  readonly #wakeups: Wakeups
  readonly #changes: Changes
  /** The kinds of which everything that is free was looked at. */
  readonly #searched = new Set<string>()
  /** Orphans that were looked at and left, with the version they had: not looked at again before they have moved. */
  readonly #left = new Map<string, number>()
  #timer: unknown
  #sweeping: Promise<void> | undefined
  #closed = false

  constructor(options: SweepOptions) {
    this.#options = options
    this.#claims = new Claims(options)
    this.#wakeups = new Wakeups({ ...options, claims: this.#claims })
    this.#changes = new Changes({
      clock: options.environment.clock,
      most: mostChanges,
      onNews: () => void this.ask(),
      look: stream => this.#claims.visit(commanded(stream) ?? stream),
      onCrowd: () => this.#searched.clear(),
    })
  }

  /** How many orphans were looked at and left. */
  get left(): number {
    return this.#left.size
  }

  /** The first look; resolves when everything that was found is dealt with. */
  async start(): Promise<void> {
    this.#arm()
    await this.sweep()
  }

  close(): void {
    this.#closed = true
    this.#claims.close()
    this.#wakeups.close()
    this.#changes.close()
    this.#options.environment.clock.clearTimeout(this.#timer)
  }

  #arm(): void {
    if (this.#closed) return
    this.#timer = this.#options.environment.clock.setTimeout(() => {
      this.#arm()
      this.#options.scheduler.check()
      void this.sweep()
    }, this.#options.interval)
  }

  /** Looks for what nobody owns any more, and again at what failed. */
  sweep(): Promise<void> {
    this.#sweeping ??= this.#sweep().finally(() => {
      this.#sweeping = undefined
    })
    return this.#sweeping
  }

  async #sweep(): Promise<void> {
    const failed = this.#claims.takeFailed()
    this.#wakeups.retry()
    try {
      await this.#search()
      await this.#findOrphans()
    } catch (error) {
      if (this.#closed) return
      this.#options.environment.logger.warn('The store could not be searched; trying again.', { error: String(error) })
    }
    for (const stream of failed) await this.#claims.visit(stream)
    await this.ask()
  }

  /** Looks at everything that is free, of the kinds of which that was not done yet, and at all that was sent a command. */
  async #search(): Promise<void> {
    const { adapter, held } = this.#options
    const kinds = this.#options.kinds().filter(kind => !this.#searched.has(kind))
    if (kinds.length === 0) return
    // Before the search: whatever makes another one necessary may happen during it.
    for (const kind of kinds) this.#searched.add(kind)
    try {
      for await (const head of streamsFound(adapter, { kinds, free: true, where: { live: true } })) {
        if (this.#closed) return
        if (head.session === undefined && !held(head.stream)) await this.#claims.look(head, 'free')
      }
      for await (const { stream } of streamsFound(adapter, { kinds: ['commands'] })) {
        const target = commanded(stream)
        if (target !== undefined) await this.#claims.visit(target)
      }
    } catch (error) {
      for (const kind of kinds) this.#searched.delete(kind)
      throw error
    }
  }

  async #findOrphans(): Promise<void> {
    const { adapter, kinds, held } = this.#options
    const found = new Set<string>()
    for await (const head of streamsFound(adapter, { kinds: kinds(), orphaned: true, where: { live: true } })) {
      if (this.#closed) return
      const { stream, version } = head
      found.add(stream)
      if (held(stream) || this.#left.get(stream) === version) continue
      // Before the look: what calls for another one may happen during it.
      this.#left.set(stream, version)
      const outcome = await this.#claims.claim(head)
      if (outcome === 'taken' || outcome === 'failed') this.#left.delete(stream)
    }
    for (const stream of this.#left.keys()) if (!found.has(stream)) this.#left.delete(stream)
  }

  /** Looks again at what was left: something about it is different now. */
  reconsider(streams: readonly string[]): void {
    for (const stream of streams) {
      this.#left.delete(stream)
      void this.#claims.visit(stream)
    }
    void (this.#sweeping ?? Promise.resolve()).then(() => this.sweep())
  }

  /** Finds the earliest deadline among what is free, and sets the alarm for it. */
  ask(): Promise<void> {
    return this.#wakeups.ask()
  }

  /** Somebody else's commit: it may have given the stream back, set a deadline, or be a command. */
  changed(changed: StreamChanged): void {
    if (this.#closed) return
    if (changed === 'all') {
      this.#searched.clear()
      this.#wakeups.changed()
      this.#changes.touch()
      return
    }
    const command = commanded(changed.stream)
    const stream = command ?? changed.stream
    if (this.#options.held(stream)) return
    this.#left.delete(stream)
    this.#wakeups.changed(stream)
    const first = this.#changes.add(changed.stream)
    if (command !== undefined && first) void this.#claims.visit(command)
  }

  /** A command was sent from here: its lifecycle is taken over at once if nobody owns it. */
  commanded(stream: string): void {
    if (this.#closed) return
    this.#changes.add(commandsOf(stream))
    void this.#claims.visit(stream)
  }
}
