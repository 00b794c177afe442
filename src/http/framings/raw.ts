import type { Framing } from './framing.ts'
import { eventStream } from './sse.ts'

/** Chunks are complete frames already: texts and bytes go out as they are, anything else as its JSON. States and the end are not told. */
export const rawFraming: Framing = {
  headers: { 'content-type': eventStream },
  marksEnd: false,
  activeOnly: false,
  frame(batch, index) {
    const text = batch.chunkString(index)
    if (text !== undefined) return text
    const event = batch.event(index)
    if (event.type !== 'chunk') return undefined
    const { data } = event
    return typeof data === 'string' || data instanceof Uint8Array ? data : JSON.stringify(data)
  },
  interrupted: () => undefined,
}
