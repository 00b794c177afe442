import { fdatasync, write } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { crc32 } from 'node:zlib'
import { lowdbAdapter } from 'lifechart/adapters/lowdb'
import type { PersistenceAdapter } from 'lifechart/port'
import { median, sideBySide } from './measure.ts'
import type { Row } from './report.ts'
import { environment, event, inDirectory } from './store.ts'

const writeAsync = promisify(write)
const syncAsync = promisify(fdatasync)

/** Writers that each await their append, batched by hand: the same lines, one write and one fdatasync a batch. */
async function byHand(writers: number, each: number): Promise<number> {
  return inDirectory(async dir => {
    const file = await open(join(dir, 'log'), 'w')
    let queue: { line: string; done: () => void }[] = []
    let busy = false
    let batch = 0
    let position = 0
    const drain = async () => {
      while (queue.length > 0) {
        const taken = queue
        queue = []
        batch++
        let text = ''
        for (const { line } of taken) {
          const body = `{"b":${batch},"c":${line}}`
          text += `${crc32(body).toString(16).padStart(8, '0')} ${body}\n`
        }
        const bytes = Buffer.from(text)
        await writeAsync(file.fd, bytes, 0, bytes.length, position)
        await syncAsync(file.fd)
        position += bytes.length
        for (const { done } of taken) done()
      }
      busy = false
    }
    const append = (line: string) =>
      new Promise<void>(done => {
        queue.push({ line, done })
        if (busy) return
        busy = true
        setImmediate(() => void drain())
      })
    const writer = async (w: number) => {
      for (let i = 0; i < each; i++) await append(`[{"s":"stream/${w}","q":${i + 1},"e":[${event}]}]`)
    }
    const since = performance.now()
    await Promise.all(Array.from({ length: writers }, (_, w) => writer(w)))
    const took = performance.now() - since
    await file.close()
    return (writers * each) / took
  })
}

async function byAdapter(writers: number, each: number): Promise<number> {
  return inDirectory(async dir => {
    const adapter = await lowdbAdapter({ dir }).open(environment)
    const writer = async (w: number) => {
      for (let i = 0; i < each; i++) {
        await adapter.commit({ id: `${w}:${i}`, changes: [{ stream: `stream/${w}`, kind: 'bench', expect: i, events: [event] }] })
      }
    }
    const since = performance.now()
    await Promise.all(Array.from({ length: writers }, (_, w) => writer(w)))
    const took = performance.now() - since
    await adapter.close()
    return (writers * each) / took
  })
}

async function append(adapter: PersistenceAdapter, stored: number, count: number): Promise<number> {
  const times: number[] = []
  for (let i = 0; i < count; i++) {
    const since = performance.now()
    await adapter.commit({ id: `append:${stored + i}`, changes: [{ stream: 'grown', kind: 'bench', expect: 'any', events: [event] }] })
    times.push(performance.now() - since)
  }
  return median(times)
}

async function growth(): Promise<Row> {
  return inDirectory(async dir => {
    const small = await lowdbAdapter({ dir: join(dir, 'small') }).open(environment)
    const large = await lowdbAdapter({ dir: join(dir, 'large') }).open(environment)
    const fill = (adapter: PersistenceAdapter, count: number) =>
      adapter.commit({
        id: environment.ids(),
        changes: [{ stream: 'grown', kind: 'bench', expect: 'any', events: Array.from({ length: count }, () => event) }],
      })
    await fill(small, 10)
    for (let i = 0; i < 100; i++) await fill(large, 1000)
    const few: number[] = []
    const many: number[] = []
    for (let round = 0; round < 10; round++) {
      few.push(await append(small, round * 1000, 20))
      many.push(await append(large, round * 1000, 20))
    }
    await small.close()
    await large.close()
    const [a, b] = [median(few), median(many)]
    return {
      work: 'lowdb: an append with 100,000 events stored',
      ours: `${b.toFixed(2)} ms`,
      compared: `with 10 stored ${a.toFixed(2)} ms`,
      ratio: `${(b / a).toFixed(2)} x`,
      reach: '1.3 x',
      met: b / a <= 1.3,
    }
  })
}

async function opening(): Promise<Row> {
  return inDirectory(async dir => {
    const adapter = await lowdbAdapter({ dir }).open(environment)
    const streams = 100_000
    for (let i = 0; i < streams; i += 1000) {
      const commit = (n: number) => {
        const change = {
          stream: `stream/${n}`,
          kind: 'bench',
          expect: 0,
          events: [event],
          state: '{"at":"here"}',
          index: { context: `c${n}` },
        }
        return adapter.commit({ id: `open:${n}`, changes: [change] })
      }
      await Promise.all(Array.from({ length: 1000 }, (_, n) => commit(i + n)))
    }
    await adapter.close()
    const times: number[] = []
    for (let round = 0; round < 3; round++) {
      const since = performance.now()
      const opened = await lowdbAdapter({ dir }).open(environment)
      times.push(performance.now() - since)
      if ((await opened.load(`stream/${streams - 1}`))?.version !== 1) throw new Error('A stream is missing.')
      await opened.close()
    }
    const took = median(times)
    return {
      work: 'lowdb: opening a store of 100,000 streams, warm',
      ours: `${took.toFixed(0)} ms`,
      compared: '',
      ratio: '',
      reach: '1,000 ms',
      met: took < 1000,
    }
  })
}

/** The embedded store against the least that durability costs: the same batches written and synced by hand. */
export async function lowdb(rounds: number): Promise<Row[]> {
  const rows: Row[] = []
  for (const [writers, each, reach] of [
    [1, 300, 80],
    [10, 200, 80],
    [100, 100, 60],
    [1000, 40, 40],
  ] as const) {
    const medians = await sideBySide(
      [
        { name: 'hand', run: () => byHand(writers, each) },
        { name: 'adapter', run: () => byAdapter(writers, each) },
      ],
      rounds,
    )
    const hand = medians.get('hand') as number
    const ours = medians.get('adapter') as number
    const percent = (ours / hand) * 100
    rows.push({
      work: `lowdb: durable events with ${writers} writers, each awaiting`,
      ours: `${(ours * 1000).toFixed(0)} /s`,
      compared: `by hand ${(hand * 1000).toFixed(0)} /s`,
      ratio: `${percent.toFixed(0)} %`,
      reach: `${reach} %`,
      met: percent >= reach,
    })
  }
  rows.push(await growth(), await opening())
  return rows
}
