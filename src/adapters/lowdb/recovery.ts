import path from 'node:path'
import type { Logger } from '../../kernel/port.ts'
import { type Contents, createContents } from './contents.ts'
import { openDocument, writeAll, writeDocument } from './documents.ts'
import { corrupt, newerFormat } from './failures.ts'
import type { Files, OpenFile } from './files.ts'
import { indexShape, type Layout, logName, logShape, numbersIn, unfinishedShape } from './layout.ts'
import { format, type Line } from './line.ts'
import { listIfThere } from './open.ts'
import { findWitnessed, type Mark, type Scanned, scan } from './scan.ts'
import { indexCodec, restoreIndex, takeIndex } from './segment-index.ts'

export interface Recovered {
  contents: Contents
  /** Behind the last line of the newest segment: where one who only reads goes on. */
  mark: Mark
  /** No segment ever had this number or a higher one. */
  nextSegment: number
}

export interface Recovery {
  files: Files
  layout: Layout
  logger: Logger
  /** The id that every segment must bear. */
  store: string
  /** Repairs nothing, writes nothing, and passes over what is damaged. */
  readOnly: boolean
}

/** Reads what the log says: by index documents where they fit their segments, by scanning where not. Throws `STORE_CORRUPT`. */
export async function recover(recovery: Recovery): Promise<Recovered> {
  const { files, layout, readOnly } = recovery
  const segments = numbersIn(await listIfThere(files, layout.logs), logShape)
  const indexes = numbersIn(await listIfThere(files, layout.indexes), indexShape)
  const contents = createContents()
  let mark: Mark = { offset: 0, n: 0 }
  for (const segment of segments) {
    mark = await recoverSegment(recovery, contents, segment, segment === segments.at(-1))
  }
  if (!readOnly) {
    for (const directory of [layout.dir, layout.indexes]) {
      const unfinished = (await listIfThere(files, directory)).filter(name => unfinishedShape.test(name))
      for (const name of unfinished) await files.remove(path.join(directory, name))
    }
    for (const index of indexes) if (!contents.sizes.has(index)) await files.remove(layout.index(index))
  }
  return { contents, mark, nextSegment: Math.max(0, segments.at(-1) ?? 0, indexes.at(-1) ?? 0) + 1 }
}

async function recoverSegment(recovery: Recovery, contents: Contents, segment: number, newest: boolean): Promise<Mark> {
  const { files, layout, logger, store, readOnly } = recovery
  const file = await files.open(layout.log(segment), readOnly ? 'read' : 'write')
  try {
    const size = await file.size()
    contents.begin(segment)
    const { data: known } = await openDocument(files, layout.index(segment), indexCodec)
    const isOfThis = known !== null && known.store === store && known.segment === segment
    if (isOfThis && known.size === size && (await restoreIndex(contents, known))) return { offset: size, n: 0 }
    if (isOfThis && known.size > size) {
      if (!readOnly) throw corrupt(logName(segment), size)
      logger.warn('Acknowledged data is cut off', { path: logName(segment), offset: size })
    }
    const scanned = await scanWhole(recovery, contents, file, segment, newest)
    if (readOnly) return scanned
    if (newest) await secureTail(file, scanned)
    const index = await takeIndex(contents, store)()
    await writeDocument(files, layout.index(segment), indexCodec, index).catch((error: unknown) =>
      logger.warn('An index document was not written; the segment is scanned at the next open', { segment, error }),
    )
    return scanned
  } finally {
    await file.close()
  }
}

/** Applies every line; passes over acknowledged damage when reading only, and throws `STORE_CORRUPT` otherwise. */
async function scanWhole(recovery: Recovery, contents: Contents, file: OpenFile, segment: number, newest: boolean): Promise<Scanned> {
  const { logger, store, readOnly } = recovery
  const absorb = (line: Line, offset: number, length: number) => absorbLine(contents, store, segment, line, offset, length)
  let from: Mark = { offset: 0, n: 0 }
  let suspect = -1
  for (;;) {
    const scanned = await scan(file, from, absorb)
    contents.measure(segment, scanned.offset)
    if (!scanned.damaged) return scanned
    const whole = await findWitnessed(file, scanned)
    // A new segment is begun when all before is whole.
    if (whole === undefined && newest) return scanned
    if (!readOnly) throw corrupt(logName(segment), scanned.offset)
    if (suspect !== scanned.offset) {
      // Perhaps the line was only being written when it was looked at: it was whole before its witness was.
      suspect = scanned.offset
      from = scanned
      continue
    }
    logger.warn('Acknowledged data is damaged and left out', { path: logName(segment), offset: scanned.offset })
    if (whole === undefined) return scanned
    from = whole
  }
}

/** Applies one line; the first of a segment must say that it belongs here. */
export function absorbLine(contents: Contents, store: string, segment: number, line: Line, offset: number, length: number): void {
  const { begins } = line
  if (begins !== undefined && begins.format > format) throw newerFormat(begins.format, format)
  if ((line.n === 1) !== (begins !== undefined)) throw corrupt(logName(segment), offset)
  if (begins !== undefined && (begins.store !== store || begins.segment !== segment)) throw corrupt(logName(segment), offset)
  contents.absorb(line, { segment, offset, length })
}

/**
 * Cuts off what was never acknowledged, and writes the last batch again: when its sync failed, the system shows it and takes it
 * for written, and it may not be on the disk.
 */
async function secureTail(file: OpenFile, { offset, batch, damaged }: Scanned): Promise<void> {
  if (damaged) await file.truncate(offset)
  if (offset > batch) await writeAll(file, await file.read(offset - batch, batch), batch)
  if (damaged || offset > batch) await file.sync()
}
