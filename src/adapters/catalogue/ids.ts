import { LifechartError } from '../../errors.ts'
import { type Id, portLimits } from '../../kernel/port.ts'

/** Throws `INVALID_ID` unless the value is 1 to 512 bytes of well-formed UTF-8 without NUL. */
export function checkId(id: Id, what: string): void {
  if (typeof id === 'string' && id.length > 0 && fits(id) && (isPlain(id) || (!loneSurrogate.test(id) && !id.includes('\0')))) return
  throw new LifechartError('INVALID_ID', `The ${what} must be 1 to ${portLimits.idBytes} bytes of well-formed UTF-8 without NUL.`)
}

/** Most ids have neither NUL nor surrogates, which is quickly seen. */
function isPlain(id: Id): boolean {
  for (let i = 0; i < id.length; i++) {
    const unit = id.charCodeAt(i)
    if (unit === 0 || (unit >= 0xd800 && unit <= 0xdfff)) return false
  }
  return true
}

const loneSurrogate = /\p{Surrogate}/u

/** UTF-8 has at most three bytes per UTF-16 unit, so most ids need no counting. */
const fits = (id: Id) => id.length * 3 <= portLimits.idBytes || Buffer.byteLength(id) <= portLimits.idBytes

/** Orders ids by their UTF-8 bytes, which differs from JavaScript's own order where surrogates meet U+E000 and above. */
export function compareIds(a: Id, b: Id): number {
  if (a === b) return 0
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x !== y) return rank(x) - rank(y)
  }
  return a.length - b.length
}

const rank = (unit: number) => (unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit)
