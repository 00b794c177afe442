import { basename, join, sep } from 'node:path'
import { allowedDirectory, Refusal } from './allowed.ts'
import { cutRight } from './fit.ts'
import { printable } from './printable.ts'
import { walk } from './walk.ts'

/** What a message names: a directory (its real path), or why it is none yet, or why it will never be one. */
export type Meant = { directory: string } | { question: string } | { refusal: string }

/** Candidates that a question lists. */
const mostCandidates = 10

/** Characters of a path, in most systems. */
const longestPath = 4096

/**
 * The directory below `root`, a real path, that is meant with a text: a path, or the name of one directory somewhere below. What is to
 * be found is looked for until the signal is aborted.
 */
export async function directoryMeant(root: string, text: string, signal: AbortSignal): Promise<Meant> {
  const named = text.trim()
  const below = `Name one below ${shown(basename(root) || root)}, or "." for all of it.`
  if (named === '') return { question: `Which directory is to be surveyed? ${below}` }
  if (named.length > longestPath) return { question: `That is too long for the name of a directory. ${below}` }
  try {
    return { directory: await allowedDirectory(root, named) }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    if (error.code === 'NOT_A_DIRECTORY') return { question: `${shown(named)} is no directory. ${below}` }
    if (error.code !== 'DIRECTORY_NOT_FOUND') return { refusal: error.message }
  }
  const candidates = await directoriesNamed(named, root, signal)
  const [only, ...others] = candidates
  if (only === undefined) return { question: `There is no directory ${shown(named)}. ${below}` }
  if (others.length === 0) return { directory: await allowedDirectory(root, only) }
  const listed = candidates.slice(0, mostCandidates).map(candidate => `\n- ${shown(candidate)}`)
  const more = candidates.length > mostCandidates ? '\nThere are more.' : ''
  return { question: `Which ${shown(named)} is meant?${listed.join('')}${more}` }
}

/** Their paths below the root, in the order of the walk: one more than a question lists, at most. */
async function directoriesNamed(name: string, root: string, signal: AbortSignal): Promise<string[]> {
  const found: string[] = []
  if (name.includes('/') || name.includes(sep)) return found
  for await (const { directory, first } of walk(root)) {
    if (first && basename(directory) === name) found.push(join(directory))
    if (signal.aborted || found.length > mostCandidates) break
  }
  return found
}

const shown = (path: string) => cutRight(printable(path), 200)
