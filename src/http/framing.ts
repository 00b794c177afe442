import { LifechartError } from '../errors.ts'
import type { Batch } from '../kernel/stream/batch.ts'
import type { RunEvent } from '../runs/events.ts'
import { customFraming, type Encode } from './framings/custom.ts'
import { lifechartFraming } from './framings/lifechart.ts'
import { rawFraming } from './framings/raw.ts'
import { uiMessageFraming } from './framings/ui-message-stream.ts'

/** How the events of a run become bytes. */
export interface Framing {
  readonly headers: Readonly<Record<string, string>>
  /** Milliseconds to wait before connecting again are said at the start, and a comment when nothing else is. */
  readonly comments: boolean
  /** A client can tell an end from a connection that broke; else the transfer encoding has to. */
  readonly marksEnd: boolean
  /** Only a run that has not ended is streamed: 204 for any other, and for none. */
  readonly activeOnly: boolean
  /** One event; undefined where there is nothing to send for it. */
  frame(batch: Batch<RunEvent>, index: number, runId: string): string | Uint8Array | undefined
  /** The server has to close the connection, and the run is not over. */
  interrupted(code: string): string | undefined
}

export type EncodeOption = 'lifechart' | 'raw' | 'ui-message-stream' | Encode

const framings: Readonly<Record<string, Framing>> = {
  lifechart: lifechartFraming,
  raw: rawFraming,
  'ui-message-stream': uiMessageFraming,
}

export function framingOf(encode: EncodeOption = 'lifechart'): Framing {
  if (typeof encode === 'function') return customFraming(encode)
  const framing = Object.hasOwn(framings, encode) ? framings[encode] : undefined
  if (framing) return framing
  throw new LifechartError(
    'INVALID_OPTION',
    `encode is ${JSON.stringify(encode)}; it is ${Object.keys(framings).join(', ')} or a function.`,
  )
}
