import { createServer } from 'node:http'
import { getRequestListener, type HttpBindings } from '@hono/node-server'
import { runHandler } from 'lifechart/http'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { followWithFetch, replyWithClient, type Told } from '../../examples/http/fetch.ts'
import { eventually } from './eventually.ts'
import { type Listening, listen } from './listening.ts'
import { openReplies, type Replies } from './replies.ts'

let replies: Replies
let server: Listening
/** Behind which event each connection goes on. */
let positions: (string | undefined)[]
/** How often the server has no time for anybody. */
let busy: number

beforeEach(async () => {
  replies = await openReplies()
  const runs = runHandler({ lifechart: replies.lifechart, authorize: 'public', retry: 1 })
  positions = []
  busy = 0
  const answer = (request: Request, env: unknown) => {
    if (busy-- > 0) return new Response(null, { status: 503 })
    positions.push(request.headers.get('last-event-id')?.split(':')[1])
    return runs(request, env as HttpBindings)
  }
  server = await listen(createServer(getRequestListener(answer, { overrideGlobalObjects: false })))
})
afterEach(async () => {
  await replies.lifechart.close()
  await server.close()
})

function start(text: string): string {
  const { runId } = replies.lifechart.runs.start('chat', { type: 'reply', input: { text } })
  return `${server.origin}/runs/chat/events?runId=${runId}`
}
const waits = () => eventually(() => expect(replies.waiting).toBe(1))

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
    expect(positions).toEqual([undefined, '2', '3'])
  })

  it('comes again while the server has no time', async () => {
    busy = 1
    const told: Told[] = []
    const url = start('one')
    for await (const event of followWithFetch(url)) told.push(event)
    expect(told.map(({ event }) => event)).toEqual(['state', 'chunk', 'end'])
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
    await eventually(() => expect(replies.lifechart.stats()['runs.subscribers']).toBe(1))
    await waits()
    server.cut()
    replies.finish()
    expect(await reply).toBe('onetwo')
  })
})
