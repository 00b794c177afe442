import type { StreamResponse } from '@a2a-js/sdk'
import { type A2ARequestHandler, ServerCallContext } from '@a2a-js/sdk/server'
import { Gate } from '../http/gate.ts'
import { sideBySide } from '../measure.ts'
import type { Row } from '../report.ts'
import { chunks, request } from './agents.ts'
import { withHandlers } from './handlers.ts'

type Events = AsyncGenerator<StreamResponse, void, undefined>

const context = () => new ServerCallContext()

/** Reads to the end; throws unless all the chunks came. */
async function readChunks(events: Events, count: number): Promise<void> {
  let seen = 0
  for await (const { payload } of events) if (payload?.$case === 'artifactUpdate') seen++
  if (seen !== count) throw new Error(`Read ${seen} of ${count} chunks.`)
}

/** Microseconds per chunk, of so many streams one after the other. */
async function perChunk(handler: A2ARequestHandler, count: number, streams: number): Promise<number> {
  const since = performance.now()
  for (let n = 0; n < streams; n++) await readChunks(handler.sendMessageStream(request(count), context()), count)
  return ((performance.now() - since) * 1000) / (count * streams)
}

/** How many streams there are of each length; 0: not at all. Every chunk costs the SDK more than the one before it. */
const lengths = [
  { count: 100, streams: 100, ofSdk: 10 },
  { count: 1_000, streams: 10, ofSdk: 1 },
  { count: 2_000, streams: 5, ofSdk: 0 },
  { count: 10_000, streams: 1, ofSdk: 0 },
] as const

async function alone(rounds: number): Promise<Row[]> {
  const medians = await withHandlers('memory', chunks(), async ({ ours, sdk }) => {
    const kinds = lengths.flatMap(({ count, streams, ofSdk }) => [
      { name: `ours ${count}`, run: () => perChunk(ours, count, streams) },
      ...(ofSdk > 0 ? [{ name: `sdk ${count}`, run: () => perChunk(sdk, count, ofSdk) }] : []),
    ])
    const measured = await sideBySide(kinds, rounds)
    // Once: it takes as long as all the others.
    return measured.set('sdk 2000', await perChunk(sdk, 2_000, 1))
  })
  const ofShort = medians.get('ours 100') as number
  return lengths.map(({ count }) => {
    const ours = medians.get(`ours ${count}`) as number
    const theirs = medians.get(`sdk ${count}`)
    const ratio = theirs === undefined ? ours / ofShort : theirs / ours
    const reach = count === 1_000 ? 50 : count === 10_000 ? 1.3 : undefined
    return {
      work: `a stream of ${count.toLocaleString('en')} chunks`,
      ours: `${ours.toFixed(1)} µs a chunk`,
      compared: theirs === undefined ? `one of 100 ${ofShort.toFixed(1)} µs a chunk` : `SDK ${theirs.toFixed(0)} µs a chunk`,
      ratio: `${ratio.toFixed(2)} x`,
      reach: reach === undefined ? 'shown' : `${reach} x`,
      met: reach === undefined ? undefined : theirs === undefined ? ratio <= reach : ratio >= reach,
    }
  })
}

const followers = 100
const followed = 1_000

/** The first event of a stream, which has the task. */
async function taskOf(events: Events): Promise<string> {
  const { value } = await events.next()
  if (value?.payload?.$case !== 'task') throw new Error('A stream did not begin with the task.')
  return value.payload.value.id
}

async function resubscribe(handler: A2ARequestHandler, id: string): Promise<Events> {
  const events = handler.resubscribe({ tenant: '', id }, context())
  await taskOf(events)
  return events
}

/** Chunks a millisecond that reach the sender and all who have subscribed besides. */
async function deliver(handler: A2ARequestHandler, gate: Gate): Promise<number> {
  const sent = handler.sendMessageStream(request(followed), context())
  const id = await taskOf(sent)
  const others = await Promise.all(Array.from({ length: followers - 1 }, () => resubscribe(handler, id)))
  const since = performance.now()
  gate.open()
  await Promise.all([sent, ...others].map(events => readChunks(events, followed)))
  return (followers * followed) / (performance.now() - since)
}

async function together(rounds: number): Promise<Row> {
  let gate = new Gate()
  const medians = await withHandlers(
    'memory',
    chunks(() => gate.passed),
    handlers => {
      const run = (name: 'ours' | 'sdk') => deliver(handlers[name], (gate = new Gate()))
      return sideBySide(
        (['ours', 'sdk'] as const).map(name => ({ name, run: () => run(name) })),
        rounds,
      )
    },
  )
  const ours = medians.get('ours') as number
  const theirs = medians.get('sdk') as number
  return {
    work: '1,000 chunks to 100 subscribers of a task',
    ours: `${ours.toFixed(0)} k/s`,
    compared: `SDK ${theirs.toFixed(0)} k/s`,
    ratio: `${(ours / theirs).toFixed(1)} x`,
    reach: '10 x',
    met: ours / theirs >= 10,
  }
}

/** What a task publishes, as those who follow it in the same process get it. */
export async function taskStreams(rounds: number): Promise<Row[]> {
  return [...(await alone(rounds)), await together(rounds)]
}
