import { relative } from 'node:path'
import { type Message, TaskState } from '@a2a-js/sdk'
import type { AgentExecutor } from '@a2a-js/sdk/server'
import type { LifechartRequestContext } from 'lifechart/a2a'
import { markdownOf } from './markdown.ts'
import { directoryMeant } from './meant.ts'
import { printable } from './printable.ts'
import { type Finding, longestPace, type Report, surveyor } from './surveyor.ts'
import { dataPart, type Telling, tellingOf, textPart } from './telling.ts'

/** Findings between two words about how far the survey is. */
const findingsPerWord = 10

/** Findings of which a task tells: what clients keep of it does not grow with the tree. */
export const mostFindings = 1_000

/** One whose server is gone is surveyed anew by the next one. */
export const surveyPolicy = { orphan: 'resume' } as const

/**
 * The surveyor as an A2A agent: a message names a directory below `root`, a real path. The findings are the chunks of an artifact, and a
 * summary is another one. The metadata of a message may set the pace, as `{ "pace": milliseconds }` between two findings.
 */
export function surveyAgent(root: string): AgentExecutor {
  return {
    async execute(requestContext, bus) {
      const { signal } = requestContext as LifechartRequestContext
      const telling = tellingOf(requestContext, bus)
      // Looked at again by each execution: what was allowed may be a link to the outside by now.
      const meant = await directoryMeant(root, textOf(requestContext.userMessage), signal)
      if (signal.aborted) return
      if ('refusal' in meant) return telling.status(TaskState.TASK_STATE_REJECTED, meant.refusal)
      if ('question' in meant) return telling.status(TaskState.TASK_STATE_INPUT_REQUIRED, meant.question)
      const name = relative(root, meant.directory) || '.'
      await telling.status(TaskState.TASK_STATE_WORKING, `${printable(name)} is surveyed.`)
      const input = { dir: meant.directory, pace: paceOf(requestContext.userMessage) }
      const survey = await tellFindings(surveyor({ input, signal, lastChunk: undefined }), telling)
      if (!survey) return
      const part = textPart(markdownOf(name, survey.report, survey.untold), 'text/markdown')
      await telling.artifact('report', part, { append: false, lastChunk: true })
      await telling.status(TaskState.TASK_STATE_COMPLETED)
    },
    // The signal is aborted, which says it all.
    async cancelTask() {},
  }
}

/**
 * The report, and how many findings are in it alone; undefined for a survey that was stopped. The first finding takes the place of all
 * that an earlier execution has told.
 */
async function tellFindings(
  survey: ReturnType<typeof surveyor>,
  telling: Telling,
): Promise<{ report: Report; untold: number } | undefined> {
  for (let found = 0; ; found++) {
    const { value, done } = await survey.next()
    if (done) return value && { report: value, untold: Math.max(0, found - mostFindings) }
    if (found < mostFindings) await telling.artifact('findings', dataPart(toldOf(value)), { append: found > 0, lastChunk: false })
    if ((found + 1) % findingsPerWord === 0) await telling.status(TaskState.TASK_STATE_WORKING, undefined, progressOf(found + 1, value))
  }
}

/** Without what it takes to go on behind it. */
export function toldOf({ totals, place, ...found }: Finding) {
  return found
}

function progressOf(findings: number, { totals: { directories, files, lines, bytes } }: Finding) {
  return { progress: { findings, directories, files, lines, bytes } }
}

function textOf({ parts }: Message): string {
  return parts.map(({ content }) => (content?.$case === 'text' ? content.value : '')).join('')
}

function paceOf({ metadata }: Message): number {
  const pace: unknown = metadata?.pace
  return typeof pace === 'number' && pace >= 0 ? Math.min(pace, longestPace) : 0
}
