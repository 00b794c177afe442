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
  rows: readonly Row[]
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

/** Makes the contents know what the document knows. */
export async function restoreIndex(contents: Contents, { segment, size, gone, rows }: SegmentIndex): Promise<void> {
  contents.measure(segment, size)
  for (const [stream, born] of gone) contents.bury(stream, born)
  let done = 0
  for (const { facts, at, runs } of rows) {
    const [offset, length] = at
    const entry = contents.restore(facts, { segment, offset, length })
    for (let i = 0; entry !== undefined && i < runs.length; i += 4) {
      const place = { segment, offset: runs[i + 2]!, length: runs[i + 3]! }
      putRun(entry.body, runs[i]!, runs[i + 1]! - runs[i]! + 1, place, facts.version)
    }
    if (++done % slice === 0) await setImmediate()
  }
}

const slice = 1_000

/** JSON with a row per line, so that it is written and read in slices; the checksum is over all that stands before it. */
export const indexCodec: Codec<SegmentIndex> = {
  *encode({ rows, ...rest }) {
    let piece = `${JSON.stringify(rest).slice(0, -1)},"rows":[\n`
    let checksum = 0
    for (let i = 0; i < rows.length; i++) {
      const { facts, at, runs } = rows[i]!
      piece += `${JSON.stringify({ facts, at, runs })}${i + 1 < rows.length ? ',' : ''}\n`
      if (piece.length < pieceLength) continue
      checksum = crc32(piece, checksum)
      yield piece
      piece = ''
    }
    yield `${piece}],"crc":"${crc32(piece, checksum).toString(16).padStart(8, '0')}"}\n`
  },

  async decode(bytes) {
    const end = bytes.length - trailerLength
    const trailer = trailerShape.exec(bytes.toString('latin1', Math.max(0, end)))
    if (trailer === null || (await checksumOf(bytes.subarray(0, end))) !== Number.parseInt(trailer[1]!, 16)) return undefined
    let start = bytes.indexOf('\n') + 1
    const rest = parse(`${bytes.toString('utf8', 0, start)}]}`)
    if (!isRest(rest)) return undefined
    const rows: Row[] = []
    while (start < end) {
      const stop = end - start <= pieceLength ? end : bytes.indexOf('\n', start + pieceLength) + 1
      const some = parse(`[${bytes.toString('utf8', start, stop).replace(/,?\n$/, '')}]`)
      if (!Array.isArray(some) || !some.every(isRow)) return undefined
      for (const row of some) rows.push(row)
      start = stop
      await setImmediate()
    }
    return { ...rest, rows }
  },
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
