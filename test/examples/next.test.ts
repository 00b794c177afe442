import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getRequestListener } from '@hono/node-server'
import { runHandler } from 'lifechart/http'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import * as messages from '../../examples/http/next/app/chats/[id]/messages/route.ts'
import * as runs from '../../examples/http/next/app/runs/[...path]/route.ts'
import { authorize, type Served, served } from '../../examples/http/next/lifechart.ts'
import { framesOf } from './frames.ts'
import { listen } from './listening.ts'
import { itServesRuns, type Mounting } from './mounted.ts'
import { openReplies } from './replies.ts'

const kept = globalThis as typeof globalThis & { lifechart?: Promise<Served> }

/** What Next does with the folder `app`. */
async function route(request: Request): Promise<Response> {
  const { pathname } = new URL(request.url)
  if (!pathname.startsWith('/runs/')) {
    const id = decodeURIComponent(pathname.split('/')[2] ?? '')
    return messages.POST(request, { params: Promise.resolve({ id }) })
  }
  return request.method === 'POST' ? runs.POST(request) : runs.GET(request)
}

/** The process has a runtime already, whoever opened it. */
async function inProcess(): Promise<Mounting> {
  const replies = await openReplies()
  const { lifechart } = replies
  kept.lifechart = Promise.resolve({ lifechart, runs: runHandler({ lifechart, authorize }) })
  return { replies, app: { ask: (path, init) => route(new Request(`http://127.0.0.1${path}`, init)), close: async () => undefined } }
}

itServesRuns('runs in the routes of Next', inProcess)

itServesRuns('runs in the routes of Next, behind a server', async () => {
  const { replies } = await inProcess()
  const { origin, close } = await listen(createServer(getRequestListener(route, { overrideGlobalObjects: false })))
  return { replies, app: { ask: (path, init) => fetch(origin + path, init), close } }
})

describe('the runtime of a Next app', () => {
  let dir: string

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'lifechart-next-'))
    vi.stubEnv('RUNS_DIR', dir)
    kept.lifechart = undefined
  })
  afterEach(async () => {
    const opened = await kept.lifechart
    await opened?.lifechart.close()
    kept.lifechart = undefined
    vi.unstubAllEnvs()
    await rm(dir, { recursive: true })
  })

  it('is opened once, however often its modules are loaded', async () => {
    const [first, second] = await Promise.all([served(), served()])
    vi.resetModules()
    const again = await import('../../examples/http/next/lifechart.ts')
    expect(again.served).not.toBe(served)
    expect(second).toBe(first)
    expect(await again.served()).toBe(first)

    const request = new Request('http://127.0.0.1/chats/ann.1/messages', {
      method: 'POST',
      headers: { cookie: 'user=ann', 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify({ text: 'Hello there' }),
    })
    const frames = await framesOf(await route(request)).rest()
    expect(frames.map(({ data }) => data)).toEqual(['{"state":"running"}', '"Hello"', '"there"', '{"status":"done"}'])
  })

  it('is opened by the next request when it could not be', async () => {
    vi.stubEnv('RUNS_DIR', join(dir, 'file'))
    await writeFile(join(dir, 'file'), '')
    await expect(served()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    await rm(join(dir, 'file'))
    expect((await served()).lifechart.stats()['runs.live']).toBe(0)
  })
})
