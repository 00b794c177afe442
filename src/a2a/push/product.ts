import type { Finding } from '../../kernel/claims.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { Listeners } from '../../kernel/listeners.ts'
import type { Stored, StreamHead } from '../../kernel/port.ts'
import type { Product } from '../../kernel/product.ts'
import { streamsFound } from '../../kernel/streams-found.ts'
import { taskStream } from '../../tasks/names.ts'
import { type PushConfigs, readProgress } from './configs.ts'
import { Delivery } from './delivery.ts'
import type { PushPolicy } from './policy.ts'
import type { PostTurns } from './turns.ts'

/** How often it is looked whether the task of a finished configuration is still kept, in milliseconds at least. */
const keptLook = 60_000
/** Milliseconds until a store that failed is asked again. */
const storePause = 5_000

/** The deliveries of push notifications in this process: one at a time for each configuration, by one process. */
export class PushProduct implements Product {
  readonly kinds = ['push']
  readonly configs: PushConfigs
  readonly counters = { delivered: 0, failed: 0, dead: 0 }
  readonly #kernel: Kernel
  readonly #turns: PostTurns
  /** By agent. */
  readonly #policies = new Map<string, Required<PushPolicy>>()
  readonly #deliveries = new Map<string, Delivery>()
  readonly #left = new Listeners()

  constructor(kernel: Kernel, configs: PushConfigs, turns: PostTurns) {
    this.#kernel = kernel
    this.#turns = turns
    this.configs = configs
    kernel.transitions.subscribe({ complete: () => this.#close() })
  }

  /** From here on what is undelivered of the agent's tasks is delivered here. */
  define(agent: string, policy: Required<PushPolicy>): void {
    const first = this.#policies.size === 0
    this.#policies.set(agent, policy)
    this.#kernel.register(this)
    if (first) this.#kernel.sweep.reconsider([])
    else this.#insist(() => this.#search(agent))
  }

  /** What was looked at and left before the agent was known. */
  async #search(agent: string): Promise<void> {
    const { adapter } = this.#kernel
    const streams: string[] = []
    for await (const { stream } of streamsFound(adapter, { kinds: this.kinds, free: true, where: { live: true, owner: agent } })) {
      streams.push(stream)
    }
    await this.look(streams)
  }

  /** The task came to this process. */
  activated(taskId: string): void {
    this.#insist(async () => this.look(await this.configs.streams(taskId)))
  }

  /** It left, or is about to. */
  released(taskId: string): void {
    this.#left.tell({ stream: taskStream(taskId), version: 0 })
  }

  /** Looks whether there is something to deliver. */
  async look(streams: readonly string[]): Promise<void> {
    for (const stream of streams) {
      const stored = await this.configs.load(stream)
      if (stored?.index.live) await this.adopt(stored, 'free')
    }
  }

  /** Nothing is delivered for the configuration by this process from here on, until it is looked at again. */
  async halt(stream: string): Promise<void> {
    await this.#deliveries.get(stream)?.stop()
  }

  async adopt(head: StreamHead, finding: Finding): Promise<boolean> {
    const task = await this.configs.load(head.index.parent)
    if (!task) {
      await this.configs.forget(head)
      return true
    }
    if (!head.index.live) return finding === 'due' && this.#keep(head, task)
    const stored = await this.configs.load(head.stream)
    return stored !== undefined && this.#take(stored, task)
  }

  /** False when there is nothing to deliver, or not for us. */
  async #take(stored: Stored, task: Stored): Promise<boolean> {
    const { stream, index, session } = stored
    const policy = this.#policies.get(index.owner)
    if (!policy) return false
    const under = this.#deliveries.get(stream)
    if (under) {
      if (under.session === this.#kernel.session) under.wake()
      // Its session has lapsed, and with it the right to go on.
      else await under.stop()
      if (under.session === this.#kernel.session) return true
    }
    const { position } = readProgress(stored)
    const owned = session === this.#kernel.session
    const rests = !owned && position >= task.version && task.index.live && !this.#kernel.host(task.stream)
    if (rests || this.#kernel.closed || this.#deliveries.has(stream)) return false
    const { counters } = this
    const [kernel, left, turns] = [this.#kernel, this.#left, this.#turns]
    this.#deliveries.set(stream, new Delivery({ kernel, policy, counters, left, turns, over: one => this.#over(one) }, stored))
    return true
  }

  #over(delivery: Delivery): void {
    if (this.#deliveries.get(delivery.stream) !== delivery) return
    this.#deliveries.delete(delivery.stream)
    // Something happened while it was given back.
    if (delivery.woken && !this.#kernel.closed) this.#insist(() => this.look([delivery.stream]))
  }

  /** What was delivered is kept as long as its task. */
  async #keep({ stream, kind, version }: StreamHead, task: Stored): Promise<boolean> {
    const { adapter, environment } = this.#kernel
    const { due: end } = task.index
    const due = end === null ? null : Math.max(end, environment.clock.now() + keptLook)
    await adapter.commit({ id: environment.ids(), changes: [{ stream, kind, expect: version, events: ['{"kept":true}'], index: { due } }] })
    return true
  }

  #insist(work: () => Promise<void>): void {
    const { scheduler, environment } = this.#kernel
    work().catch(error => {
      if (this.#kernel.closed) return
      environment.logger.warn('Push notifications could not be looked for; trying again.', { error: String(error) })
      scheduler.arm({ due: environment.clock.now() + storePause, wake: () => this.#insist(work) })
    })
  }

  /** `delivered` and `dead` count notifications, `failed` tries; `held` is how many configurations are at work here. */
  stats(): Readonly<Record<'delivered' | 'failed' | 'dead' | 'held', number>> {
    return { ...this.counters, held: this.#deliveries.size }
  }

  #close(): void {
    for (const delivery of this.#deliveries.values()) void delivery.stop()
  }
}
