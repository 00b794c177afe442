import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach } from 'vitest'

/** Built before the tests. */
const program = fileURLToPath(new URL('../../.build/examples/surveyor/serve.js', import.meta.url))

export interface SurveyServer {
  /** Without a slash at its end. */
  url: string
  port: string
  /** Sends the signal; gives the exit code, null for one that was killed. */
  end(signal: 'SIGTERM' | 'SIGINT' | 'SIGKILL'): Promise<number | null>
}

/** Starts servers of the surveyor, each of which is gone behind its test. */
export function surveyServers() {
  const children: ChildProcess[] = []
  afterEach(async () => {
    for (const child of children.splice(0)) await end(child, 'SIGKILL')
  })

  function start(...args: string[]): { child: ChildProcess; complaints: () => string } {
    const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    const complaints: string[] = []
    child.stderr.setEncoding('utf8').on('data', (text: string) => complaints.push(text))
    children.push(child)
    return { child, complaints: () => complaints.join('') }
  }

  return {
    /** One that listens. */
    async serve({ dir, data, port = '0' }: { dir: string; data: string; port?: string }): Promise<SurveyServer> {
      const { child, complaints } = start('--dir', dir, '--data', data, '--port', port)
      if (!child.stdout) throw new Error('The server has no output.')
      for await (const line of createInterface(child.stdout)) {
        const [url, listening] = /http:\/\/127\.0\.0\.1:(\d+)/.exec(line) ?? []
        if (url && listening) return { url, port: listening, end: signal => end(child, signal) }
      }
      throw new Error(`The server does not listen.\n${complaints()}`)
    },
    /** One that says what is wrong, and ends. */
    async fail(...args: string[]): Promise<{ code: number | null; complaint: string }> {
      const { child, complaints } = start(...args)
      const [code] = (await once(child, 'close')) as [number | null]
      return { code, complaint: complaints() }
    },
  }
}

async function end(child: ChildProcess, signal: 'SIGTERM' | 'SIGINT' | 'SIGKILL'): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) {
    const exit = once(child, 'exit')
    child.kill(signal)
    await exit
  }
  return child.exitCode
}
