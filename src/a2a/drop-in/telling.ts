import type { StreamResponse } from '@a2a-js/sdk'
import type { PushNotificationSender, ServerCallContext } from '@a2a-js/sdk/server'
import { isLifechartError } from '../../errors.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { decode, Step } from '../../kernel/stream/record.ts'
import type { Behalf } from '../../tasks/agent.ts'
import { eventOf } from '../../tasks/events.ts'
import { foldedTo } from '../../tasks/folded.ts'
import { taskStream } from '../../tasks/names.ts'
import { isImport } from '../../tasks/records.ts'
import { TaskView } from '../../tasks/view.ts'
import { pause } from '../push/pause.ts'

/** Records that are read at once. */
const page = { limit: 64, maxBytes: 1024 * 1024 }
/** Milliseconds until a store that failed is asked again. */
const storePause = 1_000

interface TellingHouse {
  readonly kernel: Kernel
  readonly sender: PushNotificationSender
  /** All of it was told. */
  over(): void
}

/** Tells the SDK's sender what happens to one task: one event after the other. */
export class Telling {
  readonly #house: TellingHouse
  readonly #taskId: string
  readonly #stream: string
  readonly #never = new AbortController().signal
  #behalf: Behalf
  #view: TaskView | undefined
  #finishing = false
  #woken = false
  #alarm: (() => void) | undefined
  readonly #ignore: () => void

  /** From behind the record `from`. */
  constructor(house: TellingHouse, taskId: string, behalf: Behalf, from: number) {
    this.#house = house
    this.#taskId = taskId
    this.#stream = taskStream(taskId)
    this.#behalf = behalf
    this.#ignore = house.kernel.listeners.add(this.#stream, () => this.#wake())
    void this.#run(from)
  }

  goOn(behalf: Behalf): void {
    this.#behalf = behalf
    this.#finishing = false
  }

  finish(): void {
    this.#finishing = true
    this.#wake()
  }

  #wake(): void {
    this.#woken = true
    this.#alarm?.()
  }

  async #run(from: number): Promise<void> {
    // A new one is not stored yet.
    if (from === 0) await this.#news()
    while (!(await this.#tell(from)));
  }

  /** Nothing is awaited behind it: who comes again begins anew. */
  #end(): true {
    this.#ignore()
    this.#house.over()
    return true
  }

  /** True when there is nothing more to tell. */
  async #tell(from: number): Promise<boolean> {
    const { kernel } = this.#house
    if (kernel.closed) return this.#end()
    try {
      this.#view ??= from === 0 ? new TaskView(this.#taskId) : await foldedTo(kernel, this.#stream, from)
      return await this.#advance(this.#view)
    } catch (error) {
      // It was not created after all, or is no longer kept.
      if (isLifechartError(error, 'STREAM_NOT_FOUND') || kernel.closed) return this.#end()
      kernel.environment.logger.warn('Notifications of a task wait for the store; trying again.', {
        task: this.#taskId,
        error: String(error),
      })
      await pause(kernel, storePause, this.#never)
      return false
    }
  }

  async #advance(view: TaskView): Promise<boolean> {
    const { adapter } = this.#house.kernel
    this.#woken = false
    const { events, head } = await this.#house.kernel.insist(() => adapter.read(this.#stream, { after: view.seq, ...page }))
    for (const text of events) {
      const entry = decode(text)
      view.apply(entry)
      if (entry instanceof Step && isImport(entry.record)) continue
      const event = eventOf(entry, view.seq, { taskId: this.#taskId, contextId: view.contextId })
      if (event) await this.#send(event, view)
    }
    if (view.seq < head || this.#woken) return false
    if (this.#finishing) return this.#end()
    await this.#news()
    return false
  }

  async #send(event: StreamResponse, view: TaskView): Promise<void> {
    const { sender, kernel } = this.#house
    try {
      await sender.send(event, this.#behalf.context as ServerCallContext, view.task())
    } catch (error) {
      kernel.environment.logger.error('A notification could not be sent.', { task: this.#taskId, seq: view.seq, error: String(error) })
    }
  }

  #news(): Promise<void> {
    return new Promise(resolve => {
      this.#alarm = resolve
      if (this.#woken || this.#finishing) resolve()
    })
  }
}
