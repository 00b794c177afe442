/** Time and chance, as a client sees them. All times are milliseconds. */
export interface FollowClock {
  /** Milliseconds since the epoch. */
  now(): number
  setTimeout(callback: () => void, delay: number): unknown
  clearTimeout(timer: unknown): void
  /** From 0 to below 1. */
  random(): number
}

/** The browser's own, or Node's. */
export const ambientClock: FollowClock = {
  now: () => Date.now(),
  setTimeout: (callback, delay) => setTimeout(callback, delay),
  clearTimeout: timer => clearTimeout(timer as number),
  random: () => Math.random(),
}

/** Longer delays than this overflow a timer and would fire at once. */
export const longestTimer = 2_147_483_647
