import { realpath, stat } from 'node:fs/promises'
import { relative, resolve, sep } from 'node:path'
import type { Lifechart, ProducerContext, RunInfo } from 'lifechart'
import { contains, isWithin } from './confine.ts'
import { type SurveyInput, surveyor } from './surveyor.ts'
import { codeOf, skipped } from './walk.ts'

/** The one survey of this server: whoever looks sees the same, and a new one replaces it. */
export const surveyId = 'survey'

/** The first chunk of a survey that is watched, before all findings. */
export interface Announcement {
  /** What is surveyed, below what may be; '' is all of it. */
  surveys: string
}

/** Why a survey is not started. */
export class Refusal extends Error {
  readonly code: 'DIRECTORY_OUTSIDE' | 'DIRECTORY_NOT_FOUND' | 'DIRECTORY_SKIPPED' | 'NOT_A_DIRECTORY'

  constructor(code: Refusal['code'], message: string) {
    super(message)
    this.code = code
  }
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
      const dir = await confined(root, directory)
      const run = lifechart.runs.start(surveyId, { type, input: { dir, pace } satisfies SurveyInput }, { orphan: 'resume' })
      await run.started
      return { id: run.id, runId: run.runId }
    },
    latest: () => lifechart.runs.get(surveyId),
  }
}

/** The real path of a directory below `root`. What is outside is refused before anybody looks whether it is there. */
async function confined(root: string, directory: string): Promise<string> {
  const named = resolve(root, directory)
  const outside = () => new Refusal('DIRECTORY_OUTSIDE', 'Only directories below the one that this server was started with are surveyed.')
  if (relative(root, named).split(sep)[0] === '..') throw outside()
  try {
    const real = await realpath(named)
    if (!contains(root, real)) throw outside()
    const enters = relative(root, real).split(sep)
    if (enters.some(name => skipped.has(name))) throw new Refusal('DIRECTORY_SKIPPED', `No survey enters ${[...skipped].join(', ')}.`)
    if (!(await stat(real)).isDirectory()) throw new Refusal('NOT_A_DIRECTORY', 'Only a directory can be surveyed.')
    return real
  } catch (error) {
    if (error instanceof Refusal) throw error
    throw new Refusal('DIRECTORY_NOT_FOUND', `There is no such directory that can be read (${codeOf(error)}).`)
  }
}
