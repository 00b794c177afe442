import { LifechartError } from '../../errors.ts'
import type { RunEvent } from '../../runs/events.ts'
import type { Framing } from './framing.ts'
import { dataLines, eventStream } from './sse.ts'

/** What a server-sent event says; its id is that of the run's event. */
export interface Message {
  /** The type that listeners are registered for. Default `message`. */
  event?: string
  /** Text of any kind: line breaks arrive as `\n`. */
  data: string
}

/** Says how one event of a run is told; undefined for one that is not. */
export type Encode = (event: RunEvent) => Message | undefined

export function customFraming(encode: Encode): Framing {
  return {
    headers: { 'content-type': eventStream },
    marksEnd: false,
    activeOnly: false,
    frame(batch, index, runId) {
      const event = batch.event(index)
      const message = encode(event)
      if (!message) return undefined
      const type = message.event === undefined ? '' : `event: ${checked(message.event)}\n`
      return `id: ${runId}:${event.type === 'gap' ? event.to : event.seq}\n${type}${dataLines(message.data)}\n`
    },
    interrupted: code => `event: interrupted\ndata: ${JSON.stringify({ code })}\n\n`,
  }
}

function checked(event: string): string {
  if (!/[\r\n\0]/.test(event)) return event
  throw new LifechartError('INVALID_OPTION', 'The name of an event holds a line break or NUL.')
}
