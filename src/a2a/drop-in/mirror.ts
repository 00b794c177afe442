import type { ServerCallContext, TaskStore } from '@a2a-js/sdk/server'
import type { Lifechart } from '../../lifechart.ts'
import type { Behalf } from '../../tasks/agent.ts'
import { pause } from '../push/pause.ts'

/** How often a task is written before it is given up, and after how many milliseconds again: each time after twice as many. */
const tries = 10
const backoff = { first: 100, most: 30_000 }

/** A task that is being written; with `news` if it has changed since. */
interface Writing {
  news: Behalf | undefined
}

/** Writes tasks to the SDK's store behind what is committed: one write at a time for each task, and the newest wins. */
export class Mirror {
  readonly #lifechart: Lifechart
  readonly #store: TaskStore
  readonly #writing = new Map<string, Writing>()
  readonly #over = new AbortController()

  constructor(lifechart: Lifechart, store: TaskStore) {
    this.#lifechart = lifechart
    this.#store = store
    lifechart.kernel.transitions.subscribe({ complete: () => this.#over.abort() })
  }

  /** The task has another status. */
  note(taskId: string, { caller, context }: Behalf): void {
    const news = { caller, context }
    const under = this.#writing.get(taskId)
    if (under) under.news = news
    else void this.#write(taskId, news)
  }

  async #write(taskId: string, first: Behalf): Promise<void> {
    const writing: Writing = { news: first }
    this.#writing.set(taskId, writing)
    let behalf = first
    let failed = 0
    while (writing.news || failed > 0) {
      behalf = writing.news ?? behalf
      writing.news = undefined
      failed = (await this.#save(taskId, behalf, failed)) ? 0 : failed + 1
      if (failed > 0) await pause(this.#lifechart.kernel, Math.min(backoff.first * 2 ** (failed - 1), backoff.most), this.#over.signal)
    }
    this.#writing.delete(taskId)
  }

  /** False when it has to be tried again. */
  async #save(taskId: string, { caller, context }: Behalf, failed: number): Promise<boolean> {
    const { tasks, kernel } = this.#lifechart
    if (kernel.closed) return true
    try {
      await this.#store.save(await tasks.get(taskId, { caller }), context as ServerCallContext)
      return true
    } catch (error) {
      const { logger } = kernel.environment
      const facts = { task: taskId, error: String(error) }
      const last = failed + 1 >= tries
      if (last) logger.error('A task could not be written to the task store and is given up.', facts)
      else logger.warn('A task could not be written to the task store; trying again.', facts)
      return last
    }
  }
}
