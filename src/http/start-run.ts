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

/** Starts a run and answers when that is committed: 202 with its ids, or its events. */
export async function startRun(
  { guard, bodyBytes }: ActionOptions,
  request: Request,
  { id: where, begin, follow }: StartRequest,
  events: (question: Question) => Promise<Response>,
): Promise<Response> {
  const allow = async (id: string) => {
    if (!(await guard.ask({ request, action: 'start', id }))) throw unknownRun()
  }
  if (typeof where === 'string') await allow(where)
  const body = await readBody(request, bodyBytes)
  if (typeof where === 'function') await allow(where(body))
  const run = await begin(body)
  await run.started
  const { runId } = run
  return (follow ?? request.headers.get('accept')?.includes('text/event-stream'))
    ? events({ request, action: 'events', id: run.id, runId })
    : json(202, { id: run.id, runId })
}
