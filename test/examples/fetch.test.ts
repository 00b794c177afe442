import { createServer } from 'node:http'
import { getRequestListener, type HttpBindings } from '@hono/node-server'
import { runHandler } from 'lifechart/http'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { followWithFetch, replyWithClient, type Told } from '../../examples/http/fetch.ts'
import { type Listening, listen } from './listening.ts'
import { openReplies, type Replies } from './replies.ts'

let replies: Replies
let server: Listening

beforeEach(async () => {
  replies = await openReplies()
  const runs = runHandler({ lifechart: replies.lifechart, authorize: 'public', retry: 1 })
  server = await listen(
    createServer(getRequestListener((request, env) => runs(request, env as HttpBindings), { overrideGlobalObjects: false })),
  )
})
afterEach(async () => {
  await replies.lifechart.close()
  await server.close()
})

function start(text: string): string {
  const { runId } = replies.lifechart.runs.start('chat', { type: 'reply', input: { text } })
  return `${server.origin}/runs/chat/events?runId=${runId}`
}
const waits = () => vi.waitFor(() => expect(replies.waiting).toBe(1))

describe('following with nothing but fetch', () => {
  it('tells every event once, though the connection breaks', async () => {
    const url = start('one … two … three')
    const told: Told[] = []
    for await (const event of followWithFetch(url)) {
      told.push(event)
      const { word } = event.data as { word?: string }
      if (word === undefined || word === 'three') continue
      await waits()
      server.cut()
      replies.finish()
    }
    expect(told).toEqual([
      { event: 'state', data: { state: 'running' } },
      ...['one', 'two', 'three'].map(word => ({ event: 'chunk', data: { word } })),
      { event: 'end', data: { status: 'done' } },
    ])
  })

  it('is refused by throwing', async () => {
    await expect(followWithFetch(`${server.origin}/runs/nobody/events`).next()).rejects.toThrow('404')
  })

  it('does not try an address that is none for ever', async () => {
    await expect(followWithFetch('nowhere').next()).rejects.toThrow('Invalid URL')
  })
})

describe('following with the client', () => {
  it('tells the whole reply, though the connection breaks', async () => {
    const url = start('one … two')
    const reply = replyWithClient(url)
    await vi.waitFor(() => expect(replies.lifechart.stats()['runs.subscribers']).toBe(1))
    await waits()
    server.cut()
    replies.finish()
    expect(await reply).toBe('onetwo')
  })
})
