import type { LifechartError } from '../../errors.ts'
import type { Change, Commit, Index, Json } from '../port.ts'
import { Pending, type PendingLimits } from './pending.ts'
import { type Persistence, repeat, unavailable } from './persist.ts'
import type { Encoded, Entry } from './record.ts'
import type { Stream } from './stream.ts'
import type { Watchdog, Watched } from './watchdog.ts'

/** What all writers of a runtime share. */
export interface WriterHouse {
  /** A new id for each commit. */
  commitId(): string
  readonly limits: PendingLimits
  readonly persistence: Persistence
  readonly watchdog: Watchdog
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

/** A commit that is under way. */
interface Sent {
  commit: Commit
  texts: readonly Json[]
  entries: readonly Entry[]
  /** How many of them are data. */
  data: number
  apply: (() => void) | undefined
  done: () => void
  failed: (error: unknown) => void
}

const resolved = Promise.resolve()

/**
 * The one writer of a stream: a queue of jobs (steps), and data that is appended past them. One commit is under way at a
 * time; the data that arrives meanwhile becomes the next one, or goes into the next step's commit, before the step.
 */
export class Writer implements Watched {
  readonly #stream: Stream<unknown>
  readonly #kind: string
  readonly #house: WriterHouse
  readonly #events: WriterEvents
  /** Goes into the index with each commit that says nothing of it. */
  steady: Partial<Index> | undefined
  #version: number
  #jobs: (() => Promise<void>)[] = []
  readonly #pending: Pending
  #busy = false
  /** Of the commit under way: when it was sent (milliseconds), and what became of it so far. */
  #since: number | undefined
  #trouble: unknown
  #sent: Sent | undefined
  /** Makes the error only when somebody gets it: most writers end with nobody left to tell. */
  #stopped: (() => LifechartError) | undefined

  constructor(stream: Stream<unknown>, kind: string, house: WriterHouse, events: WriterEvents) {
    this.#stream = stream
    this.#kind = kind
    this.#house = house
    this.#events = events
    this.#version = stream.head
    this.#pending = new Pending(house.limits)
  }

  /** The number of the newest committed record. */
  get version(): number {
    return this.#version
  }

  /** Records that were accepted and are not committed yet. */
  get pending(): number {
    return this.#pending.records
  }

  /** Jobs that wait for their turn. */
  get queued(): number {
    return this.#jobs.length
  }

  /** The store is behind: a producer should await {@link ready}. */
  get behind(): boolean {
    return this.#pending.behind
  }

  /** Resolves when the store has caught up, or the writer was stopped. */
  ready(): Promise<void> {
    return this.#stopped ? Promise.resolve() : this.#pending.ready()
  }

  /** Those who wait for the store to catch up wait no longer. */
  letGo(): void {
    this.#pending.unblock()
  }

