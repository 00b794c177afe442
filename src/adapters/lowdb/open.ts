import path from 'node:path'
import { LifechartError } from '../../errors.ts'
import type { Ids } from '../../kernel/port.ts'
import { openDocument, writeDocument } from './documents.ts'
import { newerFormat, systemCode } from './failures.ts'
import type { Files } from './files.ts'
import { type Layout, logShape, numbersIn } from './layout.ts'
import { format } from './line.ts'
import { firstLine } from './scan.ts'
import { storeCodec } from './store-document.ts'

/** The id of the store in a directory; undefined when there is none yet. Throws `STORE_VERSION`, before anything is touched. */
export async function identify(files: Files, layout: Layout): Promise<string | undefined> {
  const { data: document } = await openDocument(files, layout.store, storeCodec)
  if (document !== null && document.format > format) throw newerFormat(document.format, format)
  return document?.id ?? (await identifyBySegments(files, layout))
}

/** The document is a cache: each segment says to which store it belongs. */
async function identifyBySegments(files: Files, layout: Layout): Promise<string | undefined> {
  for (const segment of numbersIn(await listIfThere(files, layout.logs), logShape)) {
    const file = await files.open(layout.log(segment), 'read')
    try {
      const begins = (await firstLine(file))?.begins
      if (begins !== undefined && begins.format > format) throw newerFormat(begins.format, format)
      if (begins !== undefined) return begins.store
    } finally {
      await file.close()
    }
  }
  return undefined
}

/** Makes what is missing of the directories, and makes them durable: an earlier process may have ended before it had. */
export async function makeDirectories(files: Files, { dir, logs, indexes }: Layout): Promise<void> {
  const names = await listIfThere(files, dir)
  for (const directory of [dir, logs, indexes]) await files.makeDirectory(directory)
  await files.syncDirectory(dir)
  const ancestors = ancestorsOf(dir)
  for (const ancestor of names.length === 0 ? ancestors : ancestors.slice(0, 1)) await syncIfAllowed(files, ancestor)
}

function ancestorsOf(dir: string): string[] {
  const parent = path.dirname(path.resolve(dir))
  return parent === path.resolve(dir) ? [] : [parent, ...ancestorsOf(parent)]
}

/** A directory that may be passed through but not read was not made by us, and can not be synced. */
async function syncIfAllowed(files: Files, directory: string): Promise<void> {
  try {
    await files.syncDirectory(directory)
  } catch (error) {
    const code = systemCode(error)
    if (code !== 'EACCES' && code !== 'EPERM') throw error
  }
}

/** Makes the document when it is missing or damaged, and gives the store an id when it is new. */
export async function establish(files: Files, layout: Layout, ids: Ids): Promise<string> {
  const known = await identify(files, layout)
  const id = known ?? ids()
  const { data: document } = await openDocument(files, layout.store, storeCodec)
  if (document === null) await writeDocument(files, layout.store, storeCodec, { format, id })
  return id
}

export async function listIfThere(files: Files, directory: string): Promise<readonly string[]> {
  try {
    return await files.list(directory)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return []
    throw error
  }
}

export function noStore(dir: string): LifechartError {
  return new LifechartError('STORE_UNAVAILABLE', `There is no store in ${dir} yet; open it for writing first.`)
}
