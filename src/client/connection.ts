import { ConnectionLost, codeIn, FollowError } from './error.ts'
import type { Patience } from './patience.ts'

type HeaderFields = NonNullable<RequestInit['headers']>

export interface ConnectionOptions {
  /** Sent with every request. A function is asked before each connection, because tokens expire; what it throws ends the loop. */
  headers?: HeaderFields | (() => HeaderFields | Promise<HeaderFields>)
  /** In place of the global one. */
  fetch?: (url: string, request: RequestInit) => Promise<Response>
  /** Milliseconds without a byte from the server, after which the connection is given up for a new one; default 45,000. */
  timeout?: number
}

/** One request and its answer. */
export interface Connection {
  /** What reads the next bytes; undefined when the run has ended and there is nothing more of it. Throws {@link FollowError}. */
  open(): Promise<(() => Promise<Uint8Array>) | undefined>
  /** Leaves nothing open, whatever is under way. */
  close(): void
}

/** Statuses that pass: of servers that are busy, starting or closing, and of the proxies before them. */
const passing = [408, 425, 429, 500, 502, 503, 504]

export function connect(url: string, patience: Patience, options: ConnectionOptions): Connection {
  const { headers, timeout = 45_000 } = options
  // Called as a plain function: a browser's own does not bear another `this`.
  const { fetch = globalThis.fetch } = options
  const request = new AbortController()
  let answer: Promise<Response> | undefined
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined

  async function refusal(response: Response): Promise<FollowError> {
    const { status } = response
    const text = await patience.wait(response.text(), timeout).catch(() => '')
    return new FollowError(`The server answered with status ${status}.`, { status, code: codeIn(text) })
  }

  async function read(): Promise<Uint8Array> {
    const ended = 'The connection ended before the run did.'
    const next = reader?.read().catch(cause => {
      throw new ConnectionLost(ended, { cause })
    })
    const bytes = (await patience.wait(Promise.resolve(next), timeout))?.value
    if (!bytes) throw new ConnectionLost(ended)
    return bytes
  }

  return {
    async open() {
      const fields = new Headers(typeof headers === 'function' ? await patience.wait((async () => headers())()) : headers)
      fields.set('accept', 'text/event-stream')
      const init = { headers: fields, signal: request.signal, cache: 'no-store' as const }
      answer = fetch(url, init).catch(cause => {
        throw new ConnectionLost('The server can not be reached.', { cause })
      })
      const response = await patience.wait(answer, timeout)
      const { status } = response
      if (status === 204) return
      if (passing.includes(status)) {
        throw new ConnectionLost(`The server answered with status ${status}.`, { status, retryAfter: response.headers.get('retry-after') })
      }
      if (status !== 200) throw await refusal(response)
      if (!/^text\/event-stream\s*(;|$)/i.test(response.headers.get('content-type') ?? '')) {
        throw new FollowError('The server answered with something else than an event stream.', { status })
      }
      reader = response.body?.getReader()
      return read
    },
    close() {
      request.abort()
      // A `fetch` that does not listen to the signal: its answer is let go when it comes. Nobody is left to care how that ends.
      answer?.then(({ body }) => (reader ?? body)?.cancel()).catch(() => undefined)
    },
  }
}
