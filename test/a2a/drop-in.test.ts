import type { AgentCard, StreamResponse } from '@a2a-js/sdk'
import {
  A2AError,
  ContentTypeNotSupportedError,
  PushNotificationNotSupportedError,
  TaskNotFoundError,
  UnsupportedOperationError,
} from '@a2a-js/sdk/errors'
import { type AgentExecutor, InMemoryTaskStore, DefaultRequestHandler as SdkRequestHandler, ServerCallContext } from '@a2a-js/sdk/server'
import { DefaultRequestHandler, type DropInOptions } from 'lifechart/a2a'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { LateEvents } from '../../src/a2a/drop-in/late-events.ts'
import type { Lifechart } from '../../src/lifechart.ts'
import { settled } from '../../src/testing/simulated-clock.ts'
import { processes } from '../runs/support.ts'
import { all, deferred, nameOf, state, textOf } from '../tasks/support.ts'
import { does, threeChunks } from './executors.ts'
import { agentCard, byId, clientOf, type Listening, listen, send, taskIn, transports } from './servers.ts'

const house = processes()
const listening: Listening[] = []
afterEach(() => {
  for (const server of listening.splice(0)) server.close()
  vi.restoreAllMocks()
})

const ann = () => new ServerCallContext({ user: { isAuthenticated: true, userName: 'ann' } })

function over(options: DropInOptions = {}, { executor = threeChunks, card = agentCard } = {}): DefaultRequestHandler {
  return new DefaultRequestHandler(card, new InMemoryTaskStore(), executor, undefined, undefined, undefined, undefined, undefined, options)
}

const fiveEvents = ['working', 'artifact result: one ', 'artifact result+: two ', 'artifact result+: three', 'completed']

describe('changing the import', () => {
  /** As the examples of the SDK are written: times and ids of its own, and nothing awaited. */
  const sample: AgentExecutor = {
    async execute({ task, taskId, contextId, userMessage }, bus) {
      const status = (at: number) => ({ state: at, message: undefined, timestamp: new Date(0).toISOString() })
      if (!task) {
        const history = [userMessage]
        const made = { id: taskId, contextId, status: status(state.TASK_STATE_SUBMITTED), artifacts: [], history, metadata: undefined }
        bus.publish({ kind: 'task', data: made })
      }
      bus.publish({ kind: 'statusUpdate', data: { taskId, contextId, status: status(state.TASK_STATE_WORKING), metadata: undefined } })
      const artifact = { artifactId: 'a', name: 'a', description: '', parts: userMessage.parts, metadata: undefined, extensions: [] }
      bus.publish({ kind: 'artifactUpdate', data: { taskId, contextId, artifact, append: false, lastChunk: true, metadata: undefined } })
      bus.publish({ kind: 'statusUpdate', data: { taskId, contextId, status: status(state.TASK_STATE_COMPLETED), metadata: undefined } })
      bus.finished()
    },
    cancelTask: async () => undefined,
  }

  it("is the whole migration: the same arguments, and the same answers as the SDK's", async () => {
    vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    const told = await Promise.all(
      [SdkRequestHandler, DefaultRequestHandler].map(async Handler => {
        const handler = new Handler(agentCard, new InMemoryTaskStore(), sample)
        const task = taskIn(await handler.sendMessage(send('hello'), ann()))
        return {
          state: nameOf(task.status?.state),
          history: task.history.map(({ parts }) => textOf(parts)),
          artifacts: task.artifacts.map(({ artifactId, parts }) => [artifactId, textOf(parts)]),
          streamed: await all(handler.sendMessageStream(send('hello'), ann())),
          again: nameOf((await handler.getTask(byId(task.id), ann())).status?.state),
          card: await handler.getAgentCard(),
        }
      }),
    )
    expect(told[1]).toEqual(told[0])
    expect(told[0]?.streamed).toEqual(['task submitted', 'working', 'artifact a: hello', 'completed'])
  })

  it.each(transports)('serves over %s', async transport => {
    const { lifechart } = await house.open()
    const server = await listen(transport, over({ lifechart }))
    listening.push(server)
    const client = await clientOf(transport, server.port)
    expect(await all(client.sendMessageStream(send('go')))).toEqual(['task submitted', ...fiveEvents])
    const { id } = taskIn(await client.sendMessage(send('go')))
    expect(nameOf((await client.getTask(byId(id))).status?.state)).toBe('completed')
  })

  it('without a lifechart says once in the log that everything is in memory', async () => {
    const lines: string[] = []
    vi.spyOn(process.stderr, 'write').mockImplementation(line => lines.push(String(line)) > 0)
    const handler = over()
    await handler.sendMessage(send('go'), ann())
    await handler.sendMessage(send('go'), ann())
    expect(lines.map(line => JSON.parse(line).message)).toEqual([
      'No adapter: everything is kept in memory and gone with the process. See docs/adapters.md.',
    ])
  })
})

