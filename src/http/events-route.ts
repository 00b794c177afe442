import { isLifechartError } from '../errors.ts'
import { errorText } from '../kernel/error-text.ts'
import { Turns } from '../kernel/turns.ts'
import type { Lifechart } from '../lifechart.ts'
import type { Feed, Position } from '../runs/feed.ts'
import { Connection } from './connection.ts'
import { plain, unknownRun } from './failure.ts'
import type { Framing } from './framings/framing.ts'
import type { Guard, Question } from './guard.ts'
import type { HttpLimits } from './limits.ts'
import { type Outgoing, writeTo } from './node-body.ts'
import { Pieces } from './pieces.ts'
import { readPosition } from './position.ts'
import { Shelf } from './shelf.ts'
import { Streams } from './streams.ts'
import { webBody } from './web-body.ts'

export interface EventsOptions {
  lifechart: Lifechart
  guard: Guard
  framing: Framing
  limits: HttpLimits
  heartbeat: number
  retry: number
  reauthorize: number
}

/** Tells @hono/node-server that the answer is on its way already. */
function alreadySent(): Response {
  const response = new Response(null, { headers: { 'x-hono-already-sent': 'true' } })
  // Its own light kind of Response, which would be sent all the same, becomes an ordinary one when it is looked at.
  void response.body
  return response
}

/** Streams the events of a run. */
export class EventsRoute {
  readonly #options: EventsOptions
  readonly #streams: Streams
  readonly #pieces: Pieces
  readonly #turns = new Turns(4)
  readonly #shelf: Shelf

  constructor(options: EventsOptions) {
    const { lifechart, framing, limits } = options
    this.#options = options
    const { kernel } = lifechart
    this.#streams = new Streams({ ...options, clock: kernel.environment.clock, closed: () => kernel.closed })
    this.#pieces = new Pieces(framing, limits.pieceCharacters)
    this.#shelf = new Shelf(limits.sharedBytes)
  }

  /** Makes room for a stream that {@link answer} is to open; returns how to give it back. `CURSOR_INVALID`, `STREAM_LIMIT`. */
  hold(request: Request, caller: string | undefined): () => void {
    positionIn(request)
    return this.#streams.reserve(caller)
  }

  /** With `outgoing`, the stream is written there; the answer only says so. With `place`, room was made for it. */
  async answer(question: Question, headers: Record<string, string>, outgoing: Outgoing | undefined, place?: () => void): Promise<Response> {
    const { guard, framing } = this.#options
    const { request, runId } = question
    // Many that come at once are let in in turns.
    for (let turn = this.#turns.next(); turn; turn = this.#turns.next()) await turn
    const allowed = await guard.ask(question)
    // Who resumes a chat and does not name a run is told that nothing is going on, whatever the reason.
    const onlyActive = framing.activeOnly && runId === undefined
    if (!allowed) {
      if (onlyActive) return nothing()
      throw unknownRun()
    }
    const after = positionIn(request)
    const leave = place ?? this.#streams.reserve(allowed.caller)
    let streaming = false
    try {
      const feed = await this.#open(question, after)
      if (feed.complete || (onlyActive && feed.ended)) {
        void feed.cursor.return()
        return nothing()
      }
      const response = this.#stream(feed, question, headers, outgoing, leave)
      streaming = true
      return response
    } catch (error) {
      if (onlyActive && isLifechartError(error, 'RUN_NOT_FOUND', 'RUN_EVICTED')) return nothing()
      throw error
    } finally {
      if (!streaming) leave()
    }
  }

  #open({ id, runId }: Question, after: number | Position | undefined): Promise<Feed> {
    const { lifechart, limits } = this.#options
    const page = { records: 512, bytes: limits.pieceCharacters, asStored: true }
    return lifechart.reading.open(id, {
      page,
      ...(runId !== undefined && { runId }),
      ...(after !== undefined && { after }),
    })
  }

  #stream(feed: Feed, question: Question, extra: Record<string, string>, outgoing: Outgoing | undefined, leave: () => void): Response {
    const { lifechart, framing, retry } = this.#options
    const { logger } = lifechart.kernel.environment
    const connection = new Connection({
      feed,
      retry,
      pieces: this.#pieces,
      turns: this.#turns,
      shelf: this.#shelf,
      now: () => this.#streams.time,
      onClose() {
        forget()
        leave()
      },
      onFault: error => logger.error('A stream was closed.', { run: feed.runId, error: errorText(error) }),
    })
    const forget = this.#streams.add(connection, question)
    connection.endWith(question.request.signal)
    const headers = { ...framing.headers, ...plain, 'cache-control': 'no-store, no-transform', 'x-accel-buffering': 'no', ...extra }
    if (!outgoing) return new Response(webBody(connection), { headers })
    writeTo(outgoing, connection, headers, framing.marksEnd)
    return alreadySent()
  }
}

const positionIn = ({ headers, url }: Request) => readPosition(headers, new URL(url).searchParams)

const nothing = () => new Response(null, { status: 204, headers: plain })
