import { lowdbAdapter } from 'lifechart/adapters/lowdb'
import { memoryAdapter } from 'lifechart/adapters/memory'
import type { AdapterSource, Change, PersistenceAdapter } from 'lifechart/port'
import { nextTurn } from './measure.ts'
import type { Row } from './report.ts'
import { environment, event, inDirectory } from './store.ts'

const bound = 20
const streams = 100_000
const thousand = Array.from({ length: 1000 }, () => event)
const large = `"${'x'.repeat(8 * 1024 * 1024 - 2)}"`

/** The longest time, in milliseconds, that nobody else's turn came while the call was under way. */
async function longestBlock(call: () => Promise<unknown>): Promise<number> {
  let longest = 0
  let ended = false
  let last = performance.now()
  const tick = () => {
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
    if (!ended) setImmediate(tick)
  }
  setImmediate(tick)
  await call()
  ended = true
  await nextTurn()
  return longest
}

/** The longest block of each of so many calls, one after the other, when the code has warmed up. */
async function blocksOf(calls: number, call: (n: number) => Promise<unknown>): Promise<number[]> {
  const blocks: number[] = []
  await call(0)
  // What was done before leaves no rubbish to be collected meanwhile.
  globalThis.gc?.()
  for (let n = 0; n < calls; n++) blocks.push(await longestBlock(() => call(n)))
  return blocks
}

function row(work: string, blocks: number[]): Row {
  const sorted = [...blocks].sort((a, b) => a - b)
  const p99 = sorted[Math.ceil(sorted.length * 0.99) - 1]!
  return {
    work,
    ours: `p99 ${p99.toFixed(1)} ms, worst ${sorted.at(-1)!.toFixed(1)} ms`,
    compared: `${bound} ms`,
    ratio: `${(p99 / bound).toFixed(2)} x`,
    reach: `${bound} ms p99`,
    met: p99 <= bound,
  }
}

const append = (adapter: PersistenceAdapter, stream: string, events: readonly string[], more: Partial<Change> = {}) =>
  adapter.commit({ id: environment.ids(), changes: [{ stream, kind: 'bench', expect: 'any', events, ...more }] })

async function fill(adapter: PersistenceAdapter): Promise<void> {
  for (let i = 0; i < streams; i += 1000) {
    const one = (n: number) => append(adapter, `stream/${n}`, [event], { state: '{"at":"here"}', index: { context: `c${n}` } })
    await Promise.all(Array.from({ length: 1000 }, (_, n) => one(i + n)))
  }
}

/** The longest block of each page through all of the streams. */
async function sweep(adapter: PersistenceAdapter): Promise<number[]> {
  const blocks: number[] = []
  globalThis.gc?.()
  let cursor: string | undefined
  let seen = 0
  do {
    const block = await longestBlock(async () => {
      const page = await adapter.query({ kinds: ['bench'], where: { live: true }, limit: 256, cursor })
      seen += page.items.length
      cursor = page.next
    })
    blocks.push(block)
  } while (cursor !== undefined)
  if (seen < streams) throw new Error(`The query found ${seen}.`)
  return blocks
}

async function calls(name: string, source: AdapterSource): Promise<Row[]> {
  const adapter = await source.open(environment)
  const rows: Row[] = []
  const measure = async (work: string, blocks: Promise<number[]>) => void rows.push(row(`${name}: ${work}`, await blocks))
  const atOnce = (n: number) => Promise.all(Array.from({ length: 100 }, (_, i) => append(adapter, `at-once/${n}/${i}`, [event])))
  await measure(
    'block in 2,000 commits of an event',
    blocksOf(2000, () => append(adapter, 'small', [event])),
  )
  await measure('block in 20 times 100 such commits at once', blocksOf(20, atOnce))
  await measure(
    'block in 50 commits of 1,000 events',
    blocksOf(50, () => append(adapter, 'many', thousand)),
  )
  await measure(
    'block in 20 reads of 10,000 events',
    blocksOf(20, n => adapter.read('many', { after: n * 2000, limit: 10_000 })),
  )
  await measure(
    'block in 20 commits of 8 MiB in an event',
    blocksOf(20, () => append(adapter, 'large', [large])),
  )
  await fill(adapter)
  await measure('block in a query through 100,000 streams, 256 a page', sweep(adapter))
  await adapter.close()
  return rows
}

async function opening(dir: string, rounds: number): Promise<Row> {
  const blocks: number[] = []
  for (let round = 0; round < rounds; round++) {
    blocks.push(
      ...(await blocksOf(1, async () => {
        const adapter = await lowdbAdapter({ dir }).open(environment)
        await adapter.close()
      })),
    )
  }
  return row('lowdb: block in opening a store of 100,000 streams and closing it', blocks)
}

/** For how long a call to a store keeps others from their turn: the port allows 20 ms at the 99th percentile of calls. */
export async function blocking(rounds: number): Promise<Row[]> {
  const memory = await calls('memory', memoryAdapter())
  return inDirectory(async dir => [...memory, ...(await calls('lowdb', lowdbAdapter({ dir }))), await opening(dir, rounds)])
}
