import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export interface Program {
  pid: number
  /** Everything that it has said so far. */
  said: unknown[]
  /** Resolves with the first message, of those to come and those that came, that the test picks. */
  says<T>(pick: (message: unknown) => T | undefined): Promise<T>
  input: NonNullable<ChildProcess['stdin']>
  /** kill -9; resolves when it is gone and all that it said is here. */
  kill(): Promise<void>
}

/** Starts one of the programs in test/children, which `npm run build` compiles. */
export function start(name: string, ...options: string[]): Program {
  const script = fileURLToPath(new URL(`../../../.build/test/children/${name}.js`, import.meta.url))
  const child = spawn(process.execPath, [script, ...options], { stdio: ['pipe', 'pipe', 'inherit'] })
  const said: unknown[] = []
  const listeners = new Set<(message: unknown) => void>()
  const gone = once(child, 'close')
  let running = true
  gone.then(() => {
    running = false
    for (const listener of listeners) listener(undefined)
  })
  createInterface(child.stdout).on('line', line => {
    const message: unknown = JSON.parse(line)
    said.push(message)
    for (const listener of listeners) listener(message)
  })
  return {
    pid: child.pid!,
    said,
    input: child.stdin,
    says: pick =>
      new Promise((resolve, reject) => {
        const listener = (message: unknown) => {
          const found = message === undefined ? undefined : pick(message)
          if (found !== undefined) resolve(found)
          else if (message === undefined) reject(new Error(`${name} ended after saying ${JSON.stringify(said.slice(-3))}`))
          else return
          listeners.delete(listener)
        }
        listeners.add(listener)
        for (const message of [...said]) listener(message)
        if (!running) listener(undefined)
      }),
    async kill() {
      child.kill('SIGKILL')
      await gone
    },
  }
}

/** For `says`: the value of this field of a message that has it. */
export const field = (name: string) => (message: unknown) => (message as Record<string, unknown>)[name]
