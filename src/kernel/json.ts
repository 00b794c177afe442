import { LifechartError } from '../errors.ts'
import type { Json } from './port.ts'

const deepest = 256

/**
 * Encodes a value that is JSON and nothing else: plain objects, arrays, strings, booleans, null and finite numbers.
 * Members that are undefined are left out, as JSON does. Anything that JSON would change in silence (a Date, a Map, NaN,
 * a class instance, a cycle) is refused with `NOT_SERIALIZABLE` and the path of the culprit.
 */
export function encodeJson(value: unknown, what: string): Json {
  if (typeof value !== 'string') assertJson(value, what, 0)
  return JSON.stringify(value)
}

/** The checks of {@link encodeJson} alone. */
export function assertJson(value: unknown, path: string, depth = 0): void {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return
    case 'number':
      if (!Number.isFinite(value)) throw refused(path, String(value))
      return
    case 'object':
      break
    default:
      throw refused(path, typeof value)
  }
  if (value === null) return
  if (depth > deepest) throw refused(path, `nested deeper than ${deepest}, or in a cycle`)
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) assertJson(value[i], `${path}[${i}]`, depth + 1)
    return
  }
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null)
    throw refused(path, `an instance of ${prototype.constructor?.name ?? 'a class'}`)
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') throw refused(path, 'an object with toJSON')
  for (const key of Object.keys(value)) {
    const member = (value as Record<string, unknown>)[key]
    if (member !== undefined) assertJson(member, `${path}.${key}`, depth + 1)
  }
}

function refused(path: string, found: string): LifechartError {
  return new LifechartError(
    'NOT_SERIALIZABLE',
    `${path} is not JSON (${found}). Pass plain objects, arrays, strings, booleans, null and finite numbers.`,
  )
}

/** Freezes what JSON.parse made, all the way down, so that one reader can not change what another one sees. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  for (const key of Object.keys(value)) deepFreeze((value as Record<string, unknown>)[key])
  return Object.freeze(value)
}
