import { longestTimer } from './clock.ts'

const longestBackoff = 30_000

/** How long to wait before connecting again, in milliseconds, after the n-th connection in a row (from 1) that was lost without an event in between. */
export function backoff({ retry, failures, least, chance }: { retry: number; failures: number; least: number; chance: number }): number {
  // A hint of 0 would never grow.
  const full = Math.min(Math.max(retry, 1) * 2 ** (failures - 1), longestBackoff)
  return Math.max(full * (0.5 + chance / 2), least)
}

/** `Retry-After`, RFC 9110 section 10.2.3: seconds or a date. In milliseconds; 0 for what is neither, or over. */
export function retryAfter(header: string | null, now: number): number {
  if (header === null) return 0
  const delay = /^\d+$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - now
  return delay > 0 ? Math.min(delay, longestTimer) : 0
}
