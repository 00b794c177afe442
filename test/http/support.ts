import { afterEach } from 'vitest'
import { type RunHandler, type RunHandlerOptions, runHandler } from '../../src/http/index.ts'
import type { Lifechart, LifechartOptions } from '../../src/lifechart.ts'
import type { TestEnvironment } from '../../src/testing/environment.ts'
import { openTestLifechart } from '../../src/testing/test-lifechart.ts'

export interface Served {
  lifechart: Lifechart
  runs: Lifechart['runs']
  environment: TestEnvironment
  handler: RunHandler
  /** Asks the handler for a path, without a socket. */
  get(path: string, init?: RequestInit): Promise<Response>
  /** The same, as a script of no page would. */
  post(path: string, body?: unknown, headers?: Record<string, string>): Promise<Response>
}

type Options = Partial<RunHandlerOptions> & { runtime?: Partial<LifechartOptions> }

const home = 'http://server.example'

/** Runtimes in simulated time behind a handler; closed when the test is over. */
export function served() {
  const opened: Lifechart[] = []
  afterEach(async () => {
    for (const lifechart of opened.splice(0)) await lifechart.close({ mode: 'stop', timeout: 0 })
  })
  return async ({ runtime, ...options }: Options = {}): Promise<Served> => {
    const { lifechart, environment } = await openTestLifechart(runtime as never)
    opened.push(lifechart)
    const handler = runHandler({ lifechart, authorize: 'public', ...options })
    const get = (path: string, init?: RequestInit) => handler(new Request(home + path, init))
    return {
      lifechart,
      runs: lifechart.runs,
      environment,
      handler,
      get,
      post: (path, body = {}, headers = {}) =>
        get(path, {
          method: 'POST',
          headers: { 'content-type': 'application/json', ...headers },
          body: typeof body === 'string' ? body : JSON.stringify(body),
        }),
    }
  }
}

/** One server-sent event, or a comment. */
export interface Frame {
  id?: string
  event?: string
  data?: string
  retry?: string
  comment?: true
}

/** Reads whole frames; a text that ends within one is an error. */
export function parse(text: string): Frame[] {
  const blocks = text.split('\n\n')
  const rest = blocks.pop()
  if (rest !== '') throw new Error(`The stream ends within a frame: ${JSON.stringify(rest)}`)
  return blocks.map(block => {
    const frame: Frame = {}
    const data: string[] = []
    for (const line of block.split('\n')) {
      const [name = '', ...value] = line.split(': ')
      if (line.startsWith(':')) frame.comment = true
      else if (name === 'data') data.push(value.join(': '))
      else if (name === 'id' || name === 'event' || name === 'retry') frame[name] = value.join(': ')
      else throw new Error(`No field of an event stream: ${JSON.stringify(line)}`)
    }
    if (data.length > 0) frame.data = data.join('\n')
    return frame
  })
}

/** The events of a whole body, without what only concerns the connection. */
export async function framesOf(response: Response): Promise<Frame[]> {
  return parse(await response.text()).filter(({ comment, retry }) => !comment && retry === undefined)
}

/** What an error says. */
export async function errorIn(response: Response): Promise<{ status: number; code: string }> {
  const { error } = (await response.json()) as { error: { code: string } }
  return { status: response.status, code: error.code }
}

/** Reads a body as far as the test wants. */
export class Tap {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>
  readonly #decoder = new TextDecoder()
  text = ''

  constructor(response: Response) {
    this.#reader = (response.body as ReadableStream<Uint8Array>).getReader()
  }

  /** One piece more; false behind the last one. */
  async read(): Promise<boolean> {
    const { value, done } = await this.#reader.read()
    if (value) this.text += this.#decoder.decode(value, { stream: true })
    return !done
  }

  async until(text: string): Promise<string> {
    while (!this.text.includes(text)) if (!(await this.read())) throw new Error(`The stream ended: ${this.text}`)
    return this.text
  }

  async toEnd(): Promise<string> {
    while (await this.read());
    return this.text
  }

  cancel(): Promise<void> {
    return this.#reader.cancel()
  }
}
