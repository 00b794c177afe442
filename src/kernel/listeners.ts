import type { StreamChanged } from './port.ts'

/** Who wants to know that a stream was written to, by whichever process. */
export class Listeners {
  readonly #byStream = new Map<string, Set<() => void>>()

  /** Returns how to stop. */
  add(stream: string, listener: () => void): () => void {
    const listeners = this.#byStream.get(stream) ?? new Set()
    this.#byStream.set(stream, listeners)
    listeners.add(listener)
    return () => {
      listeners.delete(listener)
      if (listeners.size === 0 && this.#byStream.get(stream) === listeners) this.#byStream.delete(stream)
    }
  }

  tell(changed: StreamChanged): void {
    if (changed !== 'all') for (const listener of this.#byStream.get(changed.stream) ?? []) listener()
    else for (const listeners of this.#byStream.values()) for (const listener of listeners) listener()
  }
}
