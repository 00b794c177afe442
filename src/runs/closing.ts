import { LifechartError } from '../errors.ts'
import type { LiveRun } from './live-run.ts'
import type { Roster } from './roster.ts'

/** What becomes of the runs that are executed here when their runtime is closed. */
export type CloseMode = 'handover' | 'stop' | 'drain'

/** Deals with everything that is executed here; nothing waits for longer than `until`. */
export async function closeRuns(roster: Roster, mode: CloseMode | undefined, until: Promise<void>): Promise<void> {
  const live = () => [...roster.lanes.runs()].filter(run => !run.over)
  if (mode === 'drain') await Promise.race([until, Promise.all(live().map(run => run.ended))])
  const leave = (run: LiveRun) => {
    const handover = mode === 'handover' || (mode !== 'stop' && run.spec.orphan === 'resume')
    if (handover && run.kernel !== roster.ephemeral) return run.host.release()
    return run.stop({ reason: 'shutdown' }).catch(error => roster.notStopped(run, error))
  }
  await Promise.race([until, Promise.all(live().map(leave))])
}

/** Those that have ended are the kernel's no more: whoever still replays them is told. */
export function disposeEnded({ lanes, retained, idleReaders }: Roster): void {
  retained.close()
  idleReaders.close()
  const error = new LifechartError('RUNTIME_CLOSED', 'The runtime was closed.', { retryable: true })
  for (const run of lanes.runs()) if (run.over) run.stream.dispose(error)
}
