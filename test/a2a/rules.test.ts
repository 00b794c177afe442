import type { AgentCapabilities, AgentCard, SendMessageRequest } from '@a2a-js/sdk'
import { ServerCallContext, UnauthenticatedUser } from '@a2a-js/sdk/server'
import { type A2ARequestHandlerOptions, a2aRequestHandler } from 'lifechart/a2a'
import { describe, expect, it } from 'vitest'
import type { Message } from '../../src/tasks/model.ts'
import { processes } from '../runs/support.ts'
import { all, Script, says, state } from '../tasks/support.ts'

const house = processes()

const capable: AgentCapabilities = { streaming: true, pushNotifications: false, extensions: [], extendedAgentCard: false }

function card(capabilities: Partial<AgentCapabilities> = {}): AgentCard {
  return {
    name: 'agent',
    description: '',
    version: '1',
    supportedInterfaces: [],
    provider: undefined,
    capabilities: { ...capable, ...capabilities },
    securitySchemes: {},
    securityRequirements: [],
    defaultInputModes: ['text/plain'],
    defaultOutputModes: [],
    skills: [],
    signatures: [],
  }
}

async function served(capabilities: Partial<AgentCapabilities> = {}, options: Partial<A2ARequestHandlerOptions> = {}) {
  const { lifechart } = await house.open()
  const executor: A2ARequestHandlerOptions['executor'] = {
    execute: async (context, bus) => {
      const script = new Script(context as never, bus as never)
      const [part] = context.userMessage.parts
      if (part?.content?.value === 'answer') script.message('an answer')
      else script.status(part?.content?.value === 'ask' ? state.TASK_STATE_INPUT_REQUIRED : state.TASK_STATE_COMPLETED)
    },
    cancelTask: async () => {},
  }
  return a2aRequestHandler({ lifechart, agentCard: card(capabilities), executor, ...options })
}

function call(user = 'ann', requestedExtensions: string[] = []): ServerCallContext {
  return new ServerCallContext({ user: { isAuthenticated: true, userName: user }, requestedExtensions })
}

function sending(text: string, more: Partial<Message> = {}, configuration: object = {}): SendMessageRequest {
  return { tenant: '', metadata: undefined, ...says(text, more), configuration } as SendMessageRequest
}

/** The class of the error that a call is refused with. */
const refusal = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'none',
    error => error.constructor.name,
  )

describe('what the card does not promise', () => {
  it('is no stream: sending and subscribing are unsupported', async () => {
    const handler = await served({ streaming: false })
    for (const stream of [handler.sendMessageStream(sending('go'), call()), handler.resubscribe({ tenant: '', id: 'any' }, call())]) {
      expect(await refusal(all(stream))).toBe('UnsupportedOperationError')
    }
  })

  it('is no push notification: every call about one says so', async () => {
    const handler = await served()
    const config = { tenant: '', taskId: 'any', id: 'any', url: 'https://example.org', token: '', authentication: undefined }
    for (const asked of [
      handler.createTaskPushNotificationConfig(config, call()),
      handler.getTaskPushNotificationConfig(config, call()),
      handler.listTaskPushNotificationConfigs({ ...config, pageSize: 1, pageToken: '' }, call()),
      handler.deleteTaskPushNotificationConfig(config, call()),
    ]) {
      expect(await refusal(asked)).toBe('PushNotificationNotSupportedError')
    }
  })

  it('is no extended card; one that is promised and not there is not configured', async () => {
    const asked = async (promised: boolean) =>
      (await served({ extendedAgentCard: promised })).getAuthenticatedExtendedAgentCard({ tenant: '' }, call())
    expect(await refusal(asked(false))).toBe('UnsupportedOperationError')
    expect(await refusal(asked(true))).toBe('ExtendedAgentCardNotConfiguredError')
  })

  it('is told to those alone who are authenticated, when there is an extended card', async () => {
    const extendedAgentCard = { ...card(), description: 'extended' }
    const handler = await served({ extendedAgentCard: true }, { extendedAgentCard })
    const nobody = new ServerCallContext({ user: new UnauthenticatedUser() })
    expect((await handler.getAuthenticatedExtendedAgentCard({ tenant: '' }, call())).description).toBe('extended')
    expect((await handler.getAuthenticatedExtendedAgentCard({ tenant: '' }, nobody)).description).toBe('')
  })
})

