import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, describe, expect, it } from 'vitest'
import { lowdbAdapter } from '../../src/adapters/lowdb/index.ts'
import { type Lifechart, openLifechart } from '../../src/lifechart.ts'
import { codeOf, collect, emits, errorOf, numbers, processes, upTo } from './support.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const megabyte = 2 ** 20
const inMegabytes = (bytes: number) => Math.round(bytes / megabyte)

describe('one million events and a subscriber that reads nothing', () => {
  const opened: Lifechart[] = []
  const dirs: string[] = []
  afterEach(async () => {
    for (const lifechart of opened.splice(0)) await lifechart.close()
    for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true })
  })

  it('stay below 100 MB of memory, and the producer is not slowed', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'lifechart-memory-'))
    dirs.push(dir)
    const lifechart = await openLifechart({ adapter: lowdbAdapter({ dir }), logger: { info() {}, warn() {}, error() {} } })
    opened.push(lifechart)
    const { runs } = lifechart
    collectGarbage()
    const before = process.memoryUsage()
    let peak = before.heapUsed
    const produce = (count: number) => {
      return function* () {
        for (let i = 0; i < count; i++) {
          if (i % 20_000 === 0) peak = Math.max(peak, process.memoryUsage().heapUsed)
          yield `token ${i}`
        }
      }
    }
    const alone = performance.now()
    await runs.start('alone', produce(250_000)).ended
    const perAlone = (performance.now() - alone) / 250_000
    const watched = performance.now()
    const run = runs.start('watched', produce(1_000_000))
    const stalled = run.subscribe()
    await stalled.next()
    expect(await run.ended).toMatchObject({ status: 'done', seq: 1_000_002 })
    const perWatched = (performance.now() - watched) / 1_000_000
    collectGarbage()
    const after = process.memoryUsage()
    const grown = {
      heap: after.heapUsed - before.heapUsed,
      external: after.arrayBuffers - before.arrayBuffers,
      rss: after.rss - before.rss,
    }
    console.log(
      `1,000,000 events: heap +${inMegabytes(grown.heap)} MB (peak +${inMegabytes(peak - before.heapUsed)}), buffers +${inMegabytes(grown.external)} MB, ` +
        `rss +${inMegabytes(grown.rss)} MB; ${(1e3 * perWatched).toFixed(1)} µs per event, ${(1e3 * perAlone).toFixed(1)} unwatched`,
    )
    expect(grown.heap + grown.external).toBeLessThan(50 * megabyte)
    expect(grown.rss).toBeLessThan(100 * megabyte)
    expect(await stalled.next()).toMatchObject({ value: { seq: 2, data: 'token 0' } })
  }, 300_000)
})

describe('the window', () => {
  const house = processes()

  it('of a run is bounded in events', async () => {
    const { runs, lifechart } = await house.open({ limits: { windowRecords: 100 } })
    const run = runs.start('chat', emits(...upTo(10_000)))
    const stalled = run.subscribe()
    await run.ended
    expect(lifechart.stats()['windows.bytes']).toBeLessThan(2_000)
    expect(numbers(await collect(stalled))).toEqual(upTo(10_002))
  })

  it('of a run is bounded in bytes', async () => {
    const { runs, lifechart } = await house.open({ limits: { windowBytes: 10_000 } })
    const run = runs.start('chat', emits(...upTo(200).map(i => `${i}`.padEnd(1_000))))
    const stalled = run.subscribe()
    await run.ended
    expect(lifechart.stats()['windows.bytes']).toBeLessThan(10_001)
    expect(numbers(await collect(stalled))).toEqual(upTo(202))
  })

  it('is bounded in bytes in total, over all runs', async () => {
    const { runs, lifechart } = await house.open({ limits: { windowBytesTotal: 50_000 } })
    const all = upTo(50).map(i => runs.start(`chat-${i}`, emits(...upTo(20).map(n => `${n}`.padEnd(500)))))
    await Promise.all(all.map(run => run.ended))
    expect(lifechart.stats()['windows.bytes']).toBeLessThan(50_001)
    for (const run of all) expect(numbers(await collect(run.subscribe()))).toEqual(upTo(22))
  })

  it('that is too small for a single record still delivers it', async () => {
    const { runs } = await house.open({ limits: { windowBytes: 1, windowRecords: 1, windowBytesTotal: 1 } })
    const run = runs.start('chat', emits('x'.repeat(100_000), 'y'))
    const live = collect(run.subscribe())
    expect(numbers(await live)).toEqual(upTo(4))
    expect(numbers(await collect(run.subscribe()))).toEqual(upTo(4))
    expect(run.status).toBe('done')
  })

  it('is refused when it is no bound', async () => {
    expect(await errorOf(() => house.open({ limits: { windowRecords: 0 } }))).toEqual(codeOf('INVALID_OPTION'))
    expect(await errorOf(() => house.open({ limits: { windowRecord: 1 } as never }))).toEqual(codeOf('INVALID_OPTION'))
  })
})
