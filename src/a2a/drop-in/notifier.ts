import type { PushNotificationSender } from '@a2a-js/sdk/server'
import type { Lifechart } from '../../lifechart.ts'
import type { Behalf } from '../../tasks/agent.ts'
import { taskStream } from '../../tasks/names.ts'
import { Telling } from './telling.ts'

/** Gives what is committed to the tasks that are held here to the SDK's sender. What is on its way is gone with the process. */
export class Notifier {
  readonly #lifechart: Lifechart
  readonly #sender: PushNotificationSender
  readonly #telling = new Map<string, Telling>()

  constructor(lifechart: Lifechart, sender: PushNotificationSender) {
    this.#lifechart = lifechart
    this.#sender = sender
    lifechart.kernel.transitions.subscribe({ complete: () => this.#close() })
  }

  /** The task came to this process: what happens to it from now on is told. */
  activated(taskId: string, behalf: Behalf): void {
    const under = this.#telling.get(taskId)
    if (under) under.goOn(behalf)
    else this.#tell(taskId, behalf)
  }

  #tell(taskId: string, behalf: Behalf): void {
    const { kernel } = this.#lifechart
    const from = kernel.host(taskStream(taskId))?.writer.version ?? 0
    const over = () => this.#telling.delete(taskId)
    this.#telling.set(taskId, new Telling({ kernel, sender: this.#sender, over }, taskId, behalf, from))
  }

  /** It left: what is committed is told to its end. */
  released(taskId: string): void {
    this.#telling.get(taskId)?.finish()
  }

  #close(): void {
    for (const telling of this.#telling.values()) telling.finish()
  }
}
