import { relative } from 'node:path'
import type { Lifechart, ProducerContext, RunInfo } from 'lifechart'
import { allowedDirectory } from './allowed.ts'
import { isWithin } from './confine.ts'
import { type SurveyInput, surveyor } from './surveyor.ts'

/** The one survey of this server: whoever looks sees the same, and a new one replaces it. */
export const surveyId = 'survey'

/** The first chunk of a survey that is watched, before all findings. */
export interface Announcement {
  /** What is surveyed, below what may be; '' is all of it. */
  surveys: string
}

export interface Surveys {
  /** Throws a `Refusal` for what may not be surveyed. */
  start(directory: string, pace: number): Promise<{ id: string; runId: string }>
  latest(): Promise<RunInfo | undefined>
}

/** Surveys below `root`, a real path, and nowhere else. */
export function createSurveys(lifechart: Lifechart, root: string): Surveys {
  const type = 'survey'

  lifechart.runs.define(type, async function* (context: ProducerContext) {
    const { dir } = context.input as SurveyInput
    // It may have been started with another --dir, or a link may be there now.
    if (!(await isWithin(root, dir))) throw new Error('This is outside of what may be surveyed.')
    if (context.chunks === 0) yield { surveys: relative(root, dir) } satisfies Announcement
    return yield* surveyor({ ...context, lastChunk: context.chunks > 1 ? context.lastChunk : undefined })
  })

  return {
    async start(directory, pace) {
      const dir = await allowedDirectory(root, directory)
      const run = lifechart.runs.start(surveyId, { type, input: { dir, pace } satisfies SurveyInput }, { orphan: 'resume' })
      await run.started
      return { id: run.id, runId: run.runId }
    },
    latest: () => lifechart.runs.get(surveyId),
  }
}
