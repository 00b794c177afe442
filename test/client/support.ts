import { type Following, type FollowOptions, follow, type RunEvent } from 'lifechart/client'
import { type SimulatedClock, settled, simulatedClock } from 'lifechart/testing'

/** One request of a client, and what the server does with it. */
export interface Exchange {
  readonly url: URL
  readonly headers: Headers
  readonly signal: AbortSignal
  /** How often the client has asked for more of the body. */
  readonly pulls: number
  /** The client has let go of the body. */
  readonly isCancelled: boolean
  answer(status: number, headers?: Record<string, string>, body?: string): void
  /** Begins an event stream, with these texts as its pieces. */
  stream(...texts: string[]): void
  send(piece: string | Uint8Array): void
  finish(): void
  fail(error?: Error): void
}

export interface FakeServer {
  fetch: NonNullable<FollowOptions['fetch']>
  readonly exchanges: Exchange[]
  /** The newest one. */
  readonly last: Exchange
}

/** A server that does what the test says. It does not listen to the signal of a request unless it is told to. */
export function fakeServer(): FakeServer {
  const exchanges: Exchange[] = []
  return {
    exchanges,
    get last() {
      const last = exchanges.at(-1)
      if (!last) throw new Error('Nobody has connected.')
      return last
    },
    fetch(url, { headers, signal }) {
      const { promise, resolve, reject } = deferred<Response>()
      let controller!: ReadableStreamDefaultController<Uint8Array>
      let pulls = 0
      let isCancelled = false
      const body = new ReadableStream<Uint8Array>(
        {
          start: made => {
            controller = made
          },
          pull: () => {
            pulls++
          },
          cancel: () => {
            isCancelled = true
          },
        },
        { highWaterMark: 0 },
      )
      const exchange: Exchange = {
        url: new URL(url),
        headers: new Headers(headers),
        signal: signal as AbortSignal,
        get pulls() {
          return pulls
        },
        get isCancelled() {
          return isCancelled
        },
        answer: (status, fields = {}, text) => resolve(new Response(text ?? null, { status, headers: fields })),
        stream(...texts) {
          resolve(new Response(body, { headers: { 'content-type': 'text/event-stream' } }))
          for (const text of texts) exchange.send(text)
        },
        send: piece => controller.enqueue(typeof piece === 'string' ? new TextEncoder().encode(piece) : piece),
        finish: () => controller.close(),
        fail(error = new TypeError('fetch failed')) {
          reject(error)
          controller.error(error)
        },
      }
      exchanges.push(exchange)
      return promise
    },
  }
}

function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (error: Error) => void } {
  let resolve!: (value: T) => void
  let reject!: (error: Error) => void
  const promise = new Promise<T>((fulfil, refuse) => {
    resolve = fulfil
    reject = refuse
  })
  return { promise, resolve, reject }
}

export interface Audience {
  server: FakeServer
  clock: SimulatedClock
  events: Following
  /** What the loop has been given so far. */
  readonly seen: RunEvent[]
  /** Resolves when the loop ends, with what it threw. */
  over: Promise<unknown>
  /** How long the client said it would wait before each new connection. */
  readonly delays: number[]
}

/** A loop over a run of a fake server, under a clock that stands still; without jitter. */
export async function audience(options: FollowOptions = {}, chance = 1): Promise<Audience> {
  const server = fakeServer()
  const clock = simulatedClock()
  const delays: number[] = []
  const events = follow('https://host.test/runs/a/events', {
    fetch: server.fetch,
    clock: Object.assign(clock, { random: () => chance }),
    onDisconnect: ({ delay }) => delays.push(delay),
    ...options,
  })
  const seen: RunEvent[] = []
  const over = collect(events, seen)
  await settled()
  return { server, clock, events, seen, over, delays }
}

async function collect(events: Following, seen: RunEvent[]): Promise<unknown> {
  try {
    for await (const event of events) seen.push(event)
    return undefined
  } catch (error) {
    return error
  }
}

/** Frames of the run `r`. */
export const frame = (event: string, seq: number, data: unknown) => `id: r:${seq}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`
export const chunk = (seq: number) => frame('chunk', seq, seq)
export const end = (seq: number) => frame('end', seq, { status: 'done' })

export const chunkEvent = (seq: number): RunEvent => ({ seq, type: 'chunk', data: seq })
export const endEvent = (seq: number): RunEvent => ({ seq, type: 'end', status: 'done' })
