import type { RunEvent } from '../../runs/events.ts'
import type { Framing } from './framing.ts'
import { dataLines, eventStream } from './sse.ts'

/** Every event with its number; docs/http.md, "The wire". */
export const lifechartFraming: Framing = {
  headers: { 'content-type': eventStream },
  marksEnd: true,
  activeOnly: false,
  frame(batch, index, runId) {
    const chunk = batch.chunkText(index)
    if (chunk === undefined) return frameOf(batch.event(index), runId)
    return `id: ${runId}:${batch.from + index}\nevent: chunk\n${batch.decoded ? `data: ${chunk}\n` : dataLines(chunk)}\n`
  },
  interrupted: code => `event: interrupted\ndata: ${JSON.stringify({ code })}\n\n`,
}

function frameOf(event: RunEvent, runId: string): string {
  if (event.type === 'gap') {
    const { from, to } = event
    return `id: ${runId}:${to}\nevent: gap\ndata: ${JSON.stringify({ from, to })}\n\n`
  }
  const { seq, type, ...rest } = event
  const bytes = 'data' in rest && rest.data instanceof Uint8Array ? Buffer.from(rest.data).toString('base64') : undefined
  return `id: ${runId}:${seq}\nevent: ${bytes === undefined ? type : 'bytes'}\ndata: ${bytes ?? JSON.stringify(rest)}\n\n`
}
