import type { Dirent } from 'node:fs'
import { join } from 'node:path'
import { isWithin } from './confine.ts'
import { createReader, type Measured } from './measure.ts'
import { addFile, addProblem, type Longest, type Problem, type Totals } from './totals.ts'
import { type Batch, codeOf } from './walk.ts'

/** What one batch brought. */
export interface Found {
  files: number
  lines: number
  marks: number
  longest?: Longest
  problems: Problem[]
}

/** Files that are read at a time. */
const lanes = 4

/** Characters of a path in a finding, so that a chunk stays small in the strangest tree. */
const longestPath = 200

type Outcome = Measured | 'link' | { why: string }

/** Looks at the entries of a batch, below `root` only, and adds what it finds to the totals in their order. */
export function inspectorOf(root: string, signal: AbortSignal) {
  const readers = Array.from({ length: lanes }, () => createReader(signal))

  async function look(entry: Dirent, path: string, read: ReturnType<typeof createReader>): Promise<Outcome> {
    try {
      if (entry.isSymbolicLink()) return (await isWithin(root, path)) ? 'link' : { why: 'leads out' }
      if (!entry.isFile()) return { why: 'no file' }
      return await read(path, entry.name)
    } catch (error) {
      return { why: codeOf(error) }
    }
  }

  async function lookAtAll({ directory, entries }: Batch): Promise<Outcome[]> {
    const outcomes: Outcome[] = []
    let next = 0
    const lane = async (read: ReturnType<typeof createReader>) => {
      for (let i = next++; i < entries.length && !signal.aborted; i = next++) {
        const entry = entries[i] as Dirent
        outcomes[i] = await look(entry, join(root, directory, entry.name), read)
      }
    }
    await Promise.all(readers.map(lane))
    return outcomes
  }

  return async (batch: Batch, totals: Totals): Promise<Found> => {
    const found: Found = { files: 0, lines: 0, marks: 0, problems: [] }
    const problem = (path: string, why: string) => {
      found.problems.push({ path, why })
      addProblem(totals, { path, why })
    }
    const outcomes = await lookAtAll(batch)
    if (batch.first) totals.directories++
    if (batch.failure !== undefined) problem(shortened(batch.directory), batch.failure)
    outcomes.forEach((outcome, i) => {
      const name = (batch.entries[i] as Dirent).name
      const path = shortened(batch.directory === '' ? name : `${batch.directory}/${name}`)
      if (outcome === 'link') totals.links++
      else if ('why' in outcome) problem(path, outcome.why)
      else {
        addFile(totals, path, outcome)
        found.files++
        found.lines += outcome.lines
        found.marks += outcome.marks.length
        if (outcome.lines > (found.longest?.lines ?? 0)) found.longest = { path, lines: outcome.lines }
      }
    })
    return found
  }
}

const shortened = (path: string) => (path.length <= longestPath ? path : `…${path.slice(1 - longestPath)}`)
