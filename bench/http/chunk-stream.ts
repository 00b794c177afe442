import { ReadableStream as NodeReadableStream } from 'node:stream/web'
import { openLifechart } from 'lifechart'
import { runHandler } from 'lifechart/http'
import { createResumableStreamContext } from 'resumable-stream/generic'
import { quiet } from '../quiet.ts'
import { pubSub } from './pub-sub.ts'

/** A stream of chunks that can be resumed while it is made: what both libraries are for. Ours is of bytes, as a socket takes them. */
export interface ChunkStream {
  /** Begins to pull the source; resolves with what the first consumer gets. */
  begin(source: () => AsyncIterable<string>): Promise<ReadableStream<string | Uint8Array>>
  /** Joins it from its start. */
  join(): Promise<ReadableStream<string | Uint8Array>>
  close(): Promise<void>
}

export async function resumableStream(): Promise<ChunkStream> {
  const context = createResumableStreamContext({ waitUntil: null, ...pubSub() })
  const present = (stream: ReadableStream<string> | null | undefined) => {
    if (!stream) throw new Error('The stream is over.')
    return stream
  }
  return {
    begin: async source =>
      present(await context.createNewResumableStream('bench', () => NodeReadableStream.from(source()) as ReadableStream<string>)),
    join: async () => present(await context.resumeExistingStream('bench')),
    close: async () => {},
  }
}

/** Through the handler, with the framing that sends chunks as they are. */
export async function lifechartStream(): Promise<ChunkStream> {
  const lifechart = await openLifechart({ logger: quiet })
  const handler = runHandler({ lifechart, authorize: 'public', encode: 'raw' })
  const join = async () => {
    const { body } = await handler(new Request('http://bench.example/runs/bench/events'))
    if (!body) throw new Error('The run is over.')
    return body
  }
  return {
    async begin(source) {
      await lifechart.runs.start('bench', () => source()).started
      return join()
    },
    join,
    close: () => lifechart.close({ mode: 'stop', timeout: 0 }),
  }
}
