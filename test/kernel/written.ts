import { LifechartError } from '../../src/errors.ts'
import type { AdapterSource } from '../../src/kernel/port.ts'
import { encodeData } from '../../src/kernel/stream/record.ts'
import { Stream } from '../../src/kernel/stream/stream.ts'
import { Watchdog } from '../../src/kernel/stream/watchdog.ts'
import { WindowBudget } from '../../src/kernel/stream/window.ts'
import { Writer } from '../../src/kernel/stream/writer.ts'
import { testEnvironment } from '../../src/testing/environment.ts'

/** A stream's writer, which is watched while it waits for its store. */
export async function written(source: AdapterSource) {
  const { clock, logger, ids } = testEnvironment()
  const adapter = await source.open({ clock, logger, ids })
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
  return {
    adapter,
    clock,
    watchdog,
    writer,
    overdue,
    say: () => writer.append(encodeData(1, 100)),
    stop: () => writer.stop(() => new LifechartError('LIFECYCLE_ENDED', 'Over.')),
  }
}
