import type { StreamResponse } from '@a2a-js/sdk'
import { V1PushNotificationSerializer } from '@a2a-js/sdk/server'
import { isLifechartError } from '../../errors.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { Listeners } from '../../kernel/listeners.ts'
import type { Change, Stored } from '../../kernel/port.ts'
import { decode } from '../../kernel/stream/record.ts'
import { eventOf } from '../../tasks/events.ts'
import { taskIdOf } from '../../tasks/names.ts'
import type { Ids } from '../../tasks/records.ts'
import { credentialsOf, type PushConfig } from './config.ts'
import { type PushProgress, readConfig, readProgress } from './configs.ts'
import { pause } from './pause.ts'
import { type PushPolicy, pauseAfter } from './policy.ts'
import { post } from './post.ts'
import type { PostTurns } from './turns.ts'

const serializer = new V1PushNotificationSerializer()

/** Records that are read at once. */
const page = { limit: 64, maxBytes: 1024 * 1024 }
/** Milliseconds until a store that failed is asked again. */
const storePause = 1_000

export interface DeliveryHouse {
  readonly kernel: Kernel
  readonly policy: Required<PushPolicy>
  readonly counters: { delivered: number; failed: number; dead: number }
  /** Bounds what is sent at once. */
  readonly turns: PostTurns
  /** Tasks that left this process. */
  readonly left: Listeners
  /** Nothing is delivered any more for this configuration, by this object. */
  over(delivery: Delivery): void
}

/** Delivers what happens to a task to one of its configurations: while the task is held here, and as long as something is undelivered. */
export class Delivery {
  readonly stream: string
  readonly done: Promise<void>
  /** Something happened that has not been looked at. */
  woken = false
  /** The session for which it has the stream. */
  readonly session: string
  readonly #house: DeliveryHouse
  readonly #task: string
  readonly #ids: Ids
  readonly #config: PushConfig
  readonly #over = new AbortController()
  #progress: PushProgress
  #version: number
  #alarm: (() => void) | undefined

  /** The stream must be free, or orphaned; its first commit makes it ours. */
  constructor(house: DeliveryHouse, stored: Stored) {
    const { stream, version, index } = stored
    this.#house = house
    this.stream = stream
    this.session = house.kernel.session
    this.#task = index.parent
    this.#ids = { taskId: taskIdOf(index.parent), contextId: index.context }
    this.#config = readConfig(stored)
    this.#progress = readProgress(stored)
    this.#version = version
    this.done = this.#run()
  }

  wake(): void {
    this.woken = true
    this.#alarm?.()
  }

  /** What is under way is broken off, and may be delivered again by the next one. */
  stop(): Promise<void> {
    this.#over.abort()
    this.#alarm?.()
    return this.done
  }

