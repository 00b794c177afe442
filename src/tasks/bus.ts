import { EventEmitter } from 'node:events'
import type { ExecutionEvent } from './model.ts'

/** Where an executor publishes: the `ExecutionEventBus` of @a2a-js/sdk. */
export interface TaskBus {
  /**
   * Takes the event over: what the caller does with it afterwards changes nothing. A bus of ours returns a promise that resolves when
   * the next event may come: with false when this one was refused.
   */
  publish(event: ExecutionEvent): unknown
  finished(): void
  on(eventName: 'event', listener: (event: ExecutionEvent) => void): this
  on(eventName: 'finished', listener: () => void): this
  off(eventName: 'event', listener: (event: ExecutionEvent) => void): this
  off(eventName: 'finished', listener: () => void): this
  once(eventName: 'event', listener: (event: ExecutionEvent) => void): this
  once(eventName: 'finished', listener: () => void): this
  removeAllListeners(eventName?: 'event' | 'finished'): this
}

type Listener = ((event: ExecutionEvent) => void) | (() => void)

/** The bus of one execution. Listeners are the executor's own; what it publishes goes into the task first. */
export class ExecutionBus implements TaskBus {
  readonly #take: (event: ExecutionEvent) => Promise<boolean>
  #listeners: EventEmitter | undefined

  constructor(take: (event: ExecutionEvent) => Promise<boolean>) {
    this.#take = take
  }

  publish(event: ExecutionEvent): Promise<boolean> {
    const taken = this.#take(event)
    this.#listeners?.emit('event', event)
    return taken
  }

  /** The end of an execution is that its executor returns; this tells listeners. */
  finished(): void {
    this.#listeners?.emit('finished')
  }

  on(eventName: 'event' | 'finished', listener: Listener): this {
    this.#emitter.on(eventName, listener)
    return this
  }

  off(eventName: 'event' | 'finished', listener: Listener): this {
    this.#emitter.off(eventName, listener)
    return this
  }

  once(eventName: 'event' | 'finished', listener: Listener): this {
    this.#emitter.once(eventName, listener)
    return this
  }

  removeAllListeners(eventName?: 'event' | 'finished'): this {
    this.#emitter.removeAllListeners(eventName)
    return this
  }

  get #emitter(): EventEmitter {
    this.#listeners ??= new EventEmitter()
    return this.#listeners
  }
}
