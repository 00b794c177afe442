import { describe, expect, it } from 'vitest'
import { memoryAdapter } from '../../src/adapters/memory.ts'
import { LifechartError } from '../../src/errors.ts'
import { PullCursor } from '../../src/kernel/stream/cursor.ts'
import type { Presentation } from '../../src/kernel/stream/house.ts'
import { observe } from '../../src/kernel/stream/observe.ts'
import { encodeData, encodeStep, type StepRecord } from '../../src/kernel/stream/record.ts'
import { SinkCursor } from '../../src/kernel/stream/sink.ts'
import { Subscription } from '../../src/kernel/stream/subscription.ts'
import { WindowBudget } from '../../src/kernel/stream/window.ts'
import { Tails } from '../../src/kernel/tail.ts'
import { testEnvironment } from '../../src/testing/environment.ts'
import { settled } from '../../src/testing/simulated-clock.ts'

type Shown = number | 'end' | { from: number; to: number }

const presentation: Presentation<Shown> = {
  project: entry => (typeof entry === 'number' ? entry : 'end'),
  gap: (from, to) => ({ from, to }),
  gone: cause => new LifechartError('RUN_EVICTED', 'Gone.', { cause }),
}
const upTo = (last: number, first = 1) => Array.from({ length: last - first + 1 }, (_, i) => first + i)

/** A stream that somebody else writes, of which the first five numbers were read here. */
async function followed({ windowRecords = 1_000 } = {}) {
  const environment = testEnvironment()
  const adapter = await memoryAdapter().open(environment)
  const { logger, clock } = environment
  const limits = { windowRecords, windowBytes: 1_000_000, subscribers: 100 }
  const streams = { adapter, logger, limits, budget: new WindowBudget(1_000_000), now: () => clock.now(), hold: () => () => undefined }
  const tails = new Tails({ streams, insist: ask => ask() })
  let version = 0
  const write = async (count: number, end = false) => {
    const events = upTo(version + count, version + 1).map(number => encodeData(number, 100).text)
    const last = { seq: version + count + 1, at: 0, cause: 'command', event: { type: 'over' }, value: 'over', status: 'done' } as StepRecord
    if (end) events.push(encodeStep(last).text)
    version += events.length
    await adapter.commit({
      id: `${version}`,
      changes: [{ stream: 'numbers', kind: 'numbers', expect: 'any', events, ...(end && { index: { live: false } }) }],
    })
  }
  await write(1)
  const stream = tails.borrow('numbers', 1, true, presentation)
  const letGo = stream.hold()
  await write(4)
  tails.changed('all')
  await settled()
  return {
    stream,
    letGo,
    write,
    tails,
    /** The store drops what is there so far. */
    drop: (through = version) => adapter.forget('numbers', { through }),
    forget: () => adapter.forget('numbers', {}),
    async look() {
      tails.changed('all')
      await settled()
    },
    logger,
  }
}

type Followed = Awaited<ReturnType<typeof followed>>

/** The ways to follow; each shows what came so far. */
const ways: [string, (at: Followed, after: number) => { seen: Shown[]; over(): unknown }][] = [
  [
    'a reader',
    ({ stream }, after) => {
      const seen: Shown[] = []
      let over: unknown = false
      void (async () => {
        for await (const shown of new Subscription(new PullCursor(stream, { after }))) seen.push(shown)
        over = true
      })().catch(error => (over = error))
      return { seen, over: () => over }
    },
  ],
  [
    'a sink',
    ({ stream }, after) => {
      const seen: Shown[] = []
      let over: unknown = false
      new SinkCursor(stream, batch => void seen.push(...batch.events), { after, onClose: error => void (over = error ?? true) })
      return { seen, over: () => over }
    },
  ],
  [
    'an Observable',
    ({ stream, logger }, after) => {
      const seen: Shown[] = []
      let over: unknown = false
      observe<Shown>((sink, onClose) => new SinkCursor(stream, sink, { after, onClose }), logger).subscribe({
        next: shown => seen.push(shown),
        error: error => (over = error),
        complete: () => (over = true),
      })
      return { seen, over: () => over }
    },
  ],
]

