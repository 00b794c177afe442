import { describe, expect, it } from 'vitest'
import { memoryAdapter } from '../../src/adapters/memory.ts'
import { LifechartError } from '../../src/errors.ts'
import { encodeData } from '../../src/kernel/stream/record.ts'
import { Stream } from '../../src/kernel/stream/stream.ts'
import { Watchdog } from '../../src/kernel/stream/watchdog.ts'
import { WindowBudget } from '../../src/kernel/stream/window.ts'
import { Writer } from '../../src/kernel/stream/writer.ts'
import { testEnvironment } from '../../src/testing/environment.ts'
import { settled } from '../../src/testing/simulated-clock.ts'
import { faultyAdapter } from '../support/faulty-adapter.ts'

/** A stream's writer, and the store that it waits for. */
async function written() {
  const { clock, logger, ids } = testEnvironment()
  const store = faultyAdapter(memoryAdapter())
  const adapter = await store.open({ clock, logger, ids })
  const limits = { windowRecords: 10, windowBytes: 1_000, subscribers: 1, inflightRecords: 10, inflightBytes: 1_000 }
  const streams = { adapter, logger, limits, budget: new WindowBudget(1_000), now: () => clock.now(), hold: () => () => undefined }
  const stream = new Stream<unknown>('s', 0, streams, { project: entry => entry, gap: () => undefined })
  const watchdog = new Watchdog(clock, 5_000)
  const session = await adapter.session('node', 60_000)
  const persistence = { adapter, clock, signal: new AbortController().signal }
  const overdue: LifechartError[] = []
  const writer = new Writer(
    stream,
    'numbers',
    { commitId: ids, limits, persistence, watchdog, session: () => session.id },
    { overdue: error => overdue.push(error), lost: () => undefined },
  )
  const say = () => writer.append(encodeData(1, 100))
  return { clock, store, watchdog, writer, overdue, say, stop: () => writer.stop(() => new LifechartError('LIFECYCLE_ENDED', 'Over.')) }
}

describe('who waits for the store is watched', () => {
  it('until it is found to wait no more', async () => {
    const { clock, watchdog, writer, say } = await written()
    say()
    await settled()
    expect(watchdog.watches(writer)).toBe(true)
    await clock.advance(5_000)
    expect(watchdog.watches(writer)).toBe(false)
  })

  it('and not for a moment longer once it has ended: nothing of it is kept', async () => {
    const { watchdog, writer, say, stop } = await written()
    say()
    await settled()
    stop()
    expect(watchdog.watches(writer)).toBe(false)
  })

  it('but when it has ended with a commit that is not answered, for as long as that takes', async () => {
    const { clock, store, watchdog, writer, overdue, say, stop } = await written()
    store.hold()
    say()
    await settled()
    stop()
    expect(watchdog.watches(writer)).toBe(true)
    await clock.advance(5_000)
    expect(overdue).toMatchObject([{ code: 'STORE_UNAVAILABLE' }])
  })
})
