import type { StreamLimits } from './stream/house.ts'
import type { PendingLimits } from './stream/pending.ts'

export interface KernelLimits extends StreamLimits, PendingLimits {
  /** Characters of text in all windows together. */
  windowBytesTotal: number
  /** Milliseconds a commit may stay unanswered before the store counts as failed. */
  storeGrace: number
  /** Milliseconds a session lives without renewal. */
  sessionTtl: number
  /** Milliseconds to wait for the answer of another process. */
  commandPatience: number
}
