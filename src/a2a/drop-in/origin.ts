import type { Task } from '@a2a-js/sdk'
import type { ServerCallContext, TaskStore } from '@a2a-js/sdk/server'
import type { Lifechart } from '../../lifechart.ts'
import { isHere } from '../../tasks/importing.ts'
import { isTaskId } from '../../tasks/places.ts'
import type { Caller } from '../../tasks/request.ts'
import { isTerminal } from '../../tasks/states.ts'
import type { Tasks } from '../../tasks/tasks.ts'

/** Tasks that were made before: only the SDK's store knows them. */
export class Origin {
  readonly #lifechart: Lifechart
  readonly #agent: string
  readonly #store: TaskStore

  constructor(lifechart: Lifechart, agent: string, store: TaskStore) {
    this.#lifechart = lifechart
    this.#agent = agent
    this.#store = store
  }

  /** The task, if only the store knows it. It stays there: another server may still be at work on it. */
  async read(taskId: string, context: ServerCallContext): Promise<Task | undefined> {
    // A store may not ask whose it is: what has a stream here is not looked for there.
    if (isTaskId(taskId) && (await isHere(this.#lifechart.kernel, taskId))) return undefined
    const task = await this.#store.load(taskId, context)
    return task?.id === taskId ? task : undefined
  }

  /** The same, if it has ended. One that is open has a stream here from now on: something is to happen to it. */
  async bring(taskId: string, context: ServerCallContext, caller: Caller): Promise<Task | undefined> {
    const task = await this.read(taskId, context)
    if (!task || isTerminal(task.status?.state ?? 0)) return task
    // What users have of the tasks does not take any over.
    await (this.#lifechart.tasks as Tasks).import(this.#agent, task, { caller })
    return undefined
  }
}
