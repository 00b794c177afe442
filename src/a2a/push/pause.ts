import type { Kernel } from '../../kernel/kernel.ts'
import type { Sleeper } from '../../kernel/scheduler.ts'

/** Resolves after so many milliseconds, or when the signal is aborted. It keeps no process open behind the end of its runtime. */
export function pause({ scheduler, environment }: Kernel, milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const sleeper: Sleeper = { due: environment.clock.now() + milliseconds, wake: end }
    function end() {
      sleeper.due = null
      signal.removeEventListener('abort', end)
      resolve()
    }
    signal.addEventListener('abort', end)
    if (signal.aborted) end()
    else scheduler.arm(sleeper)
  })
}
