import { constants, type FileHandle, open } from 'node:fs/promises'
import { hasImports, importIn, longestLine, type Mark, markIn } from './lines.ts'

export interface Measured {
  bytes: number
  /** Its text, unless it is no text or too large to be one. */
  content: 'text' | 'binary' | 'large'
  lines: number
  marks: Mark[]
  /** Specifiers, one for each import. */
  imports: string[]
}

/** A larger file is counted, and not read. */
export const largeBytes = 1024 * 1024

const chunkBytes = 64 * 1024
const newline = 10

/** Not through a link that somebody puts there meanwhile, and without waiting for the other end of a pipe. */
const readSafely = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

/** Measures one file after the other, all through the same buffer. */
export function createReader(signal: AbortSignal) {
  const buffer = Buffer.allocUnsafe(chunkBytes)

  async function measure(file: FileHandle, name: string): Promise<Measured> {
    const status = await file.stat()
    if (!status.isFile()) throw new Error('no file')
    const measured: Measured = { bytes: status.size, content: 'text', lines: 0, marks: [], imports: [] }
    if (status.size > largeBytes) return { ...measured, content: 'large' }
    const text = scanner(measured, hasImports(name))
    // What is left of a line that the buffer cut is moved to its beginning, so that no character is torn.
    let kept = 0
    for (let position = 0; position < status.size && !signal.aborted; ) {
      const { bytesRead } = await file.read(buffer, kept, chunkBytes - kept, position)
      if (bytesRead === 0) break
      position += bytesRead
      const filled = kept + bytesRead
      if (buffer.subarray(kept, filled).includes(0)) return { ...measured, content: 'binary', lines: 0, marks: [], imports: [] }
      const end = buffer.lastIndexOf(newline, filled - 1) + 1
      kept = 0
      if (end > 0) {
        text.add(buffer.toString('utf8', 0, end))
        kept = buffer.copy(buffer, 0, end, filled)
      } else if (filled < chunkBytes) kept = filled
      else text.add(buffer.toString('utf8', 0, filled))
    }
    if (kept > 0) text.add(buffer.toString('utf8', 0, kept))
    text.end()
    return measured
  }

  return async (path: string, name: string): Promise<Measured> => {
    const file = await open(path, readSafely)
    try {
      return await measure(file, name)
    } finally {
      await file.close()
    }
  }
}

/** Takes the text of a file in pieces, each of which ends with a line unless the line is longer than the buffer. */
function scanner(measured: Measured, isScript: boolean) {
  let within = false

  function look(text: string, start: number, end: number): void {
    const line = text.slice(start, Math.min(end, start + longestLine))
    const found = markIn(line)
    if (found !== undefined) measured.marks.push({ line: measured.lines + 1, text: found })
    const specifier = isScript ? importIn(line) : undefined
    if (specifier !== undefined) measured.imports.push(specifier)
  }

  return {
    add(text: string): void {
      let start = 0
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
        if (!within) look(text, start, end)
        measured.lines++
        within = false
        start = end + 1
      }
      if (start === text.length) return
      if (!within) look(text, start, text.length)
      within = true
    },
    end(): void {
      if (within) measured.lines++
    },
  }
}
