import { describe, expect, it } from 'vitest'
import { LifechartError } from '../../src/errors.ts'
import { Batch } from '../../src/kernel/stream/batch.ts'
import { PullCursor } from '../../src/kernel/stream/cursor.ts'
import { Bytes, encodeData, encodeStep, Step } from '../../src/kernel/stream/record.ts'
import { SinkCursor } from '../../src/kernel/stream/sink.ts'
import { Subscription } from '../../src/kernel/stream/subscription.ts'
import { settled } from '../../src/testing/simulated-clock.ts'
import { numberedStream, type Shown } from '../support/numbered-stream.ts'

const gone = new LifechartError('STORE_UNAVAILABLE', 'Down.', { retryable: true })

async function all(subscription: AsyncIterable<Shown>): Promise<Shown[]> {
  const seen: Shown[] = []
  for await (const shown of subscription) seen.push(shown)
  return seen
}

describe('a subscription', () => {
  it('replays, follows and ends', async () => {
    const { stream, publish } = await numberedStream()
    await publish(3)
    const early = all(new Subscription(new PullCursor(stream, {})))
    const late = all(new Subscription(new PullCursor(stream, { after: 2 })))
    await publish(2)
    stream.end()
    expect(await early).toEqual([1, 2, 3, 4, 5])
    expect(await late).toEqual([3, 4, 5])
    expect(stream.audience).toBe(0)
  })

  it('is registered before its first pull', async () => {
    const { stream, publish } = await numberedStream({ windowRecords: 1 })
    const heads: number[] = []
    stream.onAudience = followers => heads.push(followers)
    const subscription = new Subscription(new PullCursor(stream, {}))
    expect(heads).toEqual([1])
    await publish(3)
    stream.end()
    expect(await all(subscription)).toEqual([1, 2, 3])
    expect(heads).toEqual([1, 0])
  })

  it('reads from the store what is no longer in the window', async () => {
    const { stream, publish } = await numberedStream({ windowRecords: 8 })
    for (let i = 0; i < 10; i++) await publish(10)
    stream.end()
    expect(await all(new Subscription(new PullCursor(stream, {})))).toEqual(Array.from({ length: 100 }, (_, i) => i + 1))
  })

  it('gets one gap for what is gone, and goes on behind it', async () => {
    const { stream, publish, adapter } = await numberedStream({ windowRecords: 8 })
    for (let i = 0; i < 10; i++) await publish(10)
    await adapter.forget('numbers', { through: 60 })
    stream.end()
    const shown = await all(new Subscription(new PullCursor(stream, { after: 20 })))
    expect(shown[0]).toEqual({ from: 21, to: 60 })
    expect(shown.slice(1)).toEqual(Array.from({ length: 40 }, (_, i) => i + 61))
  })

  it('answers questions in order that do not wait for each other', async () => {
    const { stream, publish } = await numberedStream()
    const subscription = new Subscription(new PullCursor(stream, {}))
    const answers = [subscription.next(), subscription.next(), subscription.next(), subscription.next()]
    await publish(1)
    await publish(2)
    stream.end()
    expect((await Promise.all(answers)).map(({ value }) => value)).toEqual([1, 2, 3, undefined])
  })

  it('ends at once for its reader when it was aborted, also with events in hand', async () => {
    const { stream, publish } = await numberedStream()
    const over = new AbortController()
    await publish(5)
    const subscription = new Subscription(new PullCursor(stream, { signal: over.signal }))
    expect(await subscription.next()).toEqual({ done: false, value: 1 })
    over.abort()
    expect(await subscription.next()).toEqual({ done: true, value: undefined })
    expect(stream.audience).toBe(0)
    const stillborn = new Subscription(new PullCursor(stream, { signal: over.signal }))
    expect(await stillborn.next()).toEqual({ done: true, value: undefined })
  })

  it('that was returned while it waited answers that it is over, and nothing after', async () => {
    const { stream, publish } = await numberedStream()
    const subscription = new Subscription(new PullCursor(stream, {}))
    const waiting = subscription.next()
    await subscription.return()
    expect(await waiting).toEqual({ done: true, value: undefined })
    await publish(3)
    expect(await subscription.next()).toEqual({ done: true, value: undefined })
  })

  it('that was returned in the tick of a publish gives nothing more afterwards', async () => {
    const { stream, committed } = await numberedStream()
    const subscription = new Subscription(new PullCursor(stream, {}))
    const waiting = subscription.next()
    const publish = await committed(3)
    publish()
    const returned = subscription.return()
    await returned
    await waiting
    expect(await subscription.next()).toEqual({ done: true, value: undefined })
  })

  it('is told that the store does not answer once it has read everything, and can be opened again', async () => {
    const { stream, publish } = await numberedStream()
    await publish(2)
    const subscription = new Subscription(new PullCursor(stream, {}))
    stream.fail(gone)
    expect([await subscription.next(), await subscription.next()].map(({ value }) => value)).toEqual([1, 2])
    await expect(subscription.next()).rejects.toBe(gone)
    expect(await subscription.next()).toEqual({ done: true, value: undefined })
    await publish(1)
    const again = new Subscription(new PullCursor(stream, { after: 2 }))
    expect(await again.next()).toEqual({ done: false, value: 3 })
  })

  it.each([-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('refuses a position that is none: %d', async after => {
    const { stream, publish } = await numberedStream()
    await publish(2)
    await expect(new PullCursor(stream, { after }).next()).rejects.toMatchObject({ code: 'CURSOR_INVALID' })
    expect(stream.audience).toBe(0)
  })

  it('that was closed with an error while it waited tells it once, and is over for whoever asks again', async () => {
    const { stream, publish } = await numberedStream()
    await publish(1)
    const cursor = new PullCursor(stream, { after: 1 })
    const waiting = cursor.next()
    cursor.close(gone)
    await expect(waiting).rejects.toBe(gone)
    expect(await cursor.next()).toEqual({ value: undefined, done: true })
    expect(stream.audience).toBe(0)
  })

  it('goes on where its reader wants to', async () => {
    const { stream, publish } = await numberedStream()
    await publish(5)
    const cursor = new PullCursor(stream, {})
    expect((await cursor.next()).value?.events).toEqual([1, 2, 3, 4, 5])
    cursor.moveTo(2)
    expect(cursor.behind).toBe(true)
    expect((await cursor.next()).value?.events).toEqual([3, 4, 5])
    expect(cursor.behind).toBe(false)
    cursor.close()
  })

  it('refuses a position ahead, unless the store has it by now', async () => {
    const { stream, publish, committed } = await numberedStream()
    await publish(2)
    await expect(new PullCursor(stream, { after: 3 }).next()).rejects.toMatchObject({ code: 'CURSOR_AHEAD', details: { head: 2 } })
    const catchUp = await committed(2)
    stream.refresh = async () => catchUp()
    stream.end()
    expect(await all(new Subscription(new PullCursor(stream, { after: 3 })))).toEqual([4])
  })

  it('is one of as many as the limit allows', async () => {
    const { stream } = await numberedStream({ subscribers: 2 })
    const first = new PullCursor(stream, {})
    new SinkCursor(stream, () => undefined, {})
    expect(() => new PullCursor(stream, {})).toThrow(expect.objectContaining({ code: 'SUBSCRIBER_LIMIT', retryable: true }))
    first.close()
    expect(() => new PullCursor(stream, {})).not.toThrow()
  })

  it('is read once', async () => {
    const { stream } = await numberedStream()
    const subscription = new Subscription(new PullCursor(stream, {}))
    subscription[Symbol.asyncIterator]()
    expect(() => subscription[Symbol.asyncIterator]()).toThrow(expect.objectContaining({ code: 'CURSOR_INVALID' }))
    expect(() => subscription.batches()).toThrow(expect.objectContaining({ code: 'CURSOR_INVALID' }))
  })

  it('in batches shares them: everything since the last pull at once', async () => {
    const { stream, publish } = await numberedStream()
    const [one, other] = [new Subscription(new PullCursor(stream, {})).batches(), new Subscription(new PullCursor(stream, {})).batches()]
    await publish(3)
    const batch = (await one.next()).value
    expect(batch?.events).toEqual([1, 2, 3])
    expect((await other.next()).value).toBe(batch)
  })
})

describe('a sink', () => {
  it('is called once per commit, within the publish, with what it had not seen', async () => {
    const { stream, publish, committed } = await numberedStream()
    await publish(2)
    const batches: (readonly Shown[])[] = []
    let closed = 0
    new SinkCursor(stream, batch => void batches.push(batch.events), { onClose: () => closed++ })
    await settled()
    const publishing = await committed(3)
    publishing()
    expect(batches).toEqual([
      [1, 2],
      [3, 4, 5],
    ])
    stream.end()
    expect(closed).toBe(1)
    expect(stream.audience).toBe(0)
  })

  it('that throws is closed with its error; the others and the stream go on', async () => {
    const { stream, publish, environment } = await numberedStream()
    const errors: unknown[] = []
    const seen: Shown[] = []
    const throwing = () => {
      throw new Error('bad sink')
    }
    new SinkCursor(stream, throwing, { onClose: error => errors.push(error) })
    new SinkCursor(stream, batch => void seen.push(...batch.events), {})
    await settled()
    await publish(1)
    await publish(1)
    expect(errors).toMatchObject([{ code: 'SUBSCRIBER_FAILED', cause: { message: 'bad sink' } }])
    expect(seen).toEqual([1, 2])
    expect(environment.log).toHaveLength(1)
  })

  it('may close itself while it is called', async () => {
    const { stream, publish } = await numberedStream()
    const seen: Shown[] = []
    const sink = new SinkCursor<Shown>(
      stream,
      batch => {
        seen.push(...batch.events)
        sink.close()
      },
      {},
    )
    await settled()
    await publish(1)
    await publish(1)
    expect(seen).toEqual([1])
    expect(stream.audience).toBe(0)
  })

  it('whose onClose throws harms nobody', async () => {
    const { stream, environment } = await numberedStream()
    const sink = new SinkCursor(stream, () => undefined, {
      onClose: () => {
        throw new Error('bad close')
      },
    })
    sink.close()
    expect(environment.log).toMatchObject([{ level: 'warn' }])
  })
})

describe('a batch', () => {
  it('makes its events once, and bytes anew for every reader', () => {
    let made = 0
    const project = (entry: unknown, seq: number) => {
      made++
      return { seq, entry: entry instanceof Bytes ? entry.data.slice() : entry }
    }
    const plain = new Batch({ entries: ['a', 'b'] }, 5, project)
    expect([plain.from, plain.to, plain.length]).toEqual([5, 6, 2])
    expect([...plain]).toEqual([
      { seq: 5, entry: 'a' },
      { seq: 6, entry: 'b' },
    ])
    expect(plain.events).toBe(plain.events)
    expect(plain.event(1)).toBe(plain.events[1])
    expect(made).toBe(2)
    const bytes = new Batch({ entries: [new Bytes(new Uint8Array([1]))] }, 7, project)
    const [one, other] = [bytes.events[0], bytes.event(0)]
    ;(one?.entry as Uint8Array)[0] = 9
    expect(other?.entry).toEqual(new Uint8Array([1]))
  })

  it('has the JSON of each chunk, as it is stored or else encoded, and none for steps, bytes and gaps', () => {
    const project = (entry: unknown) => entry
    const step = new Step({ seq: 1, at: 0, cause: 'start', event: { type: 'x' }, value: 'a', status: 'active' })
    const encoded = [encodeStep(step.record), encodeData({ a: 1 }, 1e3), encodeData('b"', 1e3), encodeData(new Uint8Array([1]), 1e3)]
    const texts = encoded.map(({ text }) => text)
    const entries = encoded.map(({ entry }) => entry)
    for (const records of [{ texts }, { entries }, { texts, entries }]) {
      const batch = new Batch(records, 1, project)
      expect([batch.length, batch.to]).toEqual([4, 4])
      expect([0, 1, 2, 3].map(index => batch.chunkText(index))).toEqual([undefined, '{"a":1}', '"b\\""', undefined])
      expect(batch.event(1)).toEqual({ a: 1 })
      expect(batch.event(3)).toEqual(new Bytes(new Uint8Array([1])))
    }
    expect(Batch.gap(1, 2, 'gap').chunkText(0)).toBeUndefined()
  })

  it('may stand for a gap: one event for many numbers', () => {
    const gap = Batch.gap(3, 8, 'gone')
    expect([gap.from, gap.to, gap.length]).toEqual([3, 8, 1])
    expect([...gap]).toEqual(['gone'])
  })
})
