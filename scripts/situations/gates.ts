import type { Store } from './server.ts'

/** Stands between a handler and its store. */
export class Gates implements Store {
  #writes: Promise<void> | undefined
  #nextRead: Promise<void> | undefined
  #dead = false

  holdWrites(): () => void {
    return this.#hold(held => {
      this.#writes = held
    })
  }

  holdNextRead(): () => void {
    return this.#hold(held => {
      this.#nextRead = held
    })
  }

  #hold(keep: (held: Promise<void> | undefined) => void): () => void {
    let release = () => {}
    keep(
      new Promise<void>(resolve => {
        release = resolve
      }),
    )
    return () => {
      keep(undefined)
      release()
    }
  }

  /** Nothing is answered any more. */
  die(): void {
    this.#dead = true
  }

  async write<T>(call: () => Promise<T>): Promise<T> {
    await this.#writes
    return this.other(call)
  }

  async read<T>(call: () => Promise<T>): Promise<T> {
    const held = this.#nextRead
    this.#nextRead = undefined
    await held
    return this.other(call)
  }

  other<T>(call: () => Promise<T>): Promise<T> {
    return this.#dead ? new Promise<T>(() => {}) : call()
  }
}
