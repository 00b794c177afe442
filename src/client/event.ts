import type { RunEnd, RunEvent, RunGap, RunState } from '../runs/events.ts'
import { ConnectionLost, codeIn } from './error.ts'
import type { Frame } from './sse.ts'

/** False for what a later version may send: it is passed over. */
export function isOfRun({ event, data }: Frame): boolean {
  if (event === 'interrupted') throw new ConnectionLost('The server has to close the connection.', { code: codeIn(data) })
  return event === 'chunk' || event === 'bytes' || event === 'state' || event === 'end' || event === 'gap'
}

export function eventIn(frame: Frame, seq: number): RunEvent {
  try {
    return read(frame, seq)
  } catch (cause) {
    throw new ConnectionLost('The server sent an event that can not be read.', { cause })
  }
}

function read({ event, data }: Frame, seq: number): RunEvent {
  if (event === 'bytes') return { seq, type: 'chunk', data: decodeBase64(data) }
  const content: unknown = JSON.parse(data)
  if (event === 'chunk') return { seq, type: 'chunk', data: content }
  const { state, status, from, to } = content as Partial<RunState & RunEnd & RunGap>
  if (event === 'state' && typeof state === 'string') return { ...(content as RunState), seq, type: 'state' }
  if (event === 'end' && typeof status === 'string') return { ...(content as RunEnd), seq, type: 'end' }
  if (event === 'gap' && typeof from === 'number' && from <= seq && to === seq) return { type: 'gap', from, to }
  throw new SyntaxError('Something is missing.')
}

function decodeBase64(text: string): Uint8Array {
  const binary = atob(text)
  const bytes = new Uint8Array(binary.length)
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i)
  return bytes
}
