import type { Clock } from '../port.ts'
import type { Host } from './host.ts'

/** Calls `stop` when nothing was recorded for `idleTimeout` milliseconds of execution. No event of the chart: it looks at the time. */
export function watchIdle(
  host: Host,
  { clock, idleTimeout, waiting, stop }: { clock: Clock; idleTimeout: number; waiting(): boolean; stop(): void },
): void {
  let lastAt = clock.now()
  host.onRecorded = () => {
    lastAt = clock.now()
  }
  host.alarm.limit = () => lastAt + idleTimeout
  host.alarm.onLimit = now => {
    if (now < lastAt + idleTimeout) return
    lastAt = now
    // Neither a store that is slow nor what it waits for is its fault.
    if (host.writer.pending === 0 && !waiting()) stop()
  }
}
