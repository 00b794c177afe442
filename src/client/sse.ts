/** One event of an event stream. */
export interface Frame {
  /** The one that the frame itself has: those without one do not take over the last one's. */
  id: string | undefined
  event: string
  data: string
}

/**
 * Reads an event stream, HTML section 9.2.6, piece by piece, as far as it is asked to: the frames of a piece are to be
 * taken before the next piece is given. What a piece leaves unfinished waits for the next one.
 */
export function eventStream(onRetry: (milliseconds: number) => void): (bytes: Uint8Array) => Generator<Frame, void> {
  const decoder = new TextDecoder()
  let unfinished = ''
  let endsInReturn = false
  let id: string | undefined
  let event = ''
  let data: string | undefined

  function field(line: string) {
    const colon = line.indexOf(':')
    const name = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1)
    if (name === 'data') data = data === undefined ? value : `${data}\n${value}`
    else if (name === 'event') event = value
    else if (name === 'id' && !value.includes('\0')) id = value
    else if (name === 'retry' && /^\d+$/.test(value)) onRetry(Number(value))
  }

  return function* frames(bytes) {
    let text = decoder.decode(bytes, { stream: true })
    if (text === '') return
    if (endsInReturn && text[0] === '\n') text = text.slice(1)
    endsInReturn = text.endsWith('\r')
    if (text.includes('\r')) text = text.replace(/\r\n?/g, '\n')
    let start = 0
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
      const line = unfinished + text.slice(start, end)
      start = end + 1
      unfinished = ''
      if (line !== '') field(line)
      else {
        if (data !== undefined) yield { id, event, data }
        id = data = undefined
        event = ''
      }
    }
    // Only joined, never searched before its end is there: a long line in small pieces costs no more than its length.
    unfinished += text.slice(start)
  }
}
