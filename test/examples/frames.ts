/** One server-sent event, as it came. */
export interface Frame {
  id?: string
  event?: string
  data?: string
}

/** Reads the events of a stream, one at a time. */
export interface Frames {
  /** Undefined when the stream is over. */
  next(): Promise<Frame | undefined>
  rest(): Promise<Frame[]>
  /** What a browser does whose tab is closed. */
  leave(): Promise<void>
}

export function framesOf(response: Response): Frames {
  if (!response.body) throw new Error(`There is no stream: ${response.status}.`)
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''

  async function next(): Promise<Frame | undefined> {
    for (;;) {
      const end = text.indexOf('\n\n')
      if (end >= 0) {
        const lines = text.slice(0, end).split('\n')
        text = text.slice(end + 2)
        const frame = Object.fromEntries(lines.map(line => line.split(/: ?(.*)/s, 2))) as Frame
        if (frame.data !== undefined) return frame
        continue
      }
      const { done, value } = await reader.read()
      if (done) return undefined
      text += value
    }
  }

  return {
    next,
    async rest() {
      const frames: Frame[] = []
      for (let frame = await next(); frame; frame = await next()) frames.push(frame)
      return frames
    },
    leave: () => reader.cancel(),
  }
}
