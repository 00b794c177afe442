import { LifechartError } from '../../errors.ts'
import type { Change, Json } from '../port.ts'
import { type PersistOptions, persist } from './persist.ts'
import type { Encoded, Entry } from './record.ts'
import type { Stream } from './stream.ts'

export interface WriterLimits {
  /** Records under way to the store before `ready` waits. */
  inflightRecords: number
  /** Characters of text under way to the store before `ready` waits. */
  inflightBytes: number
}

/** What all writers of a runtime share. */
export interface WriterHouse {
  /** A new id for each commit. */
  commitId(): string
  readonly limits: WriterLimits
  readonly persistence: Omit<PersistOptions, 'onOverdue'>
  /** The session that owns what is written here. */
  session(): string
}

/** What goes into the commit of a step, besides the step and the data that was pending. */
export interface Draft {
  change?: Omit<Change, 'stream' | 'kind' | 'expect' | 'events'>
  /** Changes of other streams in the same commit: created, or appended to with `any`. */
  others?: readonly Change[]
}

/** What the writer tells its stream's owner. */
export interface WriterEvents {
  /** A commit is overdue: nothing of it is published until the store answers. */
  overdue(error: LifechartError): void
  /** Somebody else owns the stream now: nothing can be written here any more. */
  lost(error: LifechartError): void
  /** Data was committed and published without a step. */
  flushed?(): void
}

/** Ignoring back-pressure is an error this far beyond the limits. */
const hardFactor = 16
/** Data of one commit, in characters; leaves room for a step within the port's 8 MiB even when every character takes three bytes. */
const commitCharacters = 1024 * 1024

/**
 * The one writer of a stream: a queue of jobs (steps), and data that is appended past them. One commit is under way at a
 * time; the data that arrives meanwhile becomes the next one, or goes into the next step's commit, before the step.
 */
export class Writer {
  readonly #stream: Stream<unknown>
  readonly #kind: string
  readonly #house: WriterHouse
  readonly #events: WriterEvents
  readonly #persistence: PersistOptions
  #version: number
  #jobs: (() => Promise<void>)[] = []
  #texts: Json[] = []
  #entries: Entry[] = []
  #pendingBytes = 0
  #inflightRecords = 0
  #inflightBytes = 0
  #busy = false
  #stopped: LifechartError | undefined
  #ready: Promise<void> | undefined
  #relieve: (() => void) | undefined

  constructor(stream: Stream<unknown>, kind: string, house: WriterHouse, events: WriterEvents) {
    this.#stream = stream
    this.#kind = kind
    this.#house = house
    this.#events = events
    this.#persistence = { ...house.persistence, onOverdue: error => events.overdue(error) }
    this.#version = stream.head
  }

  /** The number of the newest committed record. */
  get version(): number {
    return this.#version
  }

  /** Records that were accepted and are not committed yet. */
  get pending(): number {
    return this.#texts.length + this.#inflightRecords
  }

  /** Jobs that wait for their turn. */
  get queued(): number {
    return this.#jobs.length
  }

  /** The store is behind: a producer should await {@link ready}. */
  get behind(): boolean {
    const { inflightRecords, inflightBytes } = this.#house.limits
    return this.pending > inflightRecords || this.#pendingBytes + this.#inflightBytes > inflightBytes
  }