describe('the lifechart', () => {
  it('may be a promise: calls wait for it', async () => {
    const { lifechart } = await house.open()
    let open: (lifechart: Lifechart) => void = () => undefined
    const handler = over({ lifechart: new Promise(resolve => (open = resolve)) })
    const sent = handler.sendMessage(send('go'), ann())
    const streamed = all(handler.sendMessageStream(send('go'), ann()))
    expect((await handler.getAgentCard()).name).toBe('agent')
    await settled()
    open(lifechart)
    expect(nameOf(taskIn(await sent).status?.state)).toBe('completed')
    expect(await streamed).toEqual(['task submitted', ...fiveEvents])
  })

  it('that can not be opened is an internal error of each call, and in the log', async () => {
    const lines: string[] = []
    vi.spyOn(process.stderr, 'write').mockImplementation(line => lines.push(String(line)) > 0)
    const handler = over({ lifechart: Promise.reject(new Error('the password is wrong')) })
    await settled()
    await expect(handler.sendMessage(send('go'), ann())).rejects.toThrow('The server could not do this.')
    await expect(all(handler.sendMessageStream(send('go'), ann()))).rejects.toThrow('The server could not do this.')
    expect(lines.map(line => JSON.parse(line).message)).toEqual(['Nothing can be served.', 'A call failed.', 'A call failed.'])
  })

  it('that has an agent of this name already is an internal error of the first call, and in the log', async () => {
    const { lifechart, log } = await house.open()
    const first = over({ lifechart })
    const second = over({ lifechart })
    await settled()
    const refusal = await second.getTask(byId('any'), ann()).catch((error: unknown) => error)
    expect(refusal).toBeInstanceOf(A2AError)
    expect(refusal).toMatchObject({ message: 'The server could not do this (AGENT_TAKEN).' })
    expect(log.filter(({ level }) => level === 'error').map(({ message }) => message)).toEqual(['Nothing can be served.', 'A call failed.'])
    expect(nameOf(taskIn(await first.sendMessage(send('go'), ann())).status?.state)).toBe('completed')
  })

  it('with a store makes tasks outlive their process', async () => {
    const asks = does(script => void script.status(script.context.task ? state.TASK_STATE_COMPLETED : state.TASK_STATE_INPUT_REQUIRED))
    const first = await house.open()
    const { id } = taskIn(await over({ lifechart: first.lifechart }, { executor: asks }).sendMessage(send('go'), ann()))
    await settled()
    first.lifechart.kernel.crash()
    const { lifechart } = await house.open()
    const handler = over({ lifechart }, { executor: asks })
    expect(nameOf(taskIn(await handler.sendMessage(send('more', { taskId: id }), ann())).status?.state)).toBe('completed')
  })
})

describe('the guarantees', () => {
  it('a message that arrives during an execution is executed behind it', async () => {
    const { lifechart } = await house.open()
    const gate = deferred()
    const said: string[] = []
    const executor = does(async script => {
      const text = textOf(script.context.userMessage.parts)
      script.status(state.TASK_STATE_WORKING)
      if (text === 'one') await gate.promise
      said.push(text)
      script.status(text === 'two' ? state.TASK_STATE_COMPLETED : state.TASK_STATE_INPUT_REQUIRED)
    })
    const handler = over({ lifechart }, { executor })
    const { id } = taskIn(await handler.sendMessage(send('one', { returnImmediately: true }), ann()))
    const follow = handler.sendMessage(send('two', { taskId: id }), ann())
    await settled()
    expect(said).toEqual([])
    gate.resolve()
    expect(nameOf(taskIn(await follow).status?.state)).toBe('completed')
    expect(said).toEqual(['one', 'two'])
  })

  it('a cancel takes no longer than its grace', async () => {
    const { lifechart, clock } = await house.open()
    const executor = does(async script => {
      script.status(state.TASK_STATE_WORKING)
      await new Promise(() => undefined)
    })
    const handler = over({ lifechart, policy: { cancelGrace: 700 } }, { executor })
    const { id } = taskIn(await handler.sendMessage(send('go', { returnImmediately: true }), ann()))
    const cancelled = handler.cancelTask(byId(id), ann())
    await clock.advance(700)
    expect(nameOf((await cancelled).status?.state)).toBe('canceled')
  })
})

