import { heapUsed, nextTurn, sideBySide } from '../measure.ts'
import type { Row } from '../report.ts'
import { type ChunkStream, lifechartStream, resumableStream } from './chunk-stream.ts'
import { Gate } from './gate.ts'

const chunks = 20_000
const buffered = 10_000
const length = 60

/** As they come from a network: each a text of its own. */
const chunk = (n: number) => Buffer.from(`event ${n} `.padEnd(length, 'x')).toString()

/** So many chunks as soon as the gate is open, then nothing until the other one is. */
async function* source(count: number, begin: Gate, end?: Gate): AsyncGenerator<string> {
  await begin.passed
  for (let n = 0; n < count; n++) yield chunk(n)
  await end?.passed
}

/** Reads until it has the text of so many chunks; what concerns the connection alone is not counted. */
class Consumer {
  readonly #reader: ReadableStreamDefaultReader<string | Uint8Array>
  readonly #decoder = new TextDecoder()
  #got = 0

  constructor(stream: ReadableStream<string | Uint8Array>) {
    this.#reader = stream.getReader()
  }

  async take(count: number): Promise<void> {
    while (this.#got < count * length) {
      const { value, done } = await this.#reader.read()
      if (done) throw new Error(`The stream ended behind ${this.#got / length} of ${count} chunks.`)
      const text = typeof value === 'string' ? value : this.#decoder.decode(value, { stream: true })
      if (!text.startsWith('retry:')) this.#got += text.length
    }
  }

  cancel(): Promise<void> {
    return this.#reader.cancel()
  }
}

type Open = () => Promise<ChunkStream>

/** Milliseconds until every consumer has every chunk. */
async function deliver(open: Open, consumers: number): Promise<number> {
  const stream = await open()
  const begin = new Gate()
  const all = [new Consumer(await stream.begin(() => source(chunks, begin)))]
  while (all.length < consumers) all.push(new Consumer(await stream.join()))
  const since = performance.now()
  begin.open()
  await Promise.all(all.map(consumer => consumer.take(chunks)))
  const took = performance.now() - since
  await Promise.all(all.map(consumer => consumer.cancel()))
  await stream.close()
  return took
}

/** With a stream that is under way and has so many chunks behind it, which its first consumer has read. */
async function underWay<T>(open: Open, work: (stream: ChunkStream, heapBefore: number) => Promise<T>): Promise<T> {
  const stream = await open()
  const begin = new Gate()
  const end = new Gate()
  const first = new Consumer(await stream.begin(() => source(buffered, begin, end)))
  await nextTurn()
  const heapBefore = heapUsed()
  begin.open()
  await first.take(buffered)
  const result = await work(stream, heapBefore)
  end.open()
  await first.cancel()
  await stream.close()
  return result
}

const held = (open: Open) =>
  underWay(open, async (_stream, heapBefore) => {
    await nextTurn()
    return heapUsed() - heapBefore
  })

/** Milliseconds from asking for it until so many of the old chunks are there. */
const join = (open: Open, count: number) =>
  underWay(open, async stream => {
    const since = performance.now()
    const late = new Consumer(await stream.join())
    await late.take(count)
    const took = performance.now() - since
    await late.cancel()
    return took
  })

interface Work {
  work: string
  run(open: Open): Promise<number>
  show(value: number): string
}

const rate = (consumers: number) => (took: number) => `${((chunks * consumers) / took).toFixed(0)} k/s`
const milliseconds = (took: number) => `${took.toFixed(2)} ms`

const works: readonly Work[] = [
  { work: 'chunks to 1 consumer of a resumable stream', run: open => deliver(open, 1), show: rate(1) },
  { work: 'chunks to 10 consumers of a resumable stream', run: open => deliver(open, 10), show: rate(10) },
  { work: 'heap for 10,000 chunks of a stream that is under way', run: held, show: bytes => `${(bytes / 1024).toFixed(0)} KB` },
  { work: 'resuming behind 10,000 chunks, until the first', run: open => join(open, 1), show: milliseconds },
  { work: 'resuming behind 10,000 chunks, until the last', run: open => join(open, buffered), show: milliseconds },
]

/** Against resumable-stream with a broker in the same process: streams of texts from a consumer's side, not from a socket's. */
export async function againstResumableStream(rounds: number): Promise<Row[]> {
  const rows: Row[] = []
  for (const { work, run, show } of works) {
    const medians = await sideBySide(
      [
        { name: 'ours', run: () => run(lifechartStream) },
        { name: 'theirs', run: () => run(resumableStream) },
      ],
      rounds,
    )
    const ours = medians.get('ours') as number
    const theirs = medians.get('theirs') as number
    rows.push({
      work,
      ours: show(ours),
      compared: `resumable-stream ${show(theirs)}`,
      ratio: `${(theirs / ours).toFixed(2)} x`,
      reach: 'ahead',
      met: ours < theirs,
    })
  }
  return rows
}
