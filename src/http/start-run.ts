import type { Run } from '../runs/live-run.ts'
import type { ActionOptions } from './actions.ts'
import { readBody } from './body.ts'
import { json, unknownRun } from './failure.ts'
import type { Question } from './guard.ts'

/** The JSON object that a request carried. */
export type Body = Record<string, unknown>

export interface StartRequest {
  /** Under which id the run is to begin, or where in the body that is said. */
  id: string | ((body: Body) => string)
  /** Starts the run; what it throws is the answer. */
  begin(body: Body): Run | Promise<Run>
  /** Whether the answer is the events. Default: for a request that accepts `text/event-stream`. */
  follow?: boolean
}

/** How events are streamed. */
export interface EventStreams {
  /** Refuses what {@link open} would: a position that is none, a caller who can have no more of them. */
  check(request: Request, caller: string | undefined): void
  open(question: Question): Promise<Response>
}

/** Starts a run and answers when that is committed: 202 with its ids, or its events. */
export async function startRun(
  { guard, bodyBytes }: ActionOptions,
  request: Request,
  { id: where, begin, follow = accepts(request, 'text/event-stream') }: StartRequest,
  streams: EventStreams,
): Promise<Response> {
  const allow = async (id: string) => {
    const allowed = await guard.ask({ request, action: 'start', id })
    if (!allowed) throw unknownRun()
    // Before the start: who is told to come again would start it twice.
    if (follow) streams.check(request, allowed.caller)
  }
  if (typeof where === 'string') await allow(where)
  const body = await readBody(request, bodyBytes)
  if (typeof where === 'function') await allow(where(body))
  const run = await begin(body)
  await run.started
  const { runId } = run
  return follow ? streams.open({ request, action: 'events', id: run.id, runId }) : json(202, { id: run.id, runId })
}

const accepts = ({ headers }: Request, type: string) => headers.get('accept')?.includes(type) ?? false
