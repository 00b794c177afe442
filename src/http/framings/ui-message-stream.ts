import { LifechartError } from '../../errors.ts'
import type { RunEvent } from '../../runs/events.ts'
import type { Framing } from './framing.ts'
import { eventStream } from './sse.ts'

/** The UI message stream of the Vercel AI SDK, version 1: every chunk of the run is one UIMessageChunk. */
export const uiMessageFraming: Framing = {
  headers: { 'content-type': eventStream, 'x-vercel-ai-ui-message-stream': 'v1' },
  marksEnd: false,
  activeOnly: true,
  frame(batch, index, runId) {
    const chunk = batch.chunkText(index)
    if (chunk?.startsWith('{')) return `id: ${runId}:${batch.from + index}\n${part(chunk)}`
    return frameOf(batch.event(index))
  },
  interrupted: () => undefined,
}

const part = (json: string) => `data: ${json}\n\n`
const done = part('[DONE]')

function frameOf(event: RunEvent): string | undefined {
  switch (event.type) {
    case 'state':
      return undefined
    case 'chunk':
      throw new LifechartError('NOT_SERIALIZABLE', 'A chunk is no UIMessageChunk: every chunk of such a run is an object with a type.')
    case 'gap':
      return part(JSON.stringify({ type: 'data-gap', data: { from: event.from, to: event.to }, transient: true }))
    case 'end':
      if (event.status === 'error')
        return part(JSON.stringify({ type: 'error', errorText: event.error?.message ?? 'The run failed.' })) + done
      return event.status === 'stopped' ? part('{"type":"abort"}') + done : done
  }
}
