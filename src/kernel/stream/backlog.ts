import { isLifechartError } from '../../errors.ts'
import { Batch } from './batch.ts'
import type { Presentation, StreamHouse } from './house.ts'
import { decode } from './record.ts'
import type { Window } from './window.ts'

/** How much one reader reads at a time. */
export interface Page {
  records: number
  bytes: number
  /** For readers that pass records on as they are stored: nothing is decoded. */
  asStored: boolean
}

const inProcess: Page = { records: 2048, bytes: 1024 * 1024, asStored: false }

/** A stream, as far as its older records go. */
export interface Past<E> {
  readonly id: string
  readonly house: StreamHouse
  readonly window: Window
  readonly presentation: Presentation<E>
}

/** The records behind `after`, which is below the window: from the store, else a gap up to what there is. */
export async function readBacklog<E>({ id, house, window, presentation }: Past<E>, after: number, page = inProcess): Promise<Batch<E>> {
  try {
    // To a multiple of the page: those who began at different positions soon read the same pages.
    const limit = Math.min(page.records - (after % page.records), window.head - after)
    const { events } = await house.adapter.read(id, { after, limit, maxBytes: page.bytes })
    return new Batch(page.asStored ? { texts: events } : { entries: events.map(decode) }, after + 1, presentation.project)
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
