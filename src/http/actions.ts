import { LifechartError } from '../errors.ts'
import { errorText } from '../kernel/error-text.ts'
import type { Lifechart } from '../lifechart.ts'
import { checkMediaType, readBody } from './body.ts'
import { json, unknownRun } from './failure.ts'
import type { Guard, Question } from './guard.ts'

export interface ActionOptions {
  lifechart: Lifechart
  guard: Guard
  /** Bytes. */
  bodyBytes: number
}

/** Nobody learns of a run that they may not see, not even that there is one. */
async function assertAllowed(guard: Guard, question: Question): Promise<void> {
  if (!(await guard.ask(question))) throw unknownRun()
}

/** What is known of the run: a `RunInfo`. */
export async function tellStatus({ lifechart, guard }: ActionOptions, question: Question): Promise<Response> {
  await assertAllowed(guard, question)
  const { runId } = await lifechart.reading.find(question.id, question.runId)
  const info = await lifechart.runs.get(question.id, { runId })
  if (!info) throw unknownRun()
  return json(200, info)
}

/** 202 as soon as it is told to stop; with `?wait=1`, 200 behind its end. */
export async function stopRun({ lifechart, guard, bodyBytes }: ActionOptions, asked: Question): Promise<Response> {
  checkMediaType(asked.request)
  const named = asked.runId ?? runIdIn(await readBody(asked.request, bodyBytes))
  const question = named === undefined ? asked : { ...asked, runId: named }
  await assertAllowed(guard, question)
  const { runId, ended } = await lifechart.reading.find(question.id, named)
  if (ended) return json(200, { runId, stopped: false })
  // The exact run: one that begins meanwhile is not the one that was meant.
  const stopping = lifechart.runs.stop(question.id, { runId })
  if (new URL(question.request.url).searchParams.get('wait') === '1') return json(200, { runId, stopped: await stopping })
  const { logger } = lifechart.kernel.environment
  stopping.catch(error => logger.warn('A run could not be stopped yet.', { run: runId, error: errorText(error) }))
  return json(202, { runId })
}

function runIdIn({ runId }: Record<string, unknown>): string | undefined {
  if (runId === undefined || typeof runId === 'string') return runId
  throw new LifechartError('BODY_INVALID', 'runId is a text.')
}
