import { setImmediate } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import { crcDigits, newline } from './line.ts'

/** What goes between a line's length and its end. */
export interface Framed {
  /** The header with the texts behind it. A large text is a piece of its own: joining it to others would copy it. */
  pieces: readonly string[]
  /** The bytes of the pieces. */
  body: number
  /** The bytes of the line. */
  length: number
}

export const frame = (pieces: readonly string[], body: number): Framed => ({
  pieces,
  body,
  length: crcDigits + String(body).length + body + 3,
})

/** A text of so many characters is a piece of its own. */
const largeText = 64 * 1024
/** A line of so many bytes is encoded and checksummed in turns of its own. */
const largeLine = 1024 * 1024

/** Puts a text and the tab before it behind what is there. */
export function addText(pieces: string[], text: string): void {
  const end = pieces.length - 1
  if (text.length < largeText) pieces[end] += `\t${text}`
  else {
    pieces[end] += '\t'
    pieces.push(text, '')
  }
}

/** The bytes of lines that follow each other. */
export async function bytesOf(lines: readonly Framed[]): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(lines.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const { pieces, body, length } of lines) {
    const end = at + length - 1
    const isLarge = length >= largeLine
    if (isLarge) await setImmediate()
    let start = end - body
    for (const piece of pieces) start += bytes.write(piece, start)
    bytes[end] = newline
    if (isLarge) await setImmediate()
    const checksum = crc32(bytes.subarray(end - body, end))
    bytes.write(`${checksum.toString(16).padStart(crcDigits, '0')} ${body} `, at, 'latin1')
    at = end + 1
  }
  return bytes
}
