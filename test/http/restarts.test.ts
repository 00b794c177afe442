import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { follow } from '../../src/client/index.ts'
import type { RunEvent } from '../../src/runs/events.ts'
import { chunks, numbers, upTo } from '../runs/support.ts'

const program = fileURLToPath(new URL('../../.build/test/children/http-server.js', import.meta.url))

let dir: string
let server: ChildProcess | undefined
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'lifechart-http-restart-'))
})
afterEach(async () => {
  await end('SIGKILL')
  rmSync(dir, { recursive: true, maxRetries: 5, retryDelay: 50 })
})

/** Starts a server and gives its port. */
async function begin(port = 0): Promise<number> {
  const child = spawn(process.execPath, [program, dir, String(port)], { stdio: ['ignore', 'pipe', 'inherit'] })
  server = child
  for await (const line of createInterface({ input: child.stdout })) return JSON.parse(line)
  throw new Error('The server did not say its port.')
}

async function end(signal: NodeJS.Signals): Promise<void> {
  const child = server
  server = undefined
  if (!child || child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill(signal)
  await exited
}

it.each(['SIGKILL', 'SIGTERM'] as const)(
  'clients of a server that gets %s in mid-stream, twice, go on with n + 1 at the one that is started again',
  async signal => {
    expect(existsSync(program), 'npm run build comes first').toBe(true)
    const port = await begin()
    const codes: (string | undefined)[] = []
    const restarts = [60, 160]
    const events: RunEvent[] = []
    const other: RunEvent[] = []
    const url = `http://127.0.0.1:${port}/runs/count/events`
    const second = (async () => {
      for await (const event of follow(url)) other.push(event)
    })()
    for await (const event of follow(url, { onDisconnect: ({ error }) => codes.push(error.code) })) {
      events.push(event)
      if (event.type !== 'gap' && event.seq === restarts[0]) {
        restarts.shift()
        await end(signal)
        await begin(port)
      }
    }
    await second
    expect(restarts).toEqual([])
    expect(numbers(events)).toEqual(upTo(events.length))
    expect(chunks(events)).toEqual(upTo(300))
    expect(events.filter(event => event.type === 'state').map(event => event.attempt)).toEqual([undefined, 2, 3])
    expect(events.at(-1)).toMatchObject({ type: 'end', status: 'done', result: 'counted' })
    expect(other).toEqual(events)
    // One that is told to end says so; one that is killed can not.
    if (signal === 'SIGTERM') expect(codes).toContain('RUNTIME_CLOSED')
    else expect(codes).not.toContain('RUNTIME_CLOSED')
  },
)
