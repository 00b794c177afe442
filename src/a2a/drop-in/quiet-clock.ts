import { systemClock } from '../../kernel/clock.ts'
import type { Clock } from '../../kernel/environment.ts'

/** The machine's time, with timers that keep no process open: nobody closes a runtime that nobody knows of. */
export const quietClock: Clock = {
  now: () => systemClock.now(),
  setTimeout(callback, delay) {
    const timer = systemClock.setTimeout(callback, delay) as NodeJS.Timeout
    return timer.unref()
  },
  clearTimeout: timer => systemClock.clearTimeout(timer),
}
