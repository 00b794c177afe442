import { type ChildProcess, fork } from 'node:child_process'

/** What another process does when it is asked to, by name. */
export type Commands = Record<string, (...given: never[]) => unknown>

interface Asked {
  n: number
  name: string
  given: never[]
}

interface Answered {
  n: number
  value?: unknown
  error?: string
}

/** A process of its own, so that its work and its memory are nobody else's. */
export class Remote<C extends Commands> {
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, { resolve(value: never): void; reject(error: Error): void }>()
  #asked = 0

  constructor(program: string, flags: readonly string[] = []) {
    this.#child = fork(new URL(`./${program}.js`, import.meta.url), { execArgv: ['--expose-gc', ...flags] })
    this.#child.on('message', ({ n, value, error }: Answered) => {
      const waiting = this.#waiting.get(n)
      this.#waiting.delete(n)
      if (error === undefined) waiting?.resolve(value as never)
      else waiting?.reject(new Error(error))
    })
    this.#child.on('exit', (code, signal) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`${program} ended (${signal ?? code}).`))
      this.#waiting.clear()
    })
  }

  ask<N extends keyof C & string>(name: N, ...given: Parameters<C[N]>): Promise<Awaited<ReturnType<C[N]>>> {
    const n = ++this.#asked
    return new Promise((resolve, reject) => {
      this.#waiting.set(n, { resolve, reject })
      this.#child.send({ n, name, given })
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exited = new Promise(resolve => this.#child.once('exit', resolve))
    this.#child.kill('SIGKILL')
    await exited
  }
}

/** The other side: does what is asked for, and says what came of it. */
export function answer(commands: Commands): void {
  process.on('message', async ({ n, name, given }: Asked) => {
    try {
      process.send?.({ n, value: await commands[name]?.(...given) })
    } catch (error) {
      process.send?.({ n, error: error instanceof Error ? (error.stack ?? error.message) : String(error) })
    }
  })
}
