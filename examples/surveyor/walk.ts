import type { Dirent } from 'node:fs'
import { readdir, realpath } from 'node:fs/promises'
import { join } from 'node:path'

/** Directories that are not entered, wherever they are. */
export const skipped: ReadonlySet<string> = new Set(['node_modules', '.git', 'dist', '.build', '.data'])

/** Some entries of one directory, in order. */
export interface Batch {
  /** Below the root, with slashes; '' is the root itself. */
  directory: string
  /** True for the first batch of its directory. */
  first: boolean
  entries: readonly Dirent[]
  /** Why the directory could not be listed. */
  failure?: string
  /** The path of the last entry: a walk `after` it goes on with the next batch. It ends with a slash if there are no entries. */
  place: string
}

/** Entries per batch, at most. */
const batchSize = 64

interface Visit {
  directory: string
  /** What is behind us in this directory: the rest of a place. */
  after: readonly string[] | undefined
}

/**
 * The tree below `root` (a real path), always in the same order: of each directory first what is in it, then the directories
 * below. No link is followed, so that nothing outside is met, and nothing twice.
 */
export async function* walk(root: string, after?: string): AsyncGenerator<Batch, void> {
  const visits: Visit[] = [{ directory: '', after: after?.split('/') }]
  for (let visit = visits.pop(); visit; visit = visits.pop()) {
    const listing = await list(root, visit.directory)
    yield* batches(visit, listing)
    for (const next of below(visit, listing).reverse()) visits.push(next)
  }
}

interface Listing {
  entries: Dirent[]
  directories: string[]
  failure?: string
}

async function list(root: string, directory: string): Promise<Listing> {
  const path = join(root, directory)
  try {
    // Another may have put a link in its place since its name was read.
    if ((await realpath(path)) !== path) return { entries: [], directories: [], failure: 'leads elsewhere' }
    const sorted = (await readdir(path, { withFileTypes: true })).sort(byName)
    // Names that are no text all look alike, and a place has to name one entry.
    const found = sorted.filter((entry, i) => entry.name !== sorted[i - 1]?.name)
    return {
      entries: found.filter(entry => !entry.isDirectory()),
      directories: found.filter(entry => entry.isDirectory() && !skipped.has(entry.name)).map(entry => entry.name),
    }
  } catch (error) {
    return { entries: [], directories: [], failure: codeOf(error) }
  }
}

function* batches({ directory, after }: Visit, { entries, failure }: Listing): Generator<Batch, void> {
  // The place is in a directory below, or nothing was here.
  if (after && (after.length > 1 || after[0] === '')) return
  const begin = after ? entries.findIndex(entry => entry.name > (after[0] as string)) : 0
  if (begin < 0) return
  for (let start = begin; start === 0 || start < entries.length; start += batchSize) {
    const batch = entries.slice(start, start + batchSize)
    yield {
      directory,
      first: start === 0,
      entries: batch,
      ...(failure !== undefined && { failure }),
      place: pathOf(directory, batch.at(-1)?.name ?? ''),
    }
  }
}

function below({ directory, after }: Visit, { directories }: Listing): Visit[] {
  const [next, ...rest] = after && after.length > 1 ? after : []
  return directories
    .filter(name => next === undefined || name >= next)
    .map(name => ({ directory: pathOf(directory, name), after: name === next ? rest : undefined }))
}

const pathOf = (directory: string, name: string) => (directory === '' ? name : `${directory}/${name}`)

const byName = (a: Dirent, b: Dirent) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)

/** What the file system says, in a word. */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return 'code' in error ? String(error.code) : error.message
}
