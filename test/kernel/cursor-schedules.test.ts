import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LifechartError } from '../../src/errors.ts'
import { Batch } from '../../src/kernel/stream/batch.ts'
import { PullCursor } from '../../src/kernel/stream/cursor.ts'
import { SinkCursor } from '../../src/kernel/stream/sink.ts'
import { Subscription } from '../../src/kernel/stream/subscription.ts'
import { type NumberedStream, numberedStream, type Shown } from '../support/numbered-stream.ts'

type Kind = 'events' | 'batches' | 'sink'

/** What may happen, in any order, while reads from the store take as long as they like. */
type Happening =
  | { what: 'publish'; count: number }
  /** And right behind it, so many microtasks later, one record is published. */
  | { what: 'subscribe'; kind: Kind; after: number; microtasks: number }
  | { what: 'pull'; who: number; times: number }
  | { what: 'close'; who: number }
  | { what: 'fail' }
  /** So many records are written and dropped by the store before they are published. */
  | { what: 'lose'; count: number }

const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ what: fc.constant('publish' as const), count: fc.integer({ min: 1, max: 6 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      what: fc.constant('subscribe' as const),
      kind: fc.constantFrom<Kind>('events', 'batches', 'sink'),
      after: fc.nat(12),
      microtasks: fc.nat(6),
    }),
  },
  { weight: 6, arbitrary: fc.record({ what: fc.constant('pull' as const), who: fc.nat(5), times: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('close' as const), who: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('fail' as const) }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('lose' as const), count: fc.integer({ min: 1, max: 4 }) }) },
)

const down = new LifechartError('STORE_UNAVAILABLE', 'Down.', { retryable: true })

/** Somebody who follows, and what they saw. */
interface Follower {
  after: number
  closed: boolean
  /** In the order in which they were asked for. */
  answers: Promise<Shown[] | 'over' | 'failed'>[]
  seen: Shown[]
  pull(): void
  close(): void
  ended: boolean
  failed: boolean
}

function puller({ stream }: NumberedStream, after: number, kind: 'events' | 'batches'): Follower {
  const subscription = new Subscription(new PullCursor(stream, { after }))
  const reader: AsyncIterator<Shown | Batch<Shown>> = kind === 'events' ? subscription : subscription.batches()
  const follower: Follower = {
    after,
    closed: false,
    answers: [],
    seen: [],
    ended: false,
    failed: false,
    pull() {
      follower.answers.push(
        reader.next().then(
          ({ value, done }) => (done ? 'over' : value instanceof Batch ? [...value] : [value]),
          () => 'failed' as const,
        ),
      )
    },
    close() {
      follower.closed = true
      void subscription.return()
    },
  }
  return follower
}

function sinker({ stream }: NumberedStream, after: number): Follower {
  const follower: Follower = {
    after,
    closed: false,
    answers: [],
    seen: [],
    ended: false,
    failed: false,
    pull: () => undefined,
    close() {
      follower.closed = true
      sink.close()
    },
  }
  const sink = new SinkCursor<Shown>(stream, batch => void follower.seen.push(...batch.events), {
    after,
    onClose(error) {
      if (error) follower.failed = true
      else follower.ended = true
    },
  })
  return follower
}

/** Reads what is left, and sorts what came. */
async function finish(follower: Follower): Promise<void> {
  const wasClosed = follower.closed
  while (!follower.ended && !follower.failed && (follower.answers.length > 0 || !wasClosed)) {
    if (follower.answers.length === 0) follower.pull()
    const answer = await follower.answers.shift()
    if (answer === undefined) return
    if (answer === 'over') follower.ended = true
    else if (answer === 'failed') follower.failed = true
    else follower.seen.push(...answer)
  }
}

describe('followers of a stream', () => {
  it('get every record once and in order, and a gap for each that is lost, under every interleaving', async () => {
    const plan = fc.array(happening, { minLength: 5, maxLength: 40 })
    await fc.assert(
      fc.asyncProperty(plan, fc.integer({ min: 1, max: 20 }), fc.scheduler(), async (happenings, windowRecords, scheduler) => {
        const numbers = await numberedStream({ windowRecords, slow: () => scheduler.schedule(Promise.resolve()) })
        const { stream } = numbers
        const followers: Follower[] = []
        const lost = new Set<number>()
        const perform = async (next: Happening) => {
          if (next.what === 'publish') {
            const publish = await numbers.committed(next.count)
            publish()
          } else if (next.what === 'subscribe') {
            const after = Math.min(next.after, stream.head)
            const publish = await numbers.committed(1)
            followers.push(next.kind === 'sink' ? sinker(numbers, after) : puller(numbers, after, next.kind))
            for (let i = 0; i < next.microtasks; i++) await undefined
            publish()
          } else if (next.what === 'lose') {
            const before = stream.head
            const notice = await numbers.lost(next.count)
            notice()
            for (let number = before + 1; number <= stream.head; number++) lost.add(number)
          } else if (next.what === 'fail') stream.fail(down)
          else {
            const follower = followers[next.who % Math.max(1, followers.length)]
            if (!follower) return
            if (next.what === 'close') follower.close()
            else for (let i = 0; i < next.times; i++) follower.pull()
          }
        }
        const sequence = scheduler.scheduleSequence([
          ...happenings.map((next, i) => ({ label: `${i} ${next.what}`, builder: () => perform(next) })),
          { label: 'the last one', builder: () => perform({ what: 'publish', count: 1 }) },
          { label: 'the end', builder: async () => stream.end() },
        ])
        await scheduler.waitFor(sequence.task)
        await scheduler.waitFor(Promise.all(followers.map(finish)))
        await scheduler.waitIdle()
        for (const { seen, after, ended, failed, closed } of followers) {
          let at = after
          for (const shown of seen) {
            const { from, to } = typeof shown === 'number' ? { from: shown, to: shown } : shown
            expect(from).toBe(at + 1)
            at = to
          }
          expect(seen.filter(shown => lost.has(shown as number))).toEqual([])
          if (lost.size === 0) expect(seen.filter(shown => typeof shown !== 'number')).toEqual([])
          if (!closed && !failed) {
            expect(ended).toBe(true)
            expect(at).toBe(stream.head)
          }
        }
        expect(stream.audience).toBe(0)
      }),
      { numRuns: 2_000 },
    )
  })
})