  /** Resolves when the store has caught up, or the writer was stopped. */
  ready(): Promise<void> {
    if (!this.behind || this.#stopped) return Promise.resolve()
    this.#ready ??= new Promise(resolve => (this.#relieve = resolve))
    return this.#ready
  }

  /** Accepts data. Throws `EMIT_OVERFLOW` when a producer has ignored the back-pressure for too long. */
  append({ text, entry }: Encoded): void {
    if (this.#stopped) throw this.#stopped
    const { inflightRecords, inflightBytes } = this.#house.limits
    if (
      this.pending >= inflightRecords * hardFactor ||
      this.#pendingBytes + this.#inflightBytes + text.length > inflightBytes * hardFactor
    ) {
      throw new LifechartError('EMIT_OVERFLOW', `${this.pending} records wait for the store. Await emit() before the next one.`)
    }
    this.#texts.push(text)
    this.#entries.push(entry)
    this.#pendingBytes += text.length
    if (!this.#busy) this.#wake()
  }

  /** Runs a job when those before it are done. Jobs decide and {@link commit}. */
  enqueue<T>(job: () => Promise<T> | T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#jobs.push(async () => {
        if (this.#stopped) return reject(this.#stopped)
        try {
          resolve(await job())
        } catch (error) {
          reject(error)
        }
      })
      if (!this.#busy) this.#wake()
    })
  }

  /** Nothing is written from here on: what waits is rejected with the error. */
  stop(error: LifechartError): void {
    if (this.#stopped) return
    this.#stopped = error
    this.#texts = []
    this.#entries = []
    this.#pendingBytes = 0
    this.#unblock()
  }

  #wake(): void {
    this.#busy = true
    queueMicrotask(() => void this.#drain())
  }

  async #drain(): Promise<void> {
    for (;;) {
      const job = this.#jobs.shift()
      if (job) await job()
      else if (this.#texts.length > 0) await this.#flush()
      else break
    }
    this.#busy = false
  }

  /** Commits what is pending, and tells nobody when it fails: the owner was told by `overdue` or `lost`. */
  async #flush(): Promise<void> {
    try {
      await this.#write(undefined, {})
      this.#events.flushed?.()
    } catch (error) {
      if (!this.#stopped) this.stop(error as LifechartError)
    }
  }

  /**
   * Commits a step with all data that is pending in front of it. `encode` is given the step's number. `apply` runs when the
   * commit is durable and before anything of it is published. Only to be called from a job.
   */
  async commit(encode: ((seq: number) => Encoded) | undefined, draft: Draft, apply?: () => void): Promise<void> {
    while (this.#pendingBytes > commitCharacters) await this.#write(undefined, {})
    await this.#write(encode, draft, apply)
  }

  async #write(encode: ((seq: number) => Encoded) | undefined, draft: Draft, apply?: () => void): Promise<void> {
    if (this.#stopped) throw this.#stopped
    const { texts, entries } = this.#take()
    const data = texts.length
    if (encode) {
      const step = encode(this.#version + data + 1)
      texts.push(step.text)
      entries.push(step.entry)
    }
    const change: Change = { stream: this.#stream.id, kind: this.#kind, expect: this.#version, ...draft.change }
    if (texts.length > 0) change.events = texts
    const changes = draft.others ? [change, ...draft.others] : [change]
    this.#inflightRecords = texts.length
    try {
      await persist({ id: this.#house.commitId(), session: this.#house.session(), changes }, this.#persistence)
    } catch (error) {
      this.#refused(error as LifechartError, data)
      throw error
    }
    // Stopped meanwhile: what was written is read from the store by whoever follows, or by the next owner.
    if (this.#stopped) throw this.#stopped
    this.#version += texts.length
    this.#inflightRecords = 0
    this.#inflightBytes = 0
    apply?.()
    if (texts.length > 0) {
      this.#stream.publish(entries, texts)
    }
    if (!this.behind) this.#unblock()
  }

  /** What one commit can hold of the pending data. */
  #take(): { texts: Json[]; entries: Entry[] } {
    if (this.#pendingBytes <= commitCharacters) {
      const taken = { texts: this.#texts, entries: this.#entries }
      this.#inflightBytes = this.#pendingBytes
      this.#texts = []
      this.#entries = []
      this.#pendingBytes = 0
      return taken
    }
    let bytes = 0
    let count = 0
    do bytes += this.#texts[count++]?.length ?? 0
    while (count < this.#texts.length && bytes + (this.#texts[count]?.length ?? 0) <= commitCharacters)
    this.#inflightBytes = bytes
    this.#pendingBytes -= bytes
    return { texts: this.#texts.splice(0, count), entries: this.#entries.splice(0, count) }
  }

  #refused(error: LifechartError, data: number): void {
    this.#inflightRecords = 0
    this.#inflightBytes = 0
    if (error.code === 'VERSION_CONFLICT' || error.code === 'OWNED' || error.code === 'STREAM_NOT_FOUND') {
      this.stop(error)
      this.#events.lost(error)
    } else if (data > 0) this.stop(error)
    this.#unblock()
  }

  #unblock(): void {
    this.#relieve?.()
    this.#relieve = undefined
    this.#ready = undefined
  }
}
