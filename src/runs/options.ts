import { LifechartError } from '../errors.ts'
import type { OrphanPolicy, StopReason } from '../machines/run.ts'
import { isAsyncIterable, type Producer, type ProducerFunction } from './producer.ts'

/** What happens when a run of the same id has not ended. */
export type StartPolicy = 'interrupt' | 'enqueue' | 'reject' | 'share'

export interface StartOptions {
  /** Default `interrupt`: the one in flight is stopped, and this one begins when its clean-up is over. */
  policy?: StartPolicy
  /** Stops when its last subscriber has left. Default false. */
  attached?: boolean
  /** `none`: nothing is stored, no other process sees it. Default `events`. */
  durability?: 'events' | 'none'
  /** What a new owner does when this process is gone. Default `stop`; `resume` needs a defined type. */
  orphan?: OrphanPolicy
  /** Whom `limits.runsPerOwner` counts it for. Default: the id. */
  owner?: string
  limits?: RunLimits
}

/** All in milliseconds. */
export interface RunLimits {
  /** For the clean-up of a stopped producer. Default `limits.stopGrace`. */
  stopGrace?: number
  /** Stops the run when nothing was recorded for so long. Default none. */
  idleTimeout?: number
  /** Stops the run when it has executed for so long. Default none. */
  wallTimeout?: number
}

/** A defined type and its JSON input: it can be executed by another process, and resumed. */
export interface TypedProducer {
  type: string
  input?: unknown
}

/** Longest id of a caller, in bytes of UTF-8. */
const longestId = 500

/** `INVALID_ID` for an id that could not be a store's, or a field of an event stream. */
export function checkRunId(id: string): void {
  const valid = typeof id === 'string' && id.length > 0 && Buffer.byteLength(id) <= longestId && id.isWellFormed() && !/[\r\n\0]/.test(id)
  if (!valid) {
    throw new LifechartError('INVALID_ID', `A run id is 1 to ${longestId} bytes of well-formed text without line breaks or NUL.`)
  }
}

export function isTyped(producer: Producer | TypedProducer): producer is TypedProducer {
  return typeof producer === 'object' && producer !== null && 'type' in producer && typeof producer.type === 'string'
}

/** `INVALID_OPTION` for what nobody can execute: it would end as done, with nothing. */
export function checkProducer(producer: unknown): void {
  if (typeof producer === 'function' || isAsyncIterable(producer) || isTyped(producer as Producer | TypedProducer)) return
  throw new LifechartError('INVALID_OPTION', 'A producer is a function, an async iterable, or { type, input } of a defined type.')
}

const reasons: readonly unknown[] = [
  'user',
  'replaced',
  'idle_timeout',
  'wall_timeout',
  'shutdown',
  'orphaned',
  'audience_left',
] satisfies StopReason[]

/** `INVALID_OPTION` for a reason that nobody would understand. */
export function checkStopReason(reason: StopReason): void {
  if (!reasons.includes(reason)) {
    throw new LifechartError('INVALID_OPTION', `reason is ${JSON.stringify(reason)}; it is one of ${reasons.join(', ')}.`)
  }
}

const limitNames: readonly string[] = ['stopGrace', 'idleTimeout', 'wallTimeout'] satisfies (keyof RunLimits)[]
const policies: readonly string[] = ['interrupt', 'enqueue', 'reject', 'share'] satisfies StartPolicy[]
const orphans: readonly string[] = ['stop', 'error', 'resume'] satisfies OrphanPolicy[]

export function checkStartOptions(options: StartOptions): void {
  const wrong = (name: string, value: unknown, allowed: string) => {
    throw new LifechartError('INVALID_OPTION', `${name} is ${JSON.stringify(value)}; it is ${allowed}.`)
  }
  if (options.policy !== undefined && !policies.includes(options.policy)) wrong('policy', options.policy, policies.join(', '))
  if (options.orphan !== undefined && !orphans.includes(options.orphan)) wrong('orphan', options.orphan, orphans.join(', '))
  if (options.durability !== undefined && options.durability !== 'events' && options.durability !== 'none') {
    wrong('durability', options.durability, 'events or none')
  }
  if (options.owner !== undefined && typeof options.owner !== 'string') wrong('owner', options.owner, 'a text')
  for (const [name, value] of Object.entries(options.limits ?? {})) {
    if (!limitNames.includes(name)) wrong(`limits.${name}`, value, `no limit of a run: those are ${limitNames.join(', ')}`)
    if (value !== undefined && (typeof value !== 'number' || !(value >= 0))) wrong(`limits.${name}`, value, 'a number of milliseconds')
  }
}

/** What is executed. `NOT_RESUMABLE`, `RUN_TYPE_UNKNOWN`. */
export function findProducer(
  producer: Producer | TypedProducer,
  { orphan, durability }: StartOptions,
  types: ReadonlyMap<string, ProducerFunction>,
): Producer {
  const typed = isTyped(producer)
  if (orphan === 'resume' && (!typed || durability === 'none')) {
    throw new LifechartError(
      'NOT_RESUMABLE',
      'Only a run of a defined type that is stored can be resumed: runs.define(type, producer), then start(id, { type, input }).',
    )
  }
  if (!typed) return producer
  const defined = types.get(producer.type)
  if (!defined) throw new LifechartError('RUN_TYPE_UNKNOWN', `Nobody defined the run type "${producer.type}". Call runs.define first.`)
  return defined
}
