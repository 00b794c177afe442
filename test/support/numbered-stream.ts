import { memoryAdapter } from '../../src/adapters/memory.ts'
import type { PersistenceAdapter } from '../../src/kernel/port.ts'
import { encodeData } from '../../src/kernel/stream/record.ts'
import { Stream } from '../../src/kernel/stream/stream.ts'
import { WindowBudget } from '../../src/kernel/stream/window.ts'
import { type TestEnvironment, testEnvironment } from '../../src/testing/environment.ts'

/** What is shown of a stream whose record n is the number n: the number itself, or what is gone. */
export type Shown = number | { from: number; to: number }

export interface NumberedStream {
  stream: Stream<Shown>
  environment: TestEnvironment
  adapter: PersistenceAdapter
  budget: WindowBudget
  /** Commits and publishes the next `count` numbers. */
  publish(count?: number): Promise<void>
  /** Publishes what is committed already, at once. */
  committed(count: number): Promise<() => void>
  /** The next `count` numbers are committed and dropped by the store before they are published; returns how that is noticed. */
  lost(count: number): Promise<() => void>
}

export interface NumberedOptions {
  windowRecords?: number
  windowBytes?: number
  subscribers?: number
  /** Held up as it likes. */
  slow?: () => Promise<unknown>
}

export async function numberedStream({
  windowRecords = 1_000,
  windowBytes = 1_000_000,
  subscribers = 100,
  slow,
}: NumberedOptions = {}): Promise<NumberedStream> {
  const environment = testEnvironment()
  const adapter = await memoryAdapter().open(environment)
  const budget = new WindowBudget(10_000_000)
  const reading: PersistenceAdapter = {
    ...adapter,
    async read(id, page) {
      await slow?.()
      return adapter.read(id, page)
    },
  }
  const { logger, clock } = environment
  const limits = { windowRecords, windowBytes, subscribers }
  const house = { adapter: reading, logger, limits, budget, now: () => clock.now(), hold: () => () => undefined }
  const stream = new Stream<Shown>('numbers', 0, house, { project: entry => entry as number, gap: (from, to) => ({ from, to }) })
  let next = 1

  async function committed(count: number): Promise<() => void> {
    const encoded = Array.from({ length: count }, () => encodeData(next++, 100))
    const texts = encoded.map(({ text }) => text)
    await adapter.commit({ id: `${next}`, changes: [{ stream: 'numbers', kind: 'numbers', expect: 'any', events: texts }] })
    return () =>
      stream.publish(
        encoded.map(({ entry }) => entry),
        texts,
      )
  }
  async function lost(count: number): Promise<() => void> {
    await committed(count)
    const through = next - 1
    await adapter.forget('numbers', { through })
    return () => stream.skip(through)
  }
  return { stream, environment, adapter, budget, committed, lost, publish: async (count = 1) => (await committed(count))() }
}
