import { isLifechartError } from '../errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import type { Stream } from '../kernel/stream/stream.ts'
import type { RunMachineEvent } from '../machines/run.ts'
import type { RunEvent } from './events.ts'

/** Tells the owner of a run that it is to stop; resolves behind the end: true if this is what ended it. */
export async function stopElsewhere(
  kernel: Kernel,
  stream: Stream<RunEvent>,
  event: RunMachineEvent & { type: 'run.stop' },
): Promise<boolean> {
  const letGo = stream.hold()
  let first = true
  try {
    await kernel.commands.send(stream as Stream<unknown>, event).catch(error => {
      if (!isLifechartError(error, 'LIFECYCLE_ENDED', 'EVENT_REFUSED')) throw error
      first = false
    })
    await stream.whenClosed()
    return first
  } finally {
    letGo()
  }
}
