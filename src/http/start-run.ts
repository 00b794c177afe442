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
  /** Makes room for one; returns how to give it back. Refuses what `open` would: a position that is none, one stream too many. */
  hold(caller: string | undefined): () => void
  open(question: Question, place: () => void): Promise<Response>
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
    return allowed
  }
  let allowed = typeof where === 'string' ? await allow(where) : undefined
  const body = await readBody(request, bodyBytes)
  if (typeof where === 'function') allowed = await allow(where(body))
  // Before the start: who is told to come again would start it twice.
  const place = follow ? streams.hold(allowed?.caller) : undefined
  try {
    const run = await begin(body)
    await run.started
    const { runId } = run
    return place ? await streams.open({ request, action: 'events', id: run.id, runId }, place) : json(202, { id: run.id, runId })
  } catch (error) {
    place?.()
    throw error
  }
}

const accepts = ({ headers }: Request, type: string) => headers.get('accept')?.includes(type) ?? false
