import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from './eventually.ts'
import { type Frame, type Frames, framesOf } from './frames.ts'
import type { Replies } from './replies.ts'

/** An app as a client sees it. */
export interface Mounted {
  /** `path` begins with a slash. */
  ask(path: string, init?: RequestInit): Promise<Response>
  close(): Promise<void>
}

export interface Mounting {
  replies: Replies
  app: Mounted
}

/** What every mounted handler does, whatever it is mounted in. Each test has a chat of its own. */
export function itServesRuns(name: string, mount: () => Promise<Mounting>, { straight = false } = {}): void {
  describe(name, () => {
    let replies: Replies
    let app: Mounted
    let chat = 0
    let id = ''

    beforeAll(async () => {
      ;({ replies, app } = await mount())
    })
    afterAll(async () => {
      await replies.lifechart.close()
      await app.close()
    })

    const ask = (path: string, { headers, ...init }: RequestInit = {}) =>
      app.ask(path, { ...init, headers: { cookie: 'user=ann', ...headers } })
    const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
      ask(path, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...headers } })

    async function start(text: string): Promise<string> {
      id = `ann.${++chat}`
      const response = await post(`/chats/${id}/messages`, { text })
      expect(response.status).toBe(202)
      const told = (await response.json()) as { id: string; runId: string }
      expect(told.id).toBe(id)
      return told.runId
    }
    const follow = async (headers: Record<string, string> = {}) => framesOf(await ask(`/runs/${id}/events`, { headers }))
    const audience = () => replies.lifechart.stats()['runs.subscribers']
    /** Until the reply has got as far as it goes by itself. */
    const waits = () => eventually(() => expect(replies.waiting).toBe(1))

    it('starts a run, and tells its events', async () => {
      const runId = await start('one two')
      expect(await (await follow()).rest()).toEqual([
        { id: `${runId}:1`, event: 'state', data: '{"state":"running"}' },
        { id: `${runId}:2`, event: 'chunk', data: '{"word":"one"}' },
        { id: `${runId}:3`, event: 'chunk', data: '{"word":"two"}' },
        { id: `${runId}:4`, event: 'end', data: '{"status":"done"}' },
      ])
    })

    it('answers the start with the stream where one is asked for', async () => {
      const response = await post('/chats/ann.stream/messages', { text: 'one two' }, { accept: 'text/event-stream' })
      expect(response.headers.get('content-type')).toBe('text/event-stream')
      expect(eventsOf(await framesOf(response).rest())).toEqual(['state', 'chunk', 'chunk', 'end'])
    })

    it('goes on behind the last event that arrived', async () => {
      const runId = await start('one two … three four')
      const cut = await follow()
      await read(cut, 2)
      await cut.leave()
      await waits()
      replies.finish()
      const frames = await (await follow({ 'last-event-id': `${runId}:2` })).rest()
      expect(frames.map(({ id }) => id)).toEqual([3, 4, 5, 6].map(seq => `${runId}:${seq}`))
      expect(frames.at(-1)?.event).toBe('end')
    })

    it('says 204 to one who has everything', async () => {
      const runId = await start('one')
      const frames = await (await follow()).rest()
      const again = await ask(`/runs/${id}/events`, { headers: { 'last-event-id': frames.at(-1)?.id ?? '' } })
      expect(again.status).toBe(204)
      expect(frames.at(-1)?.id).toBe(`${runId}:3`)
    })

    it('stops a run, and waits for its end', async () => {
      const runId = await start('one … two')
      const frames = await follow()
      await waits()
      const response = await post(`/runs/${id}/stop?wait=1`, { runId })
      expect([response.status, await response.json()]).toEqual([200, { runId, stopped: true }])
      expect(JSON.parse((await frames.rest()).at(-1)?.data ?? '')).toEqual({ status: 'stopped', reason: 'user' })
    })

    it('says what is known of a run', async () => {
      const runId = await start('one')
      await (await follow()).rest()
      const response = await ask(`/runs/${id}`)
      expect([response.status, await response.json()]).toMatchObject([200, { id, runId, type: 'reply', status: 'done', head: 3 }])
    })

    it.each(['/runs/ann.nobody', '/runs/ann.nobody/events'])('knows no run at %s', async path => {
      const response = await ask(path)
      expect([response.status, await response.json()]).toMatchObject([404, { error: { code: 'RUN_NOT_FOUND' } }])
    })

    it('has nothing to show to one who may not see it', async () => {
      await start('one … two')
      await waits()
      const bob = { cookie: 'user=bob' }
      const unknown = await ask('/runs/ann.nobody')
      const answers = [
        await ask(`/runs/${id}`, { headers: bob }),
        await ask(`/runs/${id}/events`, { headers: bob }),
        await post(`/runs/${id}/stop`, {}, bob),
      ]
      const text = await unknown.text()
      for (const answer of answers) expect([answer.status, await answer.text()]).toEqual([404, text])
      expect((await post(`/chats/${id}/messages`, { text: 'one' }, bob)).status).toBe(404)
      expect(replies.waiting).toBe(1)
      replies.finish()
    })

    it('lets no page of another origin start or stop anything', async () => {
      await start('one … two')
      await waits()
      const origin = 'https://elsewhere.example'
      const stop = await post(`/runs/${id}/stop`, {}, { origin })
      expect([stop.status, await stop.json()]).toMatchObject([403, { error: { code: 'ORIGIN_REFUSED' } }])
      expect((await post(`/chats/${id}/messages`, { text: 'three' }, { origin })).status).toBe(403)
      // What a page can send to another origin without its leave.
      expect((await post(`/chats/${id}/messages`, { text: 'three' }, { 'content-type': 'text/plain' })).status).toBe(415)
      expect(replies.waiting).toBe(1)
      replies.finish()
    })

    it('keeps no subscriber for a client that has left', async () => {
      await start('one … two')
      const frames = [await follow(), await follow()]
      for (const each of frames) await read(each, 2)
      await eventually(() => expect(audience()).toBe(2))
      for (const each of frames) await each.leave()
      await eventually(() => expect(audience()).toBe(0))
      await waits()
      replies.finish()
    })

    if (straight) {
      it('writes streams straight to the socket', async () => {
        await start('one')
        const response = await ask(`/runs/${id}/events`)
        expect(response.headers.get('transfer-encoding')).toBeNull()
        expect(eventsOf(await framesOf(response).rest())).toEqual(['state', 'chunk', 'end'])
      })
    }
  })
}

const eventsOf = (frames: Frame[]) => frames.map(({ event }) => event)

async function read(frames: Frames, count: number): Promise<void> {
  for (let n = 0; n < count; n++) expect(await frames.next()).toBeDefined()
}