  /** Accepts data. Throws `EMIT_OVERFLOW` when a producer has ignored the back-pressure for too long. */
  append(record: Encoded): void {
    if (this.#stopped) throw this.#stopped()
    this.#pending.append(record)
    if (this.#busy) return
    this.#busy = true
    // Behind all that can go on without waiting: what a producer has ready becomes one commit.
    process.nextTick(this.#next)
  }

  /** Runs a job when those before it are done. Jobs decide and {@link commit}. */
  enqueue<T>(job: () => Promise<T> | T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#jobs.push(async () => {
        if (this.#stopped) return reject(this.#stopped())
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
  stop(error: () => LifechartError): void {
    if (this.#stopped) return
    this.#stopped = error
    this.#pending.drop()
    if (!this.#sent) this.#house.watchdog.forget(this)
  }

  get since(): number | undefined {
    return this.#since
  }

  overdue(): void {
    this.#events.overdue(unavailable(this.#trouble))
  }

  #wake(): void {
    this.#busy = true
    // Not queueMicrotask, which makes an async resource each time.
    void resolved.then(this.#next)
  }

  /** The next thing to do: a job, else the data that is pending, else nothing until there is something again. */
  readonly #next = (): void => {
    const job = this.#jobs.shift()
    if (job) void job().then(this.#next)
    else if (this.#pending.waiting) this.#flush()
    else this.#busy = false
  }

  /** Commits what is pending. Nobody waits for it: what goes wrong is told to the owner by `overdue` and `lost`. */
  #flush(): void {
    this.#write(undefined, {}, undefined, this.#flushed, this.#unflushed)
  }

  readonly #flushed = (): void => {
    this.#events.flushed?.()
    if (this.#pending.waiting && this.#jobs.length === 0) process.nextTick(this.#next)
    else this.#next()
  }

  readonly #unflushed = (error: unknown): void => {
    if (!this.#stopped) this.stop(() => error as LifechartError)
    this.#next()
  }

  /**
   * Commits a step with all data that is pending in front of it. `encode` is given the step's number. `apply` runs when the
   * commit is durable and before anything of it is published. Only to be called from a job.
   */
  async commit(encode: ((seq: number) => Encoded) | undefined, draft: Draft, apply?: () => void): Promise<void> {
    while (this.#pending.large) {
      await new Promise<void>((done, failed) => this.#write(undefined, {}, undefined, done, failed))
    }
    await new Promise<void>((done, failed) => this.#write(encode, draft, apply, done, failed))
  }

  /**
   * One commit. With callbacks kept in fields (there is one commit under way at a time), because this is done for every chunk:
   * each promise or closure in between would cost as much as the rest.
   */
  #write(
    encode: ((seq: number) => Encoded) | undefined,
    draft: Draft,
    apply: (() => void) | undefined,
    done: () => void,
    failed: (error: unknown) => void,
  ): void {
    if (this.#stopped) {
      failed(this.#stopped())
      return
    }
    const taken = this.#pending.take()
    const { texts, entries } = taken
    const data = texts.length
    if (encode) {
      try {
        const step = encode(this.#version + data + 1)
        texts.push(step.text)
        entries.push(step.entry)
      } catch (error) {
        this.#pending.giveBack(taken)
        failed(error)
        return
      }
    }
    const change: Change = { stream: this.#stream.id, kind: this.#kind, expect: this.#version }
    if (draft.change) Object.assign(change, draft.change)
    if (this.steady) change.index ??= this.steady
    if (texts.length > 0) change.events = texts
    const { persistence, watchdog, commitId, session } = this.#house
    const commit = { id: commitId(), session: session(), changes: draft.others ? [change, ...draft.others] : [change] }
    this.#pending.sent(texts.length)
    this.#sent = { commit, texts, entries, data, apply, done, failed }
    this.#since = persistence.clock.now()
    if (!watchdog.watches(this)) watchdog.watch(this)
    persistence.adapter.commit(commit).then(this.#committed, this.#unanswered)
  }

  readonly #committed = (): void => {
    const { texts, entries, apply, done, failed } = this.#settle()
    // Stopped meanwhile: what was written is read from the store by whoever follows, or by the next owner.
    if (this.#stopped) {
      failed(this.#stopped())
      return
    }
    this.#version += texts.length
    this.#pending.answered()
    try {
      apply?.()
      if (texts.length > 0) this.#stream.publish(entries, texts)
    } catch (error) {
      failed(error)
      return
    }
    this.#pending.relieve()
    done()
  }

  readonly #unanswered = (error: unknown): void => {
    const { commit } = this.#sent as Sent
    const note = (trouble: unknown) => {
      this.#trouble = trouble
    }
    repeat(commit, error, this.#house.persistence, note).then(this.#committed, refusal => {
      const sent = this.#settle()
      this.#refused(refusal as LifechartError, sent)
      sent.failed(refusal)
    })
  }

  /** The commit under way is answered. */
  #settle(): Sent {
    const sent = this.#sent as Sent
    this.#sent = undefined
    this.#since = undefined
    this.#trouble = undefined
    return sent
  }

  #refused(error: LifechartError, { texts, entries, data }: Sent): void {
    // The step asked for too much, and the data is not to blame.
    const innocent = error.code === 'KEY_TAKEN' || error.code === 'KEY_PRESENT'
    if (innocent) this.#pending.giveBack({ texts: texts.slice(0, data), entries: entries.slice(0, data) })
    this.#pending.answered()
    if (error.code === 'VERSION_CONFLICT' || error.code === 'OWNED' || error.code === 'STREAM_NOT_FOUND') {
      this.stop(() => error)
      this.#events.lost(error)
    } else if (data > 0 && !innocent) this.stop(() => error)
    this.#pending.unblock()
  }
}