describe('what the card asks of clients', () => {
  it('is that they know the required extensions; extensions the agent does not know are dropped', async () => {
    const uri = 'https://example.org/needed'
    const handler = await served({ extensions: [{ uri, description: '', required: true, params: undefined }] })
    expect(await refusal(handler.sendMessage(sending('go'), call()))).toBe('ExtensionSupportRequiredError')
    const context = call('ann', [uri, 'https://example.org/other'])
    expect(await handler.sendMessage(sending('go'), context)).toMatchObject({ status: { state: state.TASK_STATE_COMPLETED } })
    expect(context.requestedExtensions).toEqual([uri])
  })

  it('is that their parts have its media types, when these are checked', async () => {
    const parts = [{ content: { $case: 'text' as const, value: 'go' }, metadata: undefined, filename: '', mediaType: 'image/png' }]
    const strict = await served({}, { validateInputModes: true })
    expect(await refusal(strict.sendMessage(sending('go', { parts }), call()))).toBe('ContentTypeNotSupportedError')
    expect(await (await served()).sendMessage(sending('go', { parts }), call())).toHaveProperty('id')
  })
})

describe('a call that can not be answered', () => {
  it('is told with the error that the protocol has for it', async () => {
    const handler = await served()
    const task = await handler.sendMessage(sending('go'), call())
    const id = 'id' in task ? task.id : ''
    const unknown = { tenant: '', id: 'unknown' }
    const refused: [Promise<unknown>, string][] = [
      [handler.getTask(unknown, call()), 'TaskNotFoundError'],
      [handler.cancelTask({ ...unknown, metadata: undefined }, call()), 'TaskNotFoundError'],
      [all(handler.resubscribe(unknown, call())), 'TaskNotFoundError'],
      [handler.sendMessage(sending('go', { taskId: 'unknown' }), call()), 'TaskNotFoundError'],
      [handler.getTask({ tenant: '', id }, call('bob')), 'TaskNotFoundError'],
      [handler.cancelTask({ tenant: '', id, metadata: undefined }, call()), 'TaskNotCancelableError'],
      [handler.sendMessage(sending('go', { taskId: id }), call()), 'UnsupportedOperationError'],
      [all(handler.sendMessageStream(sending('go', { taskId: id }), call())), 'UnsupportedOperationError'],
      [all(handler.resubscribe({ tenant: '', id }, call())), 'UnsupportedOperationError'],
      [handler.sendMessage(sending('go', { messageId: '' }), call()), 'RequestMalformedError'],
      [handler.sendMessage(sending('go', { parts: [] }), call()), 'RequestMalformedError'],
      [handler.sendMessage({ ...sending('go'), message: undefined }, call()), 'RequestMalformedError'],
    ]
    expect(await Promise.all(refused.map(([answer]) => refusal(answer)))).toEqual(refused.map(([, name]) => name))
  })
})

describe('a send', () => {
  it('makes a task with an id of its own each time, and tells it', async () => {
    const handler = await served()
    const ids = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const task = await handler.sendMessage(sending('ask'), call())
        return 'id' in task ? task.id : ''
      }),
    )
    expect(new Set(ids).size).toBe(20)
    for (const id of ids) expect((await handler.getTask({ tenant: '', id }, call())).id).toBe(id)
  })

  it('that returns immediately returns the message, when that is the answer', async () => {
    const handler = await served()
    const answer = await handler.sendMessage(sending('answer', { contextId: 'mine' }, { returnImmediately: true }), call())
    expect(answer).toMatchObject({ contextId: 'mine', parts: [{ content: { value: 'an answer' } }] })
  })

  it('has no more of the history than it asked for', async () => {
    const handler = await served()
    const lengths: unknown[] = []
    for (const historyLength of [0, 1, undefined]) {
      const task = await handler.sendMessage(sending('ask', {}, { historyLength }), call())
      lengths.push('history' in task && task.history.length)
    }
    expect(lengths).toEqual([0, 1, 1])
  })
})
