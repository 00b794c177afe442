import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { printable } from './printable.ts'

/** The server, as a process that can be ended. */
export interface ServerProcess {
  /** Without a slash at its end. */
  readonly url: string
  readonly port: string
  readonly pid: number
  /** Sends the signal; gives the exit code, null for one that was killed. */
  end(signal: NodeJS.Signals): Promise<number | null>
}

/** Built beside this one. */
const program = fileURLToPath(new URL('serve.js', import.meta.url))

/** Starts the server with these arguments, and waits until it listens. `onSpawn` is told of the process before. */
export async function startServer(args: readonly string[], onSpawn: (child: ChildProcess) => void): Promise<ServerProcess> {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  onSpawn(child)
  const complaints: string[] = []
  child.stderr.setEncoding('utf8').on('data', (text: string) => complaints.push(text))
  for await (const line of createInterface(child.stdout)) {
    const [url, port] = /http:\/\/127\.0\.0\.1:(\d+)/.exec(line) ?? []
    if (url && port) return { url, port, pid: child.pid ?? 0, end: signal => endProcess(child, signal) }
  }
  throw new Error(`The server does not listen.\n${complaints.join('').split('\n').map(printable).join('\n')}`)
}

/** Gives the exit code; null for one that was killed. */
export async function endProcess(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) {
    const exit = once(child, 'exit')
    child.kill(signal)
    await exit
  }
  return child.exitCode
}
