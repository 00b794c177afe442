import { LifechartError } from './errors.ts'
import type { KernelLimits } from './kernel/limits.ts'

/** Every bound of a runtime. docs/limits.md says what happens at each. */
export interface Limits extends KernelLimits {
  /** Characters of the text of one chunk, or of a result. */
  chunkBytes: number
  /** Runs that have not ended, in total. */
  runs: number
  /** Runs that have not ended, per owner. */
  runsPerOwner: number
  /** Milliseconds a stopped producer has for its clean-up. */
  stopGrace: number
  /** Milliseconds that an orphaned run waits for its type to be defined. */
  typeGrace: number
  /** Milliseconds after which a reader that asks for nothing no longer keeps an ended run in memory. */
  subscriberIdle: number
  /** Tasks that are held by this process, or may become one, per caller; all of a tenant without a user are one. */
  tasksPerCaller: number
  /** Streams of tasks that are open, per caller; all of a tenant without a user are one. */
  taskStreamsPerCaller: number
  /** Messages that wait, per task. */
  requestsPerTask: number
  /** Characters of one request as it is stored: message, metadata and configuration. */
  messageBytes: number
  /** Events that one execution may publish ahead of a status that is not stored yet. */
  taskBacklog: number
  /** Configurations of push notifications, per task. */
  pushConfigs: number
  /** POSTs of push notifications that are under way here. */
  pushPosts: number
  /** The same, to one receiver: the host and port of a url. */
  pushPostsPerHost: number
  /** Evicted runs that are remembered as such, for 24 h at most. */
  evictedRemembered: number
}

export const defaultLimits: Limits = {
  windowRecords: 10_000,
  windowBytes: 4 * 1024 * 1024,
  windowBytesTotal: 256 * 1024 * 1024,
  subscribers: 10_000,
  inflightRecords: 1_024,
  inflightBytes: 1024 * 1024,
  chunkBytes: 1024 * 1024,
  runs: 20_000,
  runsPerOwner: 20_000,
  stopGrace: 5_000,
  typeGrace: 30_000,
  storeGrace: 5_000,
  sessionTtl: 15_000,
  commandPatience: 20_000,
  subscriberIdle: 15 * 60_000,
  tasksPerCaller: 20_000,
  requestsPerTask: 1_000,
  taskStreamsPerCaller: 10_000,
  messageBytes: 1024 * 1024,
  taskBacklog: 16_384,
  pushConfigs: 16,
  pushPosts: 256,
  pushPostsPerHost: 64,
  evictedRemembered: 10_000,
}

/** More would not fit into one commit of a store, behind 1 Mi characters of data that were pending, at three bytes each. */
const largestChunk = 1.5 * 1024 * 1024

/** Fills in the defaults; `INVALID_OPTION` for what is not a positive number, or too much. */
export function resolveLimits(given: Partial<Limits> = {}): Limits {
  const limits = { ...defaultLimits, ...given }
  for (const [name, value] of Object.entries(limits)) {
    if (!Object.hasOwn(defaultLimits, name))
      throw new LifechartError('INVALID_OPTION', `limits.${name} is not a limit. See docs/limits.md.`)
    if (typeof value !== 'number' || !(value > 0))
      throw new LifechartError('INVALID_OPTION', `limits.${name} is ${String(value)}; give a positive number.`)
  }
  for (const name of ['chunkBytes', 'messageBytes'] as const) {
    if (limits[name] > largestChunk) throw new LifechartError('INVALID_OPTION', `limits.${name} is at most ${largestChunk}.`)
  }
  return limits
}
