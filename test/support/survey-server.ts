import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterEach } from 'vitest'

export type { ServerProcess as SurveyServer } from '../../examples/surveyor/server-process.ts'

import type { ServerProcess } from '../../examples/surveyor/server-process.ts'

/** Built before the tests, and what starts it stands beside it. */
const built = new URL('../../.build/examples/surveyor/', import.meta.url)
const { startServer, endProcess } = (await import(
  new URL('server-process.js', built).href
)) as typeof import('../../examples/surveyor/server-process.ts')

/** Starts servers of the surveyor, each of which is gone behind its test. */
export function surveyServers() {
  const children: ChildProcess[] = []
  afterEach(async () => {
    for (const child of children.splice(0)) await endProcess(child, 'SIGKILL')
  })

  return {
    /** One that listens. */
    serve({ dir, data, port = '0' }: { dir: string; data: string; port?: string }): Promise<ServerProcess> {
      return startServer(['--dir', dir, '--data', data, '--port', port], child => children.push(child))
    },
    /** One that says what is wrong, and ends. */
    async fail(...args: string[]): Promise<{ code: number | null; complaint: string }> {
      const child = spawn(process.execPath, [fileURLToPath(new URL('serve.js', built)), ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
      children.push(child)
      const complaints: string[] = []
      child.stderr.setEncoding('utf8').on('data', (text: string) => complaints.push(text))
      const [code] = (await once(child, 'close')) as [number | null]
      return { code, complaint: complaints.join('') }
    },
  }
}
