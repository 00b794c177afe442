import { realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { ProducerContext } from 'lifechart'
import { type Found, inspectorOf } from './inspect.ts'
import { continued, nothing, type Totals } from './totals.ts'
import { walk } from './walk.ts'

/** Milliseconds of rest between two findings, at most. */
export const longestPace = 10_000

/** What a survey is started with. */
export interface SurveyInput {
  /** The directory that is surveyed. Nothing outside it is read. */
  dir: string
  /** Milliseconds of rest between two findings, for those who watch. Default 0. */
  pace?: number
}

/** One chunk of a survey: a few files of one directory, and all that a later execution needs to go on behind them. */
export interface Finding extends Found {
  directory: string
  /** Where the walk goes on. */
  place: string
  totals: Totals
}

/** The result. */
export interface Report extends Totals {
  /** The real path. */
  root: string
}

/**
 * An agent without a language model: it walks a tree, tells what it finds as it goes, and reports. The same tree gives the same
 * findings in the same order, and a finding says where it was made: whoever is given the last one goes on as if nothing had
 * happened.
 */
export async function* surveyor({ input, signal, lastChunk }: Pick<ProducerContext, 'input' | 'signal' | 'lastChunk'>) {
  const { dir, pace = 0 } = surveyInput(input)
  const root = await realpath(dir)
  if (!(await stat(root)).isDirectory()) throw new Error('Only a directory can be surveyed.')
  const last = lastChunk as Finding | undefined
  const totals = continued(last?.totals ?? nothing)
  const inspect = inspectorOf(root, signal)
  for await (const batch of walk(root, last?.place)) {
    const found = await inspect(batch, totals)
    // Half a finding is none: the next execution makes it whole.
    if (signal.aborted) return
    const { directory, place } = batch
    yield { directory, ...found, place, totals: continued(totals) } satisfies Finding
    if (pace > 0) await setTimeout(pace, undefined, { signal }).catch(() => undefined)
  }
  return { root, ...totals } satisfies Report
}

function surveyInput(input: unknown): SurveyInput {
  const { dir, pace } = (input ?? {}) as Partial<Record<keyof SurveyInput, unknown>>
  if (typeof dir !== 'string') throw new Error('A survey needs a directory: { dir }.')
  return { dir: join(dir), ...(typeof pace === 'number' && { pace }) }
}
