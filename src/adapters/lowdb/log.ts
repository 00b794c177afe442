import { setImmediate } from 'node:timers/promises'
import { isLifechartError, LifechartError } from '../../errors.ts'
import type { Id } from '../../kernel/port.ts'
import { type Overlay, overlay } from '../catalogue/head.ts'
import type { Contents } from './contents.ts'
import { writeAll } from './documents.ts'
import { type Draft, type Encoded, encode, type Texts } from './draft.ts'
import { notWritten } from './failures.ts'
import type { Files, OpenFile } from './files.ts'
import { bytesOf, type Framed, frame } from './framing.ts'
import type { Layout } from './layout.ts'
import { format } from './line.ts'
import { type SegmentIndex, takeIndex } from './segment-index.ts'

/** Something to be written: decided when its batch is, against what is durable and what comes before it in the batch. */
export interface Job {
  /** Throws the refusal; undefined when there is nothing to do. */
  stage(world: Overlay): Draft | undefined
  /** About how many characters it brings; a batch is bounded by them. */
  readonly weight: number
}

export interface Log {
  /** Resolves when it is durable, and applied to the contents: with the new version per change. */
  write(job: Job): Promise<readonly number[]>
  /** Writes what is waiting, seals the newest segment and ends. */
  close(): Promise<void>
}

export interface LogOptions {
  files: Files
  layout: Layout
  contents: Contents
  store: string
  nextSegment: number
  segmentBytes: number
  /** Throws when the store is no longer ours. Asked before each batch. */
  assertHeld(): Promise<void>
  /** A segment is full; its index is made when it is asked for. */
  sealed(segment: number, index: () => Promise<SegmentIndex>): void
  /** A stream has a new version. */
  changed(stream: Id, version: number): void
}

interface Waiting {
  readonly job: Job
  resolve(versions: readonly number[]): void
  reject(error: unknown): void
  /** Why it was refused, when it was. */
  refusal: unknown
  /** What it is in this batch. */
  draft: Draft | undefined
}

/** A batch, judged. */
interface Judged {
  /** Each has a draft to be written. */
  staged: Waiting[]
  /** Each has a refusal. */
  refused: Waiting[]
  /** There is nothing to be written for them. */
  idle: Waiting[]
}

/** The file that lines are appended to. */
interface Tail {
  file: OpenFile
  segment: number
  size: number
  /** The number of its last line. */
  n: number
}

/** More than this waits for the next batch, so that encoding never holds the event loop up. */
const batchWeight = 2 * 1024 * 1024
const batchJobs = 1_024