  get #stopped(): boolean {
    return this.#over.signal.aborted || this.#house.kernel.closed
  }

  async #run(): Promise<void> {
    const { kernel, left, over } = this.#house
    const wake = () => this.wake()
    const stops = [kernel.listeners.add(this.#task, wake), left.add(this.#task, wake)]
    try {
      await this.#deliver()
    } finally {
      for (const stop of stops) stop()
      over(this)
    }
  }

  async #deliver(): Promise<void> {
    const { kernel } = this.#house
    let ours = false
    while (!this.#stopped) {
      try {
        if (!ours) await this.#commit({ began: this.#progress.position }, { own: 'acquire' })
        ours = true
        if (await this.#advance()) return
      } catch (error) {
        // Another process has it, or it was deleted.
        if (isLifechartError(error, 'VERSION_CONFLICT', 'OWNED', 'SESSION_LOST')) return
        // The task is no longer kept: the next look sees to it.
        if (isLifechartError(error, 'STREAM_NOT_FOUND')) return this.wake()
        if (this.#stopped) return
        kernel.environment.logger.warn('Notifications of a task wait for the store; trying again.', {
          task: this.#ids.taskId,
          error: String(error),
        })
        await pause(kernel, storePause, this.#over.signal)
      }
    }
  }

  /** True when there is nothing more to do here. */
  async #advance(): Promise<boolean> {
    const { kernel } = this.#house
    this.woken = false
    const after = this.#progress.position
    const { events, head } = await kernel.insist(() => kernel.adapter.read(this.#task, { after, ...page }))
    let seq = after
    for (const text of events) {
      const event = eventOf(decode(text), ++seq, this.#ids) as StreamResponse | undefined
      if (event && this.#isWanted(event)) await this.#send(event, seq)
      else this.#progress = { ...this.#progress, position: seq }
      if (this.#stopped) return true
    }
    if (this.#progress.position < head) return false
    if (!kernel.host(this.#task)) return this.#release()
    await this.#news()
    return false
  }

  #isWanted({ payload }: StreamResponse): boolean {
    return payload?.$case === 'task' || payload?.$case === 'statusUpdate' || !this.#house.policy.lifecycleOnly
  }

  async #send(event: StreamResponse, seq: number): Promise<void> {
    const { kernel, policy, counters, turns } = this.#house
    const { clock, logger } = kernel.environment
    const { body, contentType } = serializer.serialize(event)
    const { url } = this.#config
    const { host } = new URL(url)
    const notification = { url, body, headers: { 'content-type': contentType, ...credentialsOf(this.#config) } }
    while (!this.#stopped) {
      const { attempts: failed, retryAt, dead } = this.#progress
      if (retryAt > clock.now()) {
        await pause(kernel, retryAt - clock.now(), this.#over.signal)
        continue
      }
      const finish = await turns.take(host, this.#over.signal)
      if (!finish) return
      const failure = await post(notification, policy, clock, this.#over.signal).finally(finish)
      if (this.#stopped) return
      if (failure === undefined) {
        counters.delivered++
        return this.#dealtWith({ delivered: seq }, seq, dead)
      }
      counters.failed++
      const attempts = failed + 1
      const facts = { task: this.#ids.taskId, host, seq, attempts, failure }
      if (attempts >= policy.attempts) {
        counters.dead++
        logger.error('A notification could not be delivered and is given up.', facts)
        return this.#dealtWith({ dead: seq, failure }, seq, dead + 1)
      }
      logger.warn('A notification was not taken; trying again.', facts)
      this.#progress = { ...this.#progress, attempts, retryAt: clock.now() + pauseAfter(attempts, policy) }
      await this.#commit({ failed: seq, failure })
    }
  }

  #dealtWith(event: object, position: number, dead: number): Promise<void> {
    this.#progress = { position, attempts: 0, retryAt: 0, dead }
    return this.#commit(event)
  }

  /** A task that is over needs no more looks, except for when it is no longer kept. */
  async #release(): Promise<true> {
    const { kernel } = this.#house
    const task = await kernel.insist(() => kernel.adapter.load(this.#task))
    const over = task !== undefined && !task.index.live && task.version === this.#progress.position
    const index = over ? { index: { live: false, due: task.index.due } } : {}
    await this.#commit({ [over ? 'finished' : 'rested']: this.#progress.position }, { own: 'release', ...index })
    return true
  }

  async #commit(event: object, more: Pick<Change, 'own' | 'index'> = {}): Promise<void> {
    const { adapter, environment } = this.#house.kernel
    const state = JSON.stringify(this.#progress)
    const change = { stream: this.stream, kind: 'push', expect: this.#version, events: [JSON.stringify(event)], state, ...more }
    const commit = { id: environment.ids(), session: this.session, changes: [change] }
    const [version] = await this.#house.kernel.insist(() => adapter.commit(commit))
    this.#version = version ?? this.#version
  }

  #news(): Promise<void> {
    return new Promise(resolve => {
      this.#alarm = resolve
      if (this.woken || this.#stopped) resolve()
    })
  }
}
