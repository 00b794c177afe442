import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type AgentCard, type SendMessageRequest, StreamResponse as StreamResponseJson, type TaskPushNotificationConfig } from '@a2a-js/sdk'
import { type AgentExecutor, ServerCallContext } from '@a2a-js/sdk/server'
import { afterEach } from 'vitest'
import { type A2ARequestHandlerOptions, a2aRequestHandler, type LifechartA2AHandler } from '../../src/a2a/handler.ts'
import type { Lifechart } from '../../src/lifechart.ts'
import type { ExecutionContext } from '../../src/tasks/agent.ts'
import type { TaskBus } from '../../src/tasks/bus.ts'
import type { StreamResponse } from '../../src/tasks/model.ts'
import { brief, Script, says } from '../tasks/support.ts'

export interface Received {
  path: string
  headers: IncomingHttpHeaders
  /** As it came. */
  body: string
  answer: ServerResponse
}

type Behaviour = (received: Received, count: number) => void

/** Answers with a status and no body. */
export const answers =
  (status: number, headers: Record<string, string> = {}): Behaviour =>
  ({ answer }) =>
    void answer.writeHead(status, headers).end()

export const hangs: Behaviour = () => undefined

/** A webhook: a real server on this machine that does with each request, from the first on, what it is told. */
export class Receiver {
  readonly received: Received[] = []
  behaviour: Behaviour = answers(200)
  readonly #server: Server

  static async open(): Promise<Receiver> {
    const receiver = new Receiver()
    await new Promise<void>(resolve => receiver.#server.listen(0, '127.0.0.1', resolve))
    return receiver
  }

  private constructor() {
    this.#server = createServer(async (request, answer) => {
      let body = ''
      request.setEncoding('utf8')
      for await (const text of request) body += text
      const received = { path: request.url ?? '', headers: request.headers, body, answer }
      this.received.push(received)
      this.behaviour(received, this.received.length)
    })
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  url(path = '/hook', host = '127.0.0.1'): string {
    return `http://${host}:${this.port}${path}`
  }

  /** What was sent, in short. */
  get said(): string[] {
    return this.received.map(({ body }) => brief(readEvent(body)))
  }

  close(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }
}

/** Receivers that are gone when the test is over. */
export function receivers(): () => Promise<Receiver> {
  const opened: Receiver[] = []
  afterEach(() => {
    for (const receiver of opened.splice(0)) receiver.close()
  })
  return async () => {
    const receiver = await Receiver.open()
    opened.push(receiver)
    return receiver
  }
}

/** The JSON of an event, as {@link brief} takes it. */
function readEvent(body: string): StreamResponse {
  const json = JSON.parse(body)
  return StreamResponseJson.fromJSON(json) as unknown as StreamResponse
}

/** Resolves as soon as it is so; the event loop goes on meanwhile, and with it what comes over the network. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise(resolve => setImmediate(resolve))
}

/** Resolves when so many notifications were delivered or given up, and nothing more is under way. */
export async function dealtWith(handler: LifechartA2AHandler, count: number): Promise<void> {
  const { delivered, dead } = handler.pushStats()
  if (delivered + dead > count) throw new Error(`${delivered + dead} notifications are more than ${count}.`)
  await until(() => {
    const now = handler.pushStats()
    return now.delivered + now.dead >= count && now.held === 0
  })
}

const card: AgentCard = {
  name: 'echo',
  description: 'Says what it is told.',
  supportedInterfaces: [],
  provider: undefined,
  version: '1',
  documentationUrl: undefined,
  capabilities: { streaming: true, pushNotifications: true, extensions: [], extendedAgentCard: false },
  securitySchemes: {},
  securityRequirements: [],
  defaultInputModes: [],
  defaultOutputModes: [],
  skills: [],
  signatures: [],
  iconUrl: undefined,
}

export const executor = (execute: (script: Script) => Promise<void> | void): AgentExecutor => ({
  execute: async (context, bus) => execute(new Script(context as unknown as ExecutionContext, bus as unknown as TaskBus)),
  cancelTask: async () => undefined,
})

/** Serves an agent that does what the function says, and tells private hosts of it. */
export function serve(
  lifechart: Lifechart,
  execute: (script: Script) => Promise<void> | void,
  { pushes = true, push, ...options }: Partial<A2ARequestHandlerOptions> & { pushes?: boolean } = {},
) {
  const agentCard = pushes ? card : { ...card, capabilities: { streaming: true, pushNotifications: false, extensions: [] } }
  return a2aRequestHandler({ lifechart, agentCard, executor: executor(execute), push: { allowPrivateHosts: true, ...push }, ...options })
}

export function caller(user?: string): ServerCallContext {
  return new ServerCallContext({ user: { isAuthenticated: user !== undefined, userName: user ?? '' } })
}

export function config(url: string, more: Partial<TaskPushNotificationConfig> = {}): TaskPushNotificationConfig {
  return { tenant: '', id: '', taskId: '', url, token: '', authentication: undefined, ...more }
}

/** A message with a configuration for its task. */
export function sends(
  text: string,
  push?: TaskPushNotificationConfig,
  ids: { taskId?: string; messageId?: string } = {},
): SendMessageRequest {
  return {
    tenant: '',
    message: says(text, ids).message as SendMessageRequest['message'],
    configuration: {
      acceptedOutputModes: [],
      taskPushNotificationConfig: push,
      historyLength: undefined,
      returnImmediately: false,
    },
    metadata: undefined,
  }
}