/** The one writer of a store. All that arrives while a batch is written is the next batch: one write and one sync for all of it. */
export function createLog(options: LogOptions): Log {
  const { files, layout, contents, store, segmentBytes } = options
  let waiting: Waiting[] = []
  let running: Promise<void> | undefined
  let failed: LifechartError | undefined
  let tail: Tail | undefined
  let { nextSegment } = options

  const fail = (cause: unknown) => {
    const message = 'What the disk holds is not known any more; close the store and open it again.'
    failed ??= isLifechartError(cause, 'STORE_FAILED') ? cause : new LifechartError('STORE_FAILED', message, { cause })
  }

  async function run(): Promise<void> {
    while (waiting.length > 0) {
      // Whoever was answered by the batch before, and wants to write again, is in this one.
      await setImmediate()
      await writeBatch(takeBatch())
    }
    running = undefined
  }

  function takeBatch(): Waiting[] {
    let weight = 0
    let count = 0
    while (count < waiting.length && count < batchJobs && weight < batchWeight) weight += waiting[count++]!.job.weight
    const batch = count === waiting.length ? waiting : waiting.slice(0, count)
    waiting = count === waiting.length ? [] : waiting.slice(count)
    return batch
  }

  async function writeBatch(batch: readonly Waiting[]): Promise<void> {
    if (failed !== undefined) {
      for (const one of batch) one.reject(failed)
      return
    }
    const { staged, refused, idle } = judge(batch)
    try {
      if (staged.length > 0) {
        await options.assertHeld()
        if (tail === undefined || tail.size >= segmentBytes) await roll()
        await append(tail!, staged)
      }
    } catch (error) {
      for (const one of staged) one.reject(notWritten(error))
      // The others were judged beside what is not there now: they are judged again.
      waiting = [...refused, ...idle, ...waiting]
      return
    }
    for (const one of refused) one.reject(one.refusal)
    for (const one of idle) one.resolve(one.draft?.plan.versions ?? [])
    for (const one of staged) one.resolve(one.draft!.plan.versions)
  }

  function judge(batch: readonly Waiting[]): Judged {
    const world = overlay(contents.catalogue)
    const judged: Judged = { staged: [], refused: [], idle: [] }
    for (const one of batch) {
      try {
        one.draft = one.job.stage(world)
        if (one.draft === undefined || one.draft.plan.repeated) judged.idle.push(one)
        else {
          world.add(one.draft.plan)
          judged.staged.push(one)
        }
      } catch (error) {
        one.refusal = error
        judged.refused.push(one)
      }
    }
    return judged
  }

  async function append(to: Tail, staged: readonly Waiting[]): Promise<void> {
    const { entry } = contents.catalogue
    const framed: Framed[] = []
    const lines: Encoded[] = []
    const d = to.n
    let n = d
    if (n === 0) {
      const begins = JSON.stringify({ n: ++n, d, changes: [], begins: { format, store, segment: to.segment } })
      framed.push(frame([begins], Buffer.byteLength(begins)))
    }
    const first = to.size + (framed[0]?.length ?? 0)
    const moment = { n, d, segment: to.segment, entry }
    for (const { draft } of staged) {
      moment.n = ++n
      const encoded = encode(draft!, moment)
      framed.push(encoded)
      lines.push(encoded)
    }
    const bytes = await bytesOf(framed)
    await makeDurable(to, bytes)
    to.size += bytes.length
    to.n = n
    contents.measure(to.segment, to.size)
    let at = first
    for (let i = 0; i < lines.length; i++) {
      const { line, length } = lines[i]!
      contents.apply(staged[i]!.draft!.plan, line, { segment: to.segment, offset: at, length })
      at += length
      if (line.commit !== undefined) for (const { stream, version } of line.changes) options.changed(stream, version)
    }
  }

  async function makeDurable({ file, size }: Tail, bytes: Buffer): Promise<void> {
    try {
      await writeAll(file, bytes, size)
    } catch (cause) {
      try {
        await file.truncate(size)
        await file.sync()
      } catch (error) {
        fail(error)
        throw unknown(error)
      }
      throw notWritten(cause)
    }
    try {
      await file.sync()
    } catch (cause) {
      // The system takes what it could not write for written: only reading it again at the next open tells what is there.
      fail(cause)
      throw unknown(cause)
    }
    try {
      await options.assertHeld()
    } catch (cause) {
      // It slept in the middle of it: whoever has taken the store over has read the log with these bytes or without.
      fail(cause)
      throw unknown(cause)
    }
  }

  async function roll(): Promise<void> {
    if (tail !== undefined) {
      options.sealed(contents.segment, takeIndex(contents, store))
      const { file } = tail
      tail = undefined
      await file.close()
    }
    const segment = nextSegment++
    let file: OpenFile
    try {
      file = await files.open(layout.log(segment), 'create')
    } catch (cause) {
      throw notWritten(cause)
    }
    try {
      await files.syncDirectory(layout.logs)
    } catch (cause) {
      fail(cause)
      await file.close()
      throw failed
    }
    contents.begin(segment)
    tail = { file, segment, size: 0, n: 0 }
  }

  return {
    write(job) {
      return new Promise((resolve, reject) => {
        waiting.push({ job, resolve, reject, refusal: undefined, draft: undefined })
        running ??= run()
      })
    },
    async close() {
      await running
      if (tail === undefined) return
      const { file, n } = tail
      tail = undefined
      if (n > 0 && failed === undefined) options.sealed(contents.segment, takeIndex(contents, store))
      await file.close()
    },
  }
}

function unknown(cause: unknown): LifechartError {
  const message = 'It is not known what the disk holds; open the store again and repeat the same commit to learn whether it is there.'
  return new LifechartError('OUTCOME_UNKNOWN', message, { retryable: true, cause })
}

/** The characters in these texts. */
export function weightOf(texts: readonly Texts[]): number {
  let weight = 0
  for (const { events, state, view } of texts) {
    weight += (state?.length ?? 0) + (view?.length ?? 0)
    if (events !== undefined) for (const event of events) weight += event.length
  }
  return weight
}
