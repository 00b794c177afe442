import { openLifechart, type Producer } from 'lifechart'
import { ReplaySubject } from 'rxjs'
import { nextTurn, sideBySide } from './measure.ts'
import { quiet } from './quiet.ts'
import type { Row } from './report.ts'

const burst = 64
const texts = Array.from({ length: 512 }, (_, i) => `event ${i} `.padEnd(60, 'x'))
const text = (i: number) => texts[i & 511] as string

/** Milliseconds for `events` to reach every one of `subscribers` callbacks, with nothing in between. */
async function bare(subscribers: number, events: number): Promise<number> {
  const log: string[] = []
  const sums = new Float64Array(subscribers)
  const callbacks = Array.from({ length: subscribers }, (_, i) => (event: string) => {
    sums[i] = (sums[i] as number) + event.length
  })
  const since = performance.now()
  for (let n = 0; n < events; n++) {
    const event = text(n)
    log.push(event)
    for (let i = 0; i < callbacks.length; i++) (callbacks[i] as (event: string) => void)(event)
    if ((n & (burst - 1)) === burst - 1) await nextTurn()
  }
  const took = performance.now() - since
  check(sums, events)
  return took
}

async function replaySubject(subscribers: number, events: number): Promise<number> {
  const subject = new ReplaySubject<string>()
  const sums = new Float64Array(subscribers)
  for (let i = 0; i < subscribers; i++) {
    subject.subscribe(event => {
      sums[i] = (sums[i] as number) + event.length
    })
  }
  const since = performance.now()
  for (let n = 0; n < events; n++) {
    subject.next(text(n))
    if ((n & (burst - 1)) === burst - 1) await nextTurn()
  }
  const took = performance.now() - since
  check(sums, events)
  return took
}

/** A producer that emits in bursts. */
const bursts =
  (events: number): Producer =>
  async ({ emit }) => {
    for (let n = 0; n < events; n++) {
      const taken = emit(text(n))
      if ((n & (burst - 1)) === burst - 1) {
        await taken
        await nextTurn()
      }
    }
  }

async function ours(subscribers: number, events: number, kind: 'sinks' | 'for await'): Promise<number> {
  const lifechart = await openLifechart({ logger: quiet, limits: { windowRecords: events + 10, windowBytes: 1e9, windowBytesTotal: 1e9 } })
  try {
    const sums = new Float64Array(subscribers)
    const run = lifechart.runs.start('bench', bursts(events))
    const readers: Promise<void>[] = []
    for (let i = 0; i < subscribers; i++) {
      if (kind === 'sinks') {
        lifechart.runs.follow('bench', batch => {
          let sum = 0
          const { events: list } = batch
          for (let k = 0; k < list.length; k++) {
            const event = list[k]
            if (event?.type === 'chunk') sum += (event.data as string).length
          }
          sums[i] = (sums[i] as number) + sum
        })
      } else readers.push(read(i))
    }
    async function read(i: number) {
      for await (const batch of run.subscribe().batches()) {
        let sum = 0
        const { events: list } = batch
        for (let k = 0; k < list.length; k++) {
          const event = list[k]
          if (event?.type === 'chunk') sum += (event.data as string).length
        }
        sums[i] = (sums[i] as number) + sum
      }
    }
    await run.started
    const since = performance.now()
    await run.ended
    await Promise.all(readers)
    const took = performance.now() - since
    check(sums, events)
    return took
  } finally {
    await lifechart.close({ mode: 'stop' })
  }
}

function check(sums: Float64Array, events: number): void {
  for (const sum of sums) if (sum !== events * 60) throw new Error(`A subscriber got ${sum / 60} of ${events} events.`)
}

export async function fanOut(rounds: number): Promise<Row[]> {
  const rows: Row[] = []
  for (const subscribers of [0, 1, 100, 1000]) {
    const events = subscribers === 1000 ? 40_000 : subscribers === 100 ? 200_000 : 400_000
    const medians = await sideBySide(
      [
        { name: 'bare', run: () => bare(subscribers, events) },
        { name: 'replay', run: () => replaySubject(subscribers, events) },
        { name: 'sinks', run: () => ours(subscribers, events, 'sinks') },
        { name: 'for await', run: () => ours(subscribers, events, 'for await') },
      ],
      rounds,
    )
    const took = (name: string) => medians.get(name) as number
    const rate = (name: string) => `${((events * Math.max(1, subscribers)) / took(name) / 1000).toFixed(1)} M/s`
    const bareTime = took('bare')
    for (const name of ['sinks', 'for await']) {
      const percent = (bareTime / took(name)) * 100
      const reach = subscribers === 100 ? (name === 'sinks' ? 75 : 50) : subscribers === 1000 ? (name === 'sinks' ? 100 : 70) : undefined
      rows.push({
        work: `deliveries to ${subscribers} subscribers, ${name}`,
        ours: rate(name),
        compared: `bare loop ${rate('bare')}; ReplaySubject ${rate('replay')}`,
        ratio: `${percent.toFixed(0)} % of bare, ${(took('replay') / took(name)).toFixed(1)} x ReplaySubject`,
        reach: reach === undefined ? 'shown' : `${reach} %${name === 'sinks' ? ', 3 x' : ''}`,
        met: reach === undefined ? undefined : percent >= reach && (name !== 'sinks' || took('replay') / took(name) >= 3),
      })
    }
  }
  return rows
}
