import { LifechartError } from '../errors.ts'
import type { Json } from './port.ts'

const deepest = 64

/** The way to a member of a value. A path is made of it only when something is wrong. */
type Trail = (string | number)[]

/**
 * Encodes a value that is JSON and nothing else: plain objects, arrays, strings, booleans, null and finite numbers, at most 64
 * levels deep. Members that are undefined are left out, as JSON does. Anything that JSON would change in silence (a Date, a
 * Map, NaN, a class instance, a cycle) is refused with `NOT_SERIALIZABLE` and the path of the culprit.
 */
export function encodeJson(value: unknown, what: string): Json {
  if (typeof value !== 'string') assertJson(value, what)
  return JSON.stringify(value)
}

/** The checks of {@link encodeJson} alone. */
export function assertJson(value: unknown, what: string, trail: Trail = []): void {
  if (!isComposite(value, what, trail)) return
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      trail.push(i)
      assertJson(value[i], what, trail)
      trail.pop()
    }
    return
  }
  for (const key of Object.keys(value)) {
    const member = value[key]
    if (member === undefined) continue
    trail.push(key)
    assertJson(member, what, trail)
    trail.pop()
  }
}

/** A copy, frozen all the way down, in one walk with the checks of {@link encodeJson}: nobody can change it any more. */
export function frozenCopy<T>(value: T, what: string, trail: Trail = []): T {
  if (!isComposite(value, what, trail)) return value
  if (Array.isArray(value)) {
    const list: unknown[] = []
    for (let i = 0; i < value.length; i++) {
      trail.push(i)
      list.push(frozenCopy(value[i], what, trail))
      trail.pop()
    }
    return Object.freeze(list) as T
  }
  const copy: Record<string, unknown> = {}
  for (const key of Object.keys(value)) {
    const member = value[key]
    if (member === undefined) continue
    trail.push(key)
    const own = frozenCopy(member, what, trail)
    trail.pop()
    // A member of this name would become the prototype.
    if (key === '__proto__') Object.defineProperty(copy, key, { value: own, enumerable: true })
    else copy[key] = own
  }
  return Object.freeze(copy) as T
}

/** True if there is more within; refuses what is not JSON. */
function isComposite(value: unknown, what: string, trail: Trail): value is Record<string, unknown> {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return false
    case 'number':
      if (!Number.isFinite(value)) throw refused(what, trail, String(value))
      return false
    case 'object':
      break
    default:
      throw refused(what, trail, typeof value)
  }
  if (value === null) return false
  if (trail.length >= deepest) throw refused(what, trail, `nested deeper than ${deepest}, or in a cycle`)
  if (Array.isArray(value)) return true
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null)
    throw refused(what, trail, `an instance of ${prototype.constructor?.name ?? 'a class'}`)
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') throw refused(what, trail, 'an object with toJSON')
  return true
}

function refused(what: string, trail: Trail, found: string): LifechartError {
  const path = trail.map(step => (typeof step === 'number' ? `[${step}]` : `.${step}`)).join('')
  return new LifechartError(
    'NOT_SERIALIZABLE',
    `${what}${path} is not JSON (${found}). Pass plain objects, arrays, strings, booleans, null and finite numbers.`,
  )
}

/** Reads JSON that is stored; `STORE_CORRUPT` for a text that is none, without a word of what it says. */
export function readJson(text: Json, what: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new LifechartError('STORE_CORRUPT', `${what} can not be read: the store is damaged, or was written by a newer version.`)
  }
}

/**
 * Freezes what JSON.parse or {@link frozenCopy} made, all the way down, so that one reader can not change what another one sees.
 * Nothing of theirs is frozen by halves: what is frozen already is passed over.
 */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const key of Object.keys(value)) deepFreeze((value as Record<string, unknown>)[key])
  return Object.freeze(value)
}
