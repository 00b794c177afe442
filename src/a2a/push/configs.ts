import { isLifechartError, LifechartError } from '../../errors.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { Change, Stored, StreamHead } from '../../kernel/port.ts'
import { taskIdOf } from '../../tasks/names.ts'
import type { PushConfig } from './config.ts'
import { listStream, pushStream } from './names.ts'

/** How far the deliveries of one configuration are. */
export interface PushProgress {
  /** The number of the last record of the task that is dealt with. */
  position: number
  /** Tries of the next one that failed. */
  attempts: number
  /** Milliseconds; no try before it. */
  retryAt: number
  /** How many were given up. */
  dead: number
}

/** How often others may write in between before a change is given up. */
const tries = 16

/**
 * The configurations as they are stored: each a stream of its own, which is its log. The progress is its state, the configuration with
 * its credentials its view, which no query shows. Which ones a task has is said by one more stream for each task.
 */
export class PushConfigs {
  readonly #kernel: Kernel
  readonly #most: number

  constructor(kernel: Kernel, most: number) {
    this.#kernel = kernel
    this.#most = most
  }

  /** The streams of a task's configurations; some of them may be gone. */
  async streams(taskId: string): Promise<string[]> {
    const { ids } = await this.#list(taskId)
    return ids.map(id => pushStream(taskId, id))
  }

  load(stream: string): Promise<Stored | undefined> {
    return this.#kernel.insist(() => this.#kernel.adapter.load(stream))
  }

  /** In the order in which they were created. */
  async list(taskId: string): Promise<PushConfig[]> {
    const stored = await Promise.all((await this.streams(taskId)).map(stream => this.load(stream)))
    return stored.flatMap(found => (found ? [readConfig(found)] : []))
  }

  /**
   * Creates the configuration, to be told what is behind the record that `from` names, or replaces the one of its id, whose progress it
   * takes over. Returns its stream, undefined when it was there already. `TASK_CAPACITY`, `REQUEST_INVALID`.
   */
  async put(task: StreamHead, agent: string, config: PushConfig, from: () => Promise<number>): Promise<string | undefined> {
    const taskId = taskIdOf(task.stream)
    const stream = pushStream(taskId, config.id)
    const view = JSON.stringify(config)
    let progress: PushProgress | undefined
    for (let left = tries; ; left--) {
      const former = await this.load(stream)
      if (former?.view?.data === view) return undefined
      progress = former ? readProgress(former) : (progress ?? { position: await from(), attempts: 0, retryAt: 0, dead: 0 })
      const state = JSON.stringify({ ...progress, attempts: 0, retryAt: 0 } satisfies PushProgress)
      const { scope, context } = task.index
      const index = { scope, context, owner: agent, parent: task.stream, live: true, due: null }
      const event = JSON.stringify(former ? { replaced: progress.position } : { created: progress.position })
      const change: Change = { stream, kind: 'push', expect: former?.version ?? 0, events: [event], state, view, index }
      try {
        await this.#commit([change, ...(await this.#added(taskId, config.id))])
        return stream
      } catch (error) {
        if (left === 0 || !isLifechartError(error, 'VERSION_CONFLICT', 'OWNED')) throw error
        // Another process delivers for it; that one stops when the stream is gone.
        if (error.code === 'OWNED' && former) await this.#forget(stream)
      }
    }
  }

  /** A configuration that does not exist is gone already. */
  async remove(taskId: string, id: string): Promise<void> {
    await this.#forget(pushStream(taskId, id))
    for (let left = tries; ; left--) {
      const { ids, version } = await this.#list(taskId)
      if (!ids.includes(id)) return
      try {
        await this.#commit([
          listChange(
            taskId,
            version,
            ids.filter(other => other !== id),
            { removed: id },
          ),
        ])
        return
      } catch (error) {
        if (left === 0 || !isLifechartError(error, 'VERSION_CONFLICT')) throw error
      }
    }
  }

  /** The task is no longer kept. */
  async forget({ stream, index }: StreamHead): Promise<void> {
    await this.#forget(stream)
    await this.#forget(listStream(taskIdOf(index.parent)))
  }

  async #forget(stream: string): Promise<void> {
    await this.#kernel.insist(() => this.#kernel.adapter.forget(stream, {}))
  }

  async #list(taskId: string): Promise<{ ids: string[]; version: number }> {
    const stored = await this.load(listStream(taskId))
    return { ids: stored?.state ? (JSON.parse(stored.state) as string[]) : [], version: stored?.version ?? 0 }
  }

  async #added(taskId: string, id: string): Promise<Change[]> {
    const { ids, version } = await this.#list(taskId)
    if (ids.includes(id)) return []
    if (ids.length >= this.#most)
      throw new LifechartError('TASK_CAPACITY', `A task has at most ${this.#most} configurations (limits.pushConfigs). Delete one.`)
    return [listChange(taskId, version, [...ids, id], { added: id })]
  }

  async #commit(changes: readonly Change[]): Promise<void> {
    const { adapter, environment, session } = this.#kernel
    const commit = { id: environment.ids(), session, changes }
    await this.#kernel.insist(() => adapter.commit(commit))
  }
}

function listChange(taskId: string, expect: number, ids: readonly string[], event: object): Change {
  const state = JSON.stringify(ids)
  return { stream: listStream(taskId), kind: 'push-list', expect, events: [JSON.stringify(event)], state, index: { live: false } }
}

export function readConfig({ stream, view }: Stored): PushConfig {
  if (view) return JSON.parse(view.data) as PushConfig
  throw new LifechartError('STORE_CORRUPT', `The configuration ${stream} is damaged: delete it and create it anew.`)
}

/** `STORE_CORRUPT`. */
export function readProgress({ stream, state }: StreamHead): PushProgress {
  if (state !== undefined) return JSON.parse(state) as PushProgress
  throw new LifechartError('STORE_CORRUPT', `The progress of ${stream} is damaged: delete it and create it anew.`)
}
