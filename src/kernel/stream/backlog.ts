import { isLifechartError } from '../../errors.ts'
import { Batch } from './batch.ts'
import type { Presentation, StreamHouse } from './house.ts'
import { decode } from './record.ts'
import type { Window } from './window.ts'

/** Records read at a time by one reader. */
const pageRecords = 2048
const pageBytes = 1024 * 1024

/** A stream, as far as its older records go. */
export interface Past<E> {
  readonly id: string
  readonly house: StreamHouse
  readonly window: Window
  readonly presentation: Presentation<E>
}

/** The records behind `after`, which is below the window: from the store, else a gap up to what there is. */
export async function readBacklog<E>({ id, house, window, presentation }: Past<E>, after: number): Promise<Batch<E>> {
  try {
    const limit = Math.min(pageRecords, window.head - after)
    const { events } = await house.adapter.read(id, { after, limit, maxBytes: pageBytes })
    return new Batch(events.map(decode), after + 1, presentation.project)
  } catch (error) {
    if (!isLifechartError(error, 'GAP', 'STREAM_NOT_FOUND')) throw error
    const { base, head } = window
    if (error.code === 'STREAM_NOT_FOUND' && base === head) throw presentation.gone?.(error) ?? error
    const floor = error.code === 'GAP' ? Number(error.details.floor) : head
    // The window may still have what the store has dropped.
    const to = base < head ? Math.min(floor, base) : floor
    return Batch.gap(after + 1, to, presentation.gap(after + 1, to))
  }
}
