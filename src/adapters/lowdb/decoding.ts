import { StringDecoder } from 'node:string_decoder'
import { setImmediate } from 'node:timers/promises'

const slice = 256 * 1024

/** A text in UTF-8; nothing is awaited for one that is not large. */
export function decode(bytes: Buffer, start: number, length: number): string | Promise<string> {
  return length <= slice ? bytes.toString('utf8', start, start + length) : decodeInTurns(bytes.subarray(start, start + length))
}

async function decodeInTurns(bytes: Buffer): Promise<string> {
  const decoder = new StringDecoder('utf8')
  let text = ''
  for (let at = 0; at < bytes.length; at += slice) {
    await setImmediate()
    text += decoder.write(bytes.subarray(at, at + slice))
  }
  return text + decoder.end()
}
