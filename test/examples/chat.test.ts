import type { Server } from 'node:http'
import { Chat } from '@ai-sdk/react'
import { createAdaptorServer } from '@hono/node-server'
import type { UIMessage } from 'ai'
import { type Lifechart, openLifechart } from 'lifechart'
import { memoryAdapter } from 'lifechart/adapters/memory'
import { type TestEnvironment, testEnvironment } from 'lifechart/testing'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { chatClient } from '../../examples/chat/client.ts'
import { chatServer } from '../../examples/chat/server.ts'
import { eventually } from './eventually.ts'
import { type Listening, listen } from './listening.ts'
import { type Call, talkingModel } from './model.ts'
import { byCookie } from './replies.ts'

const id = 'ann.chat/1'
const headers = { cookie: 'user=ann' }

let environment: TestEnvironment
let lifechart: Lifechart
let server: Listening
let calls: Call[]

beforeEach(async () => {
  const talking = talkingModel()
  calls = talking.calls
  environment = testEnvironment()
  lifechart = await openLifechart({ adapter: memoryAdapter(), logger: environment.logger })
  const app = chatServer({ lifechart, authorize: byCookie, model: talking.model })
  server = await listen(createAdaptorServer({ fetch: app.fetch }) as Server)
})
afterEach(async () => {
  await lifechart.close()
  await server.close()
})

const client = () => chatClient({ api: `${server.origin}/api/chat`, headers })

/** A page with this chat, as it comes from the history. */
const openTab = (messages: UIMessage[] = []) => new Chat<UIMessage>({ id, messages, transport: client().transport })

/** The text that a tab shows of each message. */
const shown = (tab: Chat<UIMessage>) =>
  tab.messages.map(({ role, parts }) => `${role}: ${parts.map(part => (part.type === 'text' ? part.text : '')).join('')}`)

/** Until the model is called for the nth time. */
async function call(n = 1): Promise<Call> {
  await eventually(() => expect(calls).toHaveLength(n))
  return calls[n - 1] as Call
}

const listeners = (count: number) => eventually(() => expect(lifechart.stats()['runs.subscribers']).toBe(count))

const asked = () => ({ text: 'Who is there?' })

