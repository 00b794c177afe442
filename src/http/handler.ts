import { LifechartError } from '../errors.ts'
import { errorText } from '../kernel/error-text.ts'
import type { Lifechart } from '../lifechart.ts'
import { stopRun, tellStatus } from './actions.ts'
import { EventsRoute } from './events-route.ts'
import { failureOf, refuse } from './failure.ts'
import { type EncodeOption, framingOf } from './framing.ts'
import { type Authorize, Guard, type Question } from './guard.ts'
import { type HttpLimits, resolveHttpLimits } from './limits.ts'
import type { Outgoing } from './node-body.ts'
import { type OriginOptions, Origins } from './origin.ts'
import { type Action, checkMethod, readPath } from './path.ts'
import { type StartRequest, startRun } from './start-run.ts'

export interface RunHandlerOptions extends OriginOptions {
  lifechart: Lifechart
  /** Who may see and stop a run. Everybody, only when that is said: `'public'`. */
  authorize: Authorize | 'public'
  /** What the paths begin with. Default `/runs`. */
  base?: string
  /** How events are told. Default `lifechart`; docs/http.md has the others. */
  encode?: EncodeOption
  /** Milliseconds of silence before a comment: 15,000 by default and at most. */
  heartbeat?: number
  /** Milliseconds a client is told to wait before it connects again. Default 1,000. */
  retry?: number
  /** Milliseconds before it is asked again whether somebody may follow. Default 60,000. */
  reauthorize?: number
  limits?: Partial<HttpLimits>
}

/** What a server on Node has beside the request: with it, streams are written straight to the socket. */
export interface NodeBindings {
  outgoing: Outgoing
}

/** Which run is meant, where a router of yours has found that out. */
export interface RunRequest {
  id: string
  runId?: string
}

/** Answers every request below its base; its parts answer for a run that you name, whatever the path is. */
export interface RunHandler {
  (request: Request, node?: NodeBindings): Promise<Response>
  events(request: Request, run: RunRequest, node?: NodeBindings): Promise<Response>
  status(request: Request, run: RunRequest): Promise<Response>
  stop(request: Request, run: RunRequest): Promise<Response>
  /**
   * For a route of yours that starts runs: with the checks of origin, content type, size and `authorize`, action `start`. 202 with
   * `{ id, runId }` when the start is committed; for a request that accepts `text/event-stream`, the events.
   */
  start(request: Request, start: StartRequest, node?: NodeBindings): Promise<Response>
}

/** Serves the runs of a runtime. `INVALID_OPTION` for options that make no sense, a missing `authorize` first of all. */
export function runHandler(options: RunHandlerOptions): RunHandler {
  const { lifechart, base = '/runs', heartbeat = 15_000, retry = 1_000, reauthorize = 60_000 } = options
  checkOptions(base, { heartbeat, retry, reauthorize })
  const limits = resolveHttpLimits(options.limits)
  const { clock, logger } = lifechart.kernel.environment
  const guard = new Guard({ authorize: options.authorize, clock, logger, authorizeWait: limits.authorizeWait })
  const origins = new Origins(options)
  const route = new EventsRoute({ lifechart, guard, framing: framingOf(options.encode), limits, heartbeat, retry, reauthorize })
  const parts = { lifechart, guard, bodyBytes: limits.bodyBytes }

  const answers: Record<Action, (question: Question, node?: NodeBindings) => Promise<Response>> = {
    events: async (question, node) => {
      const { request } = question
      // Routers that answer HEAD as GET drop the body without a word: nobody would close the stream.
      if (request.method === 'HEAD') checkMethod('events', request.method)
      return route.answer(question, origins.headers(request) ?? {}, node?.outgoing)
    },
    status: question => tellStatus(parts, question),
    stop: async question => {
      origins.check(question.request)
      return stopRun(parts, question)
    },
  }

  const open = async (answer: () => Promise<Response>) => {
    lifechart.kernel.assertOpen()
    return answer()
  }

  const answered = async (request: Request, answer: () => Promise<Response>) => {
    const preflight = origins.preflight(request)
    if (preflight) return preflight
    const response = await open(answer).catch(error => {
      const failure = failureOf(error)
      if (failure.status === 500) logger.error('A request failed.', { error: errorText(error) })
      return refuse(failure)
    })
    for (const [name, value] of Object.entries(origins.headers(request) ?? {})) response.headers.set(name, value)
    return response
  }

  const part = (action: Action) => (request: Request, run: RunRequest, node?: NodeBindings) =>
    answered(request, () => answers[action]({ request, action, ...run }, node))

  const handle = (request: Request, node?: NodeBindings) =>
    answered(request, async () => {
      const { pathname, searchParams } = new URL(request.url)
      const { id, action } = readPath(base, pathname)
      checkMethod(action, request.method)
      const runId = searchParams.get('runId')
      return answers[action]({ request, action, id, ...(runId !== null && { runId }) }, node)
    })
  const start = (request: Request, start: StartRequest, node?: NodeBindings) =>
    answered(request, async () => {
      origins.check(request)
      const streams = {
        hold: (caller: string | undefined) => route.hold(request, caller),
        open: (question: Question, place: () => void) => route.answer(question, origins.headers(request) ?? {}, node?.outgoing, place),
      }
      return startRun(parts, request, start, streams)
    })
  return Object.assign(handle, { start, events: part('events'), status: part('status'), stop: part('stop') })
}

function checkOptions(base: string, times: Record<string, number>): void {
  if (!base.startsWith('/') || base.endsWith('/') || new URL(`http://server${base}`).pathname !== base) {
    throw new LifechartError(
      'INVALID_OPTION',
      `base is ${JSON.stringify(base)}; it begins with a slash, ends without one, and is encoded as in a URL.`,
    )
  }
  for (const [name, value] of Object.entries(times)) {
    if (!(value > 0)) throw new LifechartError('INVALID_OPTION', `${name} is ${String(value)}; it is a number of milliseconds.`)
  }
  if (!Number.isInteger(times.retry)) throw new LifechartError('INVALID_OPTION', 'retry is a whole number: clients pass over any other.')
  if ((times.heartbeat ?? 0) > 15_000) throw new LifechartError('INVALID_OPTION', 'heartbeat is 15,000 ms at most.')
}
