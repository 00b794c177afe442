import { setImmediate } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import type { Id } from '../../kernel/port.ts'
import type { Contents } from './contents.ts'
import type { Codec } from './documents.ts'
import { isCount, isCounts, isFacts, isObject, isText } from './facts.ts'
import { format, isGone } from './line.ts'
import type { Row } from './sealing.ts'
import { putRun } from './trail.ts'

/** What one segment says, as of its end: the document `index/N.json`, which spares scanning it. */
export interface SegmentIndex {
  format: number
  store: string
  segment: number
  /** The bytes of the segment; of another length, the document is not about this segment. */
  size: number
  gone: [stream: Id, born: number][]
  /** Read piece by piece; null where a piece is none. */
  rows: Iterable<Row | null>
}

/** Begins to note what the newest segment says; the streams may move on while the rows are made. */
export function takeIndex(contents: Contents, store: string): () => Promise<SegmentIndex> {
  const { segment, tombstones, sizes } = contents
  const size = sizes.get(segment) ?? 0
  const gone: [Id, number][] = []
  for (const [stream, { born, home }] of tombstones) if (home === segment) gone.push([stream, born])
  const sealing = contents.seal()
  return async () => ({ format, store, segment, size, gone, rows: await sealing.rows() })
}

/** Makes the contents know what the document knows. False when it is damaged: what it told so far is told again by the segment. */
export async function restoreIndex(contents: Contents, { segment, size, gone, rows }: SegmentIndex): Promise<boolean> {
  contents.measure(segment, size)
  for (const [stream, born] of gone) contents.bury(stream, born)
  let done = 0
  for (const row of rows) {
    if (row === null) return false
    const { facts, at, runs } = row
    const [offset, length] = at
    const entry = contents.restore(facts, { segment, offset, length })
    for (let i = 0; entry !== undefined && i < runs.length; i += 4) {
      const place = { segment, offset: runs[i + 2]!, length: runs[i + 3]! }
      putRun(entry.body, runs[i]!, runs[i + 1]! - runs[i]! + 1, place)
    }
    if (++done % slice === 0) await setImmediate()
  }
  return true
}

const slice = 200

/** JSON with a row per line, so that it is written and read in slices; the checksum is over all that stands before it. */
export const indexCodec: Codec<SegmentIndex> = {
  *encode({ rows, ...rest }) {
    let piece = `${JSON.stringify(rest).slice(0, -1)},"rows":[\n`
    let checksum = 0
    let separator = ''
    for (const row of rows) {
      piece += separator + JSON.stringify(row)
      separator = ',\n'
      if (piece.length < pieceLength) continue
      checksum = crc32(piece, checksum)
      yield piece
      piece = ''
    }
    piece += '\n'
    yield `${piece}],"crc":"${crc32(piece, checksum).toString(16).padStart(8, '0')}"}\n`
  },

  async decode(bytes) {
    const end = bytes.length - trailerLength
    const trailer = trailerShape.exec(bytes.toString('latin1', Math.max(0, end)))
    if (trailer === null || (await checksumOf(bytes.subarray(0, end))) !== Number.parseInt(trailer[1]!, 16)) return undefined
    const start = bytes.indexOf('\n') + 1
    const rest = parse(`${bytes.toString('utf8', 0, start)}]}`)
    return isRest(rest) ? { ...rest, rows: rowsIn(bytes.subarray(start, end)) } : undefined
  },
}

function* rowsIn(bytes: Buffer): Generator<Row | null> {
  for (let start = 0; start < bytes.length; ) {
    const line = bytes.indexOf('\n', start + pieceLength) + 1
    const end = line === 0 ? bytes.length : line
    const rows = parse(`[${bytes.toString('utf8', start, end).replace(/,?\n$/, '')}]`)
    if (!Array.isArray(rows)) yield null
    else for (const row of rows) yield isRow(row) ? row : null
    start = end
  }
}

const pieceLength = 64 * 1024
const trailerShape = /^\],"crc":"([0-9a-f]{8})"\}\n$/
const trailerLength = '],"crc":"01234567"}\n'.length

async function checksumOf(bytes: Buffer): Promise<number> {
  let checksum = 0
  for (let at = 0; at < bytes.length; at += checksumSlice) {
    checksum = crc32(bytes.subarray(at, at + checksumSlice), checksum)
    await setImmediate()
  }
  return checksum
}

const checksumSlice = 4 * 1024 * 1024

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isRest(value: unknown): value is Omit<SegmentIndex, 'rows'> {
  return (
    isObject(value) && value.format === format && isText(value.store) && isCount(value.segment) && isCount(value.size) && isGone(value.gone)
  )
}

function isRow(value: unknown): value is Row {
  if (!isObject(value) || !isFacts(value.facts) || value.facts.kind === undefined) return false
  return isCounts(value.at) && value.at.length === 2 && isCounts(value.runs) && value.runs.length % 4 === 0
}