describe('a chat of the AI SDK', () => {
  it('streams an answer', async () => {
    const tab = openTab()
    const sent = tab.sendMessage(asked())
    const answer = await call()
    answer.say('It ')
    await eventually(() => expect(shown(tab)).toEqual(['user: Who is there?', 'assistant: It ']))
    expect(tab.status).toBe('streaming')
    answer.say('is I.')
    answer.finish()
    await sent
    expect(shown(tab)).toEqual(['user: Who is there?', 'assistant: It is I.'])
    expect([tab.status, tab.error]).toEqual(['ready', undefined])
    expect((await lifechart.runs.get(id))?.status).toBe('done')
  })

  it('goes on when the tab is closed, and is whole in the next one', async () => {
    const first = openTab()
    const sent = first.sendMessage(asked())
    const answer = await call()
    answer.say('It ')
    await eventually(() => expect(shown(first).at(-1)).toBe('assistant: It '))
    await first.stop()
    await sent
    await listeners(0)
    expect(answer.signal.aborted).toBe(false)

    answer.say('is ')
    const second = openTab(first.messages.slice(0, 1))
    const resumed = second.resumeStream()
    await eventually(() => expect(shown(second).at(-1)).toBe('assistant: It is '))
    answer.say('I.')
    answer.finish()
    await resumed
    expect(shown(second)).toEqual(['user: Who is there?', 'assistant: It is I.'])
    expect(second.messages[1]?.parts.filter(({ type }) => type === 'text')).toHaveLength(1)
    expect(second.messages[1]?.id).toBe(first.messages[1]?.id)
    expect(second.status).toBe('ready')
    expect(calls).toHaveLength(1)
  })

  it('is whole, and there once, in a tab whose connection broke', async () => {
    const tab = openTab()
    const sent = tab.sendMessage(asked())
    const answer = await call()
    answer.say('It ')
    await eventually(() => expect(shown(tab).at(-1)).toBe('assistant: It '))
    server.cut()
    await sent
    expect(tab.status).toBe('error')
    await listeners(0)

    const resumed = tab.resumeStream()
    await listeners(1)
    answer.say('is I.')
    answer.finish()
    await resumed
    expect(shown(tab)).toEqual(['user: Who is there?', 'assistant: It is I.'])
    expect(tab.status).toBe('ready')
  })

  it('is stopped for every tab, and so is the call of the model', async () => {
    const first = openTab()
    const sent = first.sendMessage(asked())
    const answer = await call()
    answer.say('It ')
    await eventually(() => expect(shown(first).at(-1)).toBe('assistant: It '))
    const second = openTab(first.messages.slice(0, 1))
    const resumed = second.resumeStream()
    await eventually(() => expect(shown(second).at(-1)).toBe('assistant: It '))

    await client().stop(second)
    expect(answer.signal.aborted).toBe(true)
    await Promise.all([sent, resumed])
    expect([first.status, second.status]).toEqual(['ready', 'ready'])
    expect([shown(first), shown(second)]).toEqual(Array(2).fill(['user: Who is there?', 'assistant: It ']))
    await eventually(async () => expect((await lifechart.runs.get(id))?.end).toMatchObject({ status: 'stopped', reason: 'user' }))
  })

  it('has nothing to resume where nothing is going on', async () => {
    const response = await fetch(`${server.origin}/api/chat/${encodeURIComponent(id)}/stream`, { headers })
    expect(response.status).toBe(204)
    const tab = openTab()
    await tab.resumeStream()
    expect([tab.status, tab.messages, tab.error]).toEqual(['ready', [], undefined])

    const sent = tab.sendMessage(asked())
    ;(await call()).finish()
    await sent
    const later = openTab(tab.messages)
    await later.resumeStream()
    expect(later.status).toBe('ready')
    expect(shown(later)).toEqual(shown(tab))
  })

  it.each(['refuse', 'fail'] as const)('ends as an error where the model does %s, and says why to the log alone', async how => {
    const tab = openTab()
    const sent = tab.sendMessage(asked())
    const answer = await call()
    answer.say('It ')
    answer[how](new Error('the key of the model is wrong'))
    await sent
    expect(tab.status).toBe('error')
    expect(tab.error?.message).toBe('The producer failed; the cause is in the log of the server.')
    expect((await lifechart.runs.get(id))?.end).toMatchObject({ status: 'error', error: { code: 'PRODUCER_FAILED' } })
    expect(JSON.stringify(environment.log)).toContain('the key of the model is wrong')
  })

  it('asks again with the whole history, and one answer replaces the other', async () => {
    const tab = openTab()
    const sent = tab.sendMessage(asked())
    ;(await call()).say('It ')
    await eventually(() => expect(shown(tab).at(-1)).toBe('assistant: It '))
    const other = openTab(tab.messages)
    const again = other.sendMessage({ text: 'Really?' })
    const answer = await call(2)
    expect(answer.prompt).toEqual(['Who is there?', 'It ', 'Really?'])
    expect(calls[0]?.signal.aborted).toBe(true)
    answer.say('Yes.')
    answer.finish()
    await Promise.all([sent, again])
    expect([tab.status, shown(other).at(-1)]).toEqual(['ready', 'assistant: Yes.'])
  })

  it('stops the tab, and says that there was nothing to stop', async () => {
    const stop = vi.fn(async () => undefined)
    await expect(client().stop({ id: 'ann.nothing', stop })).rejects.toThrow('404')
    expect(stop).toHaveBeenCalledOnce()
  })

  it('takes nothing that a page of another origin could send without leave', async () => {
    const body = JSON.stringify({ id, messages: [] })
    const response = await fetch(`${server.origin}/api/chat`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'text/plain' },
      body,
    })
    expect(response.status).toBe(415)
    expect(calls).toHaveLength(0)
  })

  it('shows nothing to another user, and takes nothing from them', async () => {
    const sent = openTab().sendMessage(asked())
    const answer = await call()
    const bob = { cookie: 'user=bob', 'content-type': 'application/json' }
    const at = `${server.origin}/api/chat`
    const resume = await fetch(`${at}/${encodeURIComponent(id)}/stream`, { headers: bob })
    expect(resume.status).toBe(204)
    const stop = await fetch(`${at}/${encodeURIComponent(id)}/stop`, { method: 'POST', headers: bob })
    expect(stop.status).toBe(404)
    const send = await fetch(at, { method: 'POST', headers: bob, body: JSON.stringify({ id, messages: [] }) })
    expect(send.status).toBe(404)
    answer.finish()
    await sent
    expect(calls).toHaveLength(1)
  })
})
