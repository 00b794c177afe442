import { lstat, realpath, stat } from 'node:fs/promises'
import { dirname, relative, resolve, sep } from 'node:path'
import { contains } from './confine.ts'
import { codeOf, skipped } from './walk.ts'

/** What may not be surveyed, and why: for the one who asked. */
export class Refusal extends Error {
  readonly code: 'DIRECTORY_OUTSIDE' | 'DIRECTORY_SKIPPED' | 'DIRECTORY_NOT_FOUND' | 'NOT_A_DIRECTORY'

  constructor(code: Refusal['code'], message: string) {
    super(message)
    this.code = code
  }
}

/**
 * The real path of a directory below `root`, a real path. Throws a `Refusal`. What is outside is refused before anybody looks whether
 * it is there.
 */
export async function allowedDirectory(root: string, directory: string): Promise<string> {
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
    if (await leadsOut(root, named)) throw outside()
    throw new Refusal('DIRECTORY_NOT_FOUND', `There is no such directory that can be read (${codeOf(error)}).`)
  }
}

/** True if the part of a path that is there is outside of `root`, or a link to nowhere: nobody is told what is behind links. */
async function leadsOut(root: string, path: string): Promise<boolean> {
  for (let at = path; at !== root; at = dirname(at)) {
    const real = await realpath(at).catch(() => undefined)
    if (real !== undefined) return !contains(root, real)
    const isLink = await lstat(at).then(
      status => status.isSymbolicLink(),
      () => false,
    )
    if (isLink) return true
  }
  return false
}
