import type { AnyEventObject } from 'xstate'
import { LifechartError } from '../../errors.ts'
import { deepFreeze, encodeJson } from '../json.ts'
import type { Json } from '../port.ts'

/** What set a step off: the first one, a caller, a child actor, a deadline, or a new owner that took the lifecycle over. */
export type Cause = 'start' | 'command' | 'child' | 'timer' | 'restore'

/** A deadline: an event that the host sends at an absolute time (milliseconds). */
export interface Deadline {
  event: AnyEventObject
  at: number
}

/** One committed step of a lifecycle, with all that is needed to replay it to a person. */
export interface StepRecord {
  seq: number
  /** Milliseconds. */
  at: number
  cause: Cause
  event: AnyEventObject
  /** The state value before; undefined for the first step. */
  from?: unknown
  value: unknown
  status: 'active' | 'done' | 'error' | 'stopped'
  /** The whole context: in the first step and in every 64th. */
  context?: unknown
  /** What changed in the context since the step before. */
  patch?: { set?: Record<string, unknown>; unset?: string[] }
  deadlines?: Record<string, Deadline>
  /** Ids of the child actors after the step. */
  children?: string[]
  /** The id of the command from another process that caused it. */
  command?: string
  /** Present when a new owner began: 2 for the first takeover. */
  attempt?: number
}

/** A step in the window. */
export class Step {
  readonly record: StepRecord
  constructor(record: StepRecord) {
    this.record = record
  }
}

/** Bytes in the window; every reader gets its own copy. */
export class Bytes {
  readonly data: Uint8Array
  constructor(data: Uint8Array) {
    this.data = data
  }
}

/** A record in the window: a {@link Step}, {@link Bytes}, or the decoded and deep-frozen JSON value itself. */
export type Entry = unknown

/** A record ready to be committed: its text, and what the window keeps of it. */
export interface Encoded {
  text: Json
  entry: Entry
}

/*
 * The stored text of a record is JSON, and the white space in front of it, which JSON allows and JSON.stringify never writes,
 * tells what it is: none for a chunk, a blank for a step, a tab for bytes (base64). So a chunk is stored as it is.
 */
const stepTag = ' '
const bytesTag = '\t'

/** What JSON has to escape. */
const special = /[^\u0020\u0021\u0023-\u005b\u005d-\ud7ff\ue000-\uffff]/

/** Encodes a chunk: JSON or a Uint8Array, else `NOT_SERIALIZABLE`; `CHUNK_TOO_LARGE` beyond `limit` characters of text. */
export function encodeData(data: unknown, limit: number): Encoded {
  let encoded: Encoded
  // Most chunks are plain text; putting it in quotes costs less than half of JSON.stringify.
  if (typeof data === 'string') encoded = { text: special.test(data) ? JSON.stringify(data) : `"${data}"`, entry: data }
  else if (data instanceof Uint8Array) {
    // Not slice(): that of a Buffer shares its memory.
    const copy = new Uint8Array(data)
    const base64 = Buffer.from(copy.buffer, copy.byteOffset, copy.byteLength).toString('base64')
    encoded = { text: `${bytesTag}"${base64}"`, entry: new Bytes(copy) }
  } else {
    const text = encodeJson(data, 'The chunk')
    encoded = { text, entry: deepFreeze(JSON.parse(text)) }
  }
  if (encoded.text.length > limit) {
    throw new LifechartError(
      'CHUNK_TOO_LARGE',
      `A chunk of ${encoded.text.length} characters is over limits.chunkBytes (${limit}). Emit it in parts.`,
    )
  }
  return encoded
}

export function encodeStep(record: StepRecord): Encoded {
  return { text: stepTag + JSON.stringify(record), entry: new Step(record) }
}

/** True for the stored text of a chunk that is JSON; it is that JSON. */
export function isChunkText(text: Json): boolean {
  const first = text.charCodeAt(0)
  return first !== stepTag.charCodeAt(0) && first !== bytesTag.charCodeAt(0)
}

/** Reads a stored record back; throws `STORE_CORRUPT` for a text that is none of ours. */
export function decode(text: Json): Entry {
  try {
    const value = JSON.parse(text)
    if (text.startsWith(stepTag)) return new Step(deepFreeze(value))
    if (text.startsWith(bytesTag)) return new Bytes(new Uint8Array(Buffer.from(value, 'base64')))
    return deepFreeze(value)
  } catch (cause) {
    throw new LifechartError('STORE_CORRUPT', 'A stored record can not be read: the store is damaged, or was written by a newer version.', {
      cause,
    })
  }
}