describe('what else it is given', () => {
  const card: AgentCard = {
    ...agentCard,
    defaultInputModes: ['text/plain'],
    capabilities: { streaming: true, extensions: [], extendedAgentCard: true },
  }
  const extended = { ...card, description: 'More of it.' }
  const sign = async (unsigned: AgentCard): Promise<AgentCard> => ({ ...unsigned, version: `${unsigned.version} signed` })

  it.each([
    ['a card', extended],
    ['a function', async () => extended],
  ] as const)('%s for those who are known, signed', async (_what, provider) => {
    const { lifechart } = await house.open()
    const rest = [undefined, undefined, undefined, provider, sign, { lifechart }] as const
    const handler = new DefaultRequestHandler(card, new InMemoryTaskStore(), threeChunks, ...rest)
    expect(await handler.getAgentCard()).toMatchObject({ description: card.description, version: '1.0.0 signed' })
    expect(await handler.getAuthenticatedExtendedAgentCard({ tenant: '' }, ann())).toMatchObject({
      description: 'More of it.',
      version: '1.0.0 signed',
    })
  })

  it('input modes are held against the card when they are to be', async () => {
    const image = send('go')
    for (const part of image.message?.parts ?? []) part.mediaType = 'image/png'
    const [one, two] = [await house.open(), await house.open()]
    const strict = over({ lifechart: one.lifechart, validateInputModes: true }, { card })
    await expect(strict.sendMessage(image, ann())).rejects.toThrow(ContentTypeNotSupportedError)
    const open = over({ lifechart: two.lifechart }, { card: { ...card, name: 'other' } })
    expect(nameOf(taskIn(await open.sendMessage(image, ann())).status?.state)).toBe('completed')
  })

  it('a card that promises no streams or notifications has none', async () => {
    const { lifechart } = await house.open()
    const handler = over({ lifechart }, { card: { ...card, capabilities: { streaming: false, pushNotifications: false, extensions: [] } } })
    await expect(all(handler.sendMessageStream(send('go'), ann()))).rejects.toThrow(UnsupportedOperationError)
    const { id } = taskIn(await handler.sendMessage(send('go'), ann()))
    await expect(handler.listTaskPushNotificationConfigs({ taskId: id, tenant: '', pageSize: 0, pageToken: '' }, ann())).rejects.toThrow(
      PushNotificationNotSupportedError,
    )
  })

  it('a task that nobody knows is not found', async () => {
    const { lifechart } = await house.open()
    const handler = over({ lifechart })
    await expect(handler.getTask(byId('unknown'), ann())).rejects.toThrow(TaskNotFoundError)
    await expect(handler.cancelTask(byId('un/known'), ann())).rejects.toThrow(TaskNotFoundError)
    await expect(handler.sendMessage(send('more', { taskId: 'unknown' }), ann())).rejects.toThrow(TaskNotFoundError)
    await expect(all(handler.sendMessageStream(send('more', { taskId: 'unknown' }), ann()))).rejects.toThrow(TaskNotFoundError)
    await expect(all(handler.resubscribe({ id: 'unknown', tenant: '' }, ann()))).rejects.toThrow(TaskNotFoundError)
  })
})

describe('a stream whose source comes late', () => {
  async function* two(closed: string[]): AsyncGenerator<StreamResponse, void, undefined> {
    try {
      yield { payload: undefined }
      yield { payload: undefined }
    } finally {
      closed.push('closed')
    }
  }

  it('ends at once when it is left, and leaves nothing open', async () => {
    const { lifechart } = await house.open()
    let open: (lifechart: Lifechart) => void = () => undefined
    const asks = does(script => void script.status(state.TASK_STATE_INPUT_REQUIRED))
    const handler = over({ lifechart: new Promise(resolve => (open = resolve)) }, { executor: asks })
    const stream = handler.sendMessageStream(send('go'), ann())
    const first = stream.next()
    expect(await stream.return()).toEqual({ value: undefined, done: true })
    expect(await first).toEqual({ value: undefined, done: true })
    open(lifechart)
    await settled()
    expect(lifechart.stats()).toMatchObject({ 'tasks.created': 1, 'tasks.live': 0 })
  })

  it('says once what is in its way', async () => {
    const stream = new LateEvents(() => Promise.reject(new Error('no')))
    await settled()
    await expect(stream.next()).rejects.toThrow('no')
    expect(await stream.next()).toEqual({ value: undefined, done: true })
  })

  it('closes its source when its reader throws', async () => {
    const closed: string[] = []
    const stream = new LateEvents(async () => two(closed))
    await stream.next()
    await expect(stream.throw(new Error('enough'))).rejects.toThrow('enough')
    await settled()
    expect(closed).toEqual(['closed'])
    expect(await stream.next()).toEqual({ value: undefined, done: true })
  })
})
