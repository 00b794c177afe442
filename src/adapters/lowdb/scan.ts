import type { OpenFile } from './files.ts'
import { decodeLine, extentAt, type Line } from './line.ts'

/** Behind which line to go on. */
export interface Mark {
  offset: number
  /** The number of the line that ends there; 0 at the beginning. */
  n: number
}

export interface Scanned extends Mark {
  /** Where the last batch begins. */
  batch: number
  /** The bytes behind `offset` are no line. */
  damaged: boolean
}

const chunk = 256 * 1024

/** Visits the lines from a mark up to the end, or to the first that is damaged. */
export async function scan(file: OpenFile, from: Mark, visit: (line: Line, offset: number, length: number) => void): Promise<Scanned> {
  const scanned: Scanned = { ...from, batch: from.offset, damaged: false }
  let durable = -1
  for (let wanted = chunk; ; ) {
    const bytes = await bytesAt(file, scanned.offset, wanted)
    const ended = bytes.length < wanted
    const base = scanned.offset
    for (;;) {
      const at = scanned.offset - base
      if (at === bytes.length && ended) return scanned
      const extent = extentAt(bytes, at)
      if (extent === 'torn' && !ended) break
      const decoded = typeof extent === 'string' ? undefined : decodeLine(bytes, at, extent)
      if (typeof extent === 'string' || decoded?.line.n !== scanned.n + 1) return { ...scanned, damaged: true }
      if (decoded.line.d !== durable) {
        durable = decoded.line.d
        scanned.batch = scanned.offset
      }
      visit(decoded.line, scanned.offset, extent.end - at)
      scanned.n++
      scanned.offset = base + extent.end
    }
    wanted = scanned.offset === base ? wanted * 2 : chunk
  }
}

/**
 * Behind the damage of the line after the mark: the first line that is whole again, when one of those that follow says that the
 * damaged one had been durable. Undefined when what follows is at most the rest of a batch that was never acknowledged.
 */
export async function findWitnessed(file: OpenFile, { offset, n }: Mark): Promise<Mark | undefined> {
  let whole: Mark | undefined
  let base = offset
  for (let wanted = chunk; ; ) {
    const bytes = await bytesAt(file, base, wanted)
    const ended = bytes.length < wanted
    let torn: number | undefined
    for (let end = bytes.indexOf('\n'); end >= 0 && torn === undefined; end = bytes.indexOf('\n', end + 1)) {
      const at = end + 1
      const extent = extentAt(bytes, at)
      if (extent === 'torn' && !ended) torn = end
      const line = typeof extent === 'string' ? undefined : decodeLine(bytes, at, extent)?.line
      if (line === undefined) continue
      whole ??= { offset: base + at, n: line.n - 1 }
      if (line.d > n) return whole
    }
    if (ended) return undefined
    // A candidate that may go on is looked at again from the end of the line before it.
    const next = torn ?? bytes.length
    wanted = next === 0 ? wanted * 2 : chunk
    base += next
  }
}

/** The first line of a segment, which says whose it is; undefined when it is damaged. */
export async function firstLine(file: OpenFile): Promise<Line | undefined> {
  const bytes = await bytesAt(file, 0, 4096)
  const extent = extentAt(bytes, 0)
  return typeof extent === 'string' ? undefined : decodeLine(bytes, 0, extent)?.line
}

async function bytesAt(file: OpenFile, offset: number, length: number): Promise<Buffer> {
  const bytes = await file.read(length, offset)
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}
