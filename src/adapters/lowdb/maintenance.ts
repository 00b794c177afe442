import { setImmediate } from 'node:timers/promises'
import { isLifechartError } from '../../errors.ts'
import type { Logger } from '../../kernel/port.ts'
import type { Entry } from '../catalogue/entry.ts'
import type { Contents } from './contents.ts'
import { writeDocument } from './documents.ts'
import { systemCode } from './failures.ts'
import type { Files } from './files.ts'
import type { Layout } from './layout.ts'
import type { Log } from './log.ts'
import { moveStream, moveTombstones } from './move.ts'
import type { Reader } from './reader.ts'
import { indexCodec, type SegmentIndex } from './segment-index.ts'
import type { Segments } from './segments.ts'
import { countBytes, type Trail } from './trail.ts'

/** What happens to full segments behind the writer's back: indexes are written, dead segments deleted, half dead ones rewritten. */
export interface Maintenance {
  /** Begins with what former lives left: each of them may have been too short for it. */
  opened(): void
  sealed(segment: number, index: () => Promise<SegmentIndex>): void
  /** So many bytes were forgotten. */
  forgotten(bytes: number): void
  /** Ends after the step that is under way; an index that comes after it is still written, and waited for by the next call. */
  close(): Promise<void>
}

export interface MaintenanceOptions {
  files: Files
  layout: Layout
  logger: Logger
  contents: Contents
  segments: Segments
  reader: Reader
  segmentBytes: number
  log: Pick<Log, 'write'>
  /** Throws when the store is no longer ours. Asked before anything is written or deleted. */
  assertHeld(): Promise<void>
}

/** How many streams are looked at before the event loop gets its turn, and how many are moved at once. */
const slice = 1_000
const movedAtOnce = 32
/** More small segments than this are made one; when they are twice as many, not even closing interrupts it. */
const manySmall = 32

export function createMaintenance(options: MaintenanceOptions): Maintenance {
  const { files, layout, logger, contents, segments, segmentBytes, assertHeld } = options
  /** Segments that can not be read wholly stay as they are. */
  const damaged = new Set<number>()
  let work = Promise.resolve()
  let closing = false
  let forgotten = 0
  let waiting = false

  const enqueue = (what: string, task: () => Promise<void>) => {
    work = work
      .then(task)
      .catch((error: unknown) => logger.warn(`Maintenance of the store did not ${what}; it is tried again later`, { error }))
  }
  const enqueueTidying = () => {
    if (waiting || closing) return
    waiting = true
    enqueue('tidy up', async () => {
      waiting = false
      await tidy()
    })
  }

  async function tidy(): Promise<void> {
    forgotten = 0
    const candidates = await look()
    if (candidates === undefined || candidates.size === 0) return
    await rewrite(candidates)
    await look()
  }

  /** Deletes what is dead, and tells which segments are to be rewritten. Undefined when it was interrupted. */
  async function look(): Promise<Set<number> | undefined> {
    // What is sealed by now only loses; a segment sealed meanwhile may hold what a stream that was counted has gained.
    const sealed = sealedSegments()
    const bytes = new Map<number, number>()
    const whole = await eachEntry(async some => {
      for (const { body } of some) countBytes(body, bytes)
    })
    if (!whole) return undefined
    countTombstones(bytes)
    for (const [segment] of sealed) if (!bytes.has(segment)) await remove(segment)
    const alive = sealed.filter(([segment]) => bytes.has(segment))
    const small = alive.filter(isSmall)
    const half = alive.filter(one => !isSmall(one) && bytes.get(one[0])! * 2 < one[1])
    return new Set([...half, ...(small.length > manySmall ? small : [])].map(([segment]) => segment))
  }

  const sealedSegments = () => [...contents.sizes].filter(([segment]) => segment !== contents.segment && !damaged.has(segment))
  /** Not worth a rewriting of its own, however much of it is dead. */
  const isSmall = ([, size]: readonly [segment: number, size: number]) => size < segmentBytes / 16
  const interrupted = () => closing && sealedSegments().filter(isSmall).length <= 2 * manySmall

  /** A tombstone is needed while a segment that may mention its stream is there. */
  function countTombstones(bytes: Map<number, number>): void {
    const numbers = [...contents.sizes.keys()].sort((a, b) => a - b)
    for (const [stream, { born, home }] of contents.tombstones) {
      const oldest = numbers.find(segment => segment >= born)
      if (oldest === undefined || oldest >= home) contents.unbury(stream)
      else bytes.set(home, (bytes.get(home) ?? 0) + stream.length)
    }
  }

  async function remove(segment: number): Promise<void> {
    const unlessGone = (error: unknown) => {
      if (systemCode(error) !== 'ENOENT') throw error
    }
    await assertHeld()
    await files.remove(layout.log(segment)).catch(unlessGone)
    // Tombstones may go when it is certain that the segment does not come back.
    await files.syncDirectory(layout.logs)
    contents.drop(segment)
    await segments.release(segment)
    await files.remove(layout.index(segment)).catch(unlessGone)
  }

  async function rewrite(candidates: ReadonlySet<number>): Promise<void> {
    await eachEntry(async some => {
      const touched = some.filter(({ body }) => touches(body, candidates))
      for (let i = 0; i < touched.length && !interrupted(); i += movedAtOnce) {
        await Promise.all(touched.slice(i, i + movedAtOnce).map(entry => move(entry, candidates)))
      }
    })
    if (!interrupted()) await moveTombstones(options, candidates)
  }

  async function move(entry: Entry<Trail>, candidates: ReadonlySet<number>): Promise<void> {
    for (const segment of candidates) {
      try {
        await moveStream(options, entry, segment)
      } catch (error) {
        if (!isLifechartError(error, 'STORE_CORRUPT')) throw error
        damaged.add(segment)
        logger.error('A damaged segment is not rewritten', { ...error.details })
      }
    }
  }

  /** In slices; false when it was interrupted. */
  async function eachEntry(visit: (some: Entry<Trail>[]) => Promise<void>): Promise<boolean> {
    let some: Entry<Trail>[] = []
    for (const entry of contents.catalogue.entries()) {
      if (some.push(entry) < slice) continue
      await visit(some)
      await setImmediate()
      if (interrupted()) return false
      some = []
    }
    await visit(some)
    return !interrupted()
  }

  return {
    opened: enqueueTidying,
    sealed(segment, index) {
      enqueue('write an index document', async () => {
        const data = await index()
        await assertHeld()
        await writeDocument(files, layout.index(segment), indexCodec, data)
      })
      enqueueTidying()
    },
    forgotten(bytes) {
      forgotten += bytes
      if (forgotten > segmentBytes / 4) enqueueTidying()
    },
    async close() {
      closing = true
      await work
    },
  }
}

function touches(trail: Trail, candidates: ReadonlySet<number>): boolean {
  const bytes = new Map<number, number>()
  countBytes(trail, bytes)
  return [...bytes.keys()].some(segment => candidates.has(segment))
}
