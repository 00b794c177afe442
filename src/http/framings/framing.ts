import type { Batch } from '../../kernel/stream/batch.ts'
import type { RunEvent } from '../../runs/events.ts'

/** How the events of a run become bytes. */
export interface Framing {
  readonly headers: Readonly<Record<string, string>>
  /** A client can tell an end from a connection that broke; else the transfer encoding has to. */
  readonly marksEnd: boolean
  /** Only a run that has not ended is streamed: 204 for any other, and for none. */
  readonly activeOnly: boolean
  /** One event; undefined where there is nothing to send for it. */
  frame(batch: Batch<RunEvent>, index: number, runId: string): string | Uint8Array | undefined
  /** The server has to close the connection, and the run is not over. */
  interrupted(code: string): string | undefined
}