describe.each(ways)('%s of a stream that is written elsewhere', (_way, follow) => {
  it('gets one gap for what left the store before it was read here, and goes on with what there is', async () => {
    const at = await followed()
    const follower = follow(at, 1)
    await settled()
    await at.write(5)
    await at.drop()
    await at.write(2)
    await at.look()
    expect(follower.seen).toEqual([...upTo(5, 2), { from: 6, to: 10 }, 11, 12])
    await at.write(1, true)
    await at.look()
    expect(follower.seen.slice(-2)).toEqual([13, 'end'])
    expect(follower.over()).toBe(true)
    at.letGo()
    expect(at.tails.size).toBe(0)
  })

  it('gets the gap also when nothing is left behind it, and what comes later', async () => {
    const at = await followed()
    const follower = follow(at, 5)
    await settled()
    await at.write(5)
    await at.drop()
    await at.look()
    expect(follower.seen).toEqual([{ from: 6, to: 10 }])
    expect(follower.over()).toBe(false)
    await at.write(1)
    await at.look()
    expect(follower.seen).toEqual([{ from: 6, to: 10 }, 11])
  })

  it('ends behind the gap when the end is gone as well', async () => {
    const at = await followed()
    const follower = follow(at, 5)
    await at.write(5, true)
    await at.drop()
    await at.look()
    expect(follower.seen).toEqual([{ from: 6, to: 11 }])
    expect(follower.over()).toBe(true)
  })

  it('that comes after the gap gets from memory what is before it, wherever it begins', async () => {
    const at = await followed()
    await at.write(5)
    await at.drop()
    await at.write(2)
    await at.look()
    const all: Record<number, Shown[]> = {
      1: [2, 3, 4, 5, { from: 6, to: 10 }, 11, 12],
      4: [5, { from: 6, to: 10 }, 11, 12],
      5: [{ from: 6, to: 10 }, 11, 12],
      7: [{ from: 8, to: 10 }, 11, 12],
      10: [11, 12],
    }
    for (const [after, shown] of Object.entries(all)) {
      const follower = follow(at, Number(after))
      await settled()
      expect(follower.seen).toEqual(shown)
    }
    // Number 1 was never read here, and is gone from the store.
    const first = follow(at, 0)
    await settled()
    expect(first.seen).toEqual([{ from: 1, to: 1 }, ...all[1]!])
  })

  it('gets one gap to the first record there is when its own position left memory too', async () => {
    const at = await followed({ windowRecords: 2 })
    await at.write(5)
    await at.drop()
    await at.write(2)
    await at.look()
    const follower = follow(at, 1)
    await settled()
    expect(follower.seen).toEqual([{ from: 2, to: 10 }, 11, 12])
  })

  it('gets one gap after another when the store drops more', async () => {
    const at = await followed()
    const follower = follow(at, 5)
    await settled()
    for (let round = 0; round < 2; round++) {
      await at.write(3)
      await at.drop()
      await at.write(1)
      await at.look()
    }
    expect(follower.seen).toEqual([{ from: 6, to: 8 }, 9, { from: 10, to: 12 }, 13])
    const late = follow(at, 1)
    await settled()
    expect(late.seen).toEqual([...upTo(5, 2), ...follower.seen])
  })

  it('is told that it is gone when the store has nothing of it any more', async () => {
    const at = await followed()
    const follower = follow(at, 5)
    await at.write(1)
    await at.forget()
    await at.look()
    expect(follower.seen).toEqual([])
    expect(follower.over()).toMatchObject({ code: 'RUN_EVICTED', cause: { code: 'STREAM_NOT_FOUND' } })
  })

  it('gets from memory what the store has forgotten meanwhile, behind one gap', async () => {
    const at = await followed()
    await at.forget()
    const follower = follow(at, 0)
    await settled()
    expect(follower.seen).toEqual([{ from: 1, to: 1 }, 2, 3, 4, 5])
  })
})
