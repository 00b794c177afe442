import { randomBytes } from 'node:crypto'
import type { Clock, Ids } from './environment.ts'

/** Crockford's base 32: sorts like the number, no letter that reads like a digit. */
const digits = '0123456789abcdefghjkmnpqrstvwxyz'

/** 10 digits of milliseconds, 2 of a counter, then 20 (100 bits) of randomness: sortable by creation, not guessable. */
export function createIds(clock: Clock, random: (bytes: number) => Uint8Array = pooledBytes()): Ids {
  let last = 0
  let counter = 0
  return () => {
    // Within one millisecond, and when the clock jumps back, order is kept by a counter in front of the random part.
    const now = clock.now()
    if (now > last) {
      last = now
      counter = 0
    } else if (++counter > 1023) {
      last++
      counter = 0
    }
    return base32(last, 10) + base32(counter, 2) + randomDigits(random(20))
  }
}

/** Random bytes, fetched by the page: most of the cost of a few is that of asking. */
function pooledBytes(): (bytes: number) => Uint8Array {
  let page = new Uint8Array()
  let used = 0
  return bytes => {
    if (used + bytes > page.length) {
      page = randomBytes(4096)
      used = 0
    }
    used += bytes
    return page.subarray(used - bytes, used)
  }
}

function base32(value: number, length: number): string {
  let text = ''
  for (let rest = value; text.length < length; rest = Math.floor(rest / 32)) text = digits[rest % 32] + text
  return text
}

function randomDigits(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += digits[byte & 31]
  return text
}
