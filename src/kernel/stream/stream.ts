import { LifechartError } from '../../errors.ts'
import type { Json } from '../port.ts'
import { type Page, readBacklog } from './backlog.ts'
import { Batch } from './batch.ts'
import type { Presentation, StreamHouse } from './house.ts'
import type { Entry } from './record.ts'
import { Window } from './window.ts'

/** A position that gets what is published at once. */
export interface PushedFollower<E> {
  /** `before` is the number of the record before the batch. */
  publish(batch: Batch<E>, before: number): void
  /** The stream has ended or failed: nothing may follow. */
  settle(): void
  close(error?: LifechartError): void
}

/** A position that asks for what is next. */
export interface PulledFollower {
  /** It was parked, and something happened. */
  wake(): void
  /** True if it has asked for nothing since `since`. */
  idle(now: number, since: number): boolean
  close(error?: LifechartError): void
}

/** Most streams of a busy process have no followers; they share this, and it stays empty. */
const nobody = new Set<never>()

/**
 * What followers see of a stream: the published records, numbered from 1 without holes. Records get here after their commit,
 * from the writer when this process owns the stream, from the tail when another one does.
 */
export class Stream<E> {
  readonly id: string
  readonly house: StreamHouse
  readonly window: Window
  readonly presentation: Presentation<E>
  #sinks: Set<PushedFollower<E>> = nobody
  #readers: Set<PulledFollower> = nobody
  #sleeping: PulledFollower[] = []
  #newest: Batch<E> | undefined
  #ended = false
  #failure: LifechartError | undefined
  #disposed = false
  #holds = 0
  #letGo: (() => void) | undefined
  #closings: (() => void)[] | undefined
  /** Looks for records that another process committed; set while the stream is not ours. */
  refresh: (() => Promise<void>) | undefined
  /** Called when a follower came or left, with how many there are. */
  onAudience: ((followers: number) => void) | undefined
  /** Called when the last one who needed it is gone. */
  onIdle: (() => void) | undefined

  constructor(id: string, head: number, house: StreamHouse, presentation: Presentation<E>) {
    this.id = id
    this.house = house
    this.presentation = presentation
    this.window = new Window(head, house.limits, house.budget)
  }

  /** The number of the newest published record. */
  get head(): number {
    return this.window.head
  }

  get ended(): boolean {
    return this.#ended
  }

  get failure(): LifechartError | undefined {
    return this.#failure
  }

  /** Followers of both kinds. */
  get audience(): number {
    return this.#sinks.size + this.#readers.size
  }

  /** Makes committed records visible to everybody. */
  publish(entries: readonly Entry[], texts: readonly Json[]): void {
    const before = this.head
    this.window.push(entries, texts)
    this.#failure = undefined
    if (this.audience === 0) {
      this.#newest = undefined
      return
    }
    // The window may be smaller than the commit: followers that are live get the records as they came.
    this.#announce(new Batch({ entries, texts }, before + 1, this.presentation.project), before)
  }

  /** The records up to `to` left the store before they were read here: followers get one gap where they would have been. */
  skip(to: number): void {
    const before = this.head
    this.window.skip(to)
    this.#failure = undefined
    this.#announce(this.#gap(before, to), before)
  }

  #announce(batch: Batch<E>, before: number): void {
    this.#newest = batch
    for (const sink of this.#sinks) sink.publish(batch, before)
    this.#wake()
  }

  #gap(after: number, to: number): Batch<E> {
    return Batch.gap(after + 1, to, this.presentation.gap(after + 1, to))
  }

  /** No record will follow: followers end behind the last one. */
  end(): void {
    this.#ended = true
    for (const sink of this.#sinks) sink.settle()
    this.#wake()
    this.#closed()
  }

  /** Resolves when the stream has ended, or is not followed here any more. */
  whenClosed(): Promise<void> {
    if (this.#ended || this.#disposed) return Promise.resolve()
    return new Promise(resolve => {
      this.#closings ??= []
      this.#closings.push(resolve)
    })
  }

  #closed(): void {
    for (const resolve of this.#closings ?? []) resolve()
    this.#closings = undefined
  }

  /** The store does not answer: followers are told once they have seen all that is published. A later commit clears it. */
  fail(error: LifechartError): void {
    this.#failure = error
    for (const sink of this.#sinks) sink.settle()
    this.#wake()
  }

  /** Everybody is closed, with the error if there is one. */
  dispose(error?: LifechartError): void {
    for (const sink of [...this.#sinks]) sink.close(error)
    for (const reader of [...this.#readers]) reader.close(error)
    this.window.dispose()
    this.#newest = undefined
    this.#disposed = true
    if (error) this.#failure = error
    this.#closed()
  }

  /** Readers that have asked for nothing since `since` (milliseconds) are closed with `SUBSCRIBER_IDLE`. */
  closeIdleReaders(since: number): void {
    const now = this.house.now()
    for (const reader of [...this.#readers]) {
      if (!reader.idle(now, since)) continue
      reader.close(
        new LifechartError(
          'SUBSCRIBER_IDLE',
          `Nothing was read from ${this.id} for too long. Subscribe again with the last number you have.`,
        ),
      )
    }
  }

  /** The records behind `after`: from the window, else from the store, else a gap. Only called while `after` is below the head. */
  batchAfter(after: number, page?: Page): Batch<E> | Promise<Batch<E>> {
    const { window } = this
    const newest = this.#newest
    if (newest && newest.from === after + 1) return newest
    if (after < window.base) return readBacklog(this, after, page)
    const entries = window.after(after)
    if (entries.length === 0) return this.#gap(after, window.behindHole(after))
    const batch = new Batch({ entries }, after + 1, this.presentation.project)
    if (batch.to === window.head) this.#newest = batch
    return batch
  }

  /** Refuses a position that is not one of this stream. */
  checkCursor(after: number): LifechartError | undefined {
    if (!Number.isSafeInteger(after) || after < 0) {
      return new LifechartError('CURSOR_INVALID', `${String(after)} is not a position. Use the number of the last event you have, or 0.`)
    }
    if (after > this.head) {
      return new LifechartError('CURSOR_AHEAD', `Position ${after} is beyond the newest event (${this.head}) of ${this.id}.`, {
        details: { head: this.head },
      })
    }
    return undefined
  }

  /** A sink joins; throws `SUBSCRIBER_LIMIT` when there are too many followers. */
  admitSink(sink: PushedFollower<E>): void {
    this.#assertRoom()
    if (this.#sinks === nobody) this.#sinks = new Set()
    this.#sinks.add(sink)
    this.#retain()
    this.onAudience?.(this.audience)
  }

  /** A reader joins; throws `SUBSCRIBER_LIMIT` when there are too many followers. */
  admitReader(reader: PulledFollower): void {
    this.#assertRoom()
    if (this.#readers === nobody) this.#readers = new Set()
    this.#readers.add(reader)
    this.#retain()
    this.onAudience?.(this.audience)
  }

  #assertRoom(): void {
    const { subscribers } = this.house.limits
    if (this.audience < subscribers) return
    const text = `${this.id} has ${this.audience} subscribers, the most that limits.subscribers allows.`
    throw new LifechartError('SUBSCRIBER_LIMIT', text, { retryable: true })
  }

  releaseSink(sink: PushedFollower<E>): void {
    if (this.#sinks.delete(sink)) this.#left()
  }

  releaseReader(reader: PulledFollower): void {
    if (this.#readers.delete(reader)) this.#left()
  }

  #left(): void {
    this.onAudience?.(this.audience)
    this.#settleDown()
  }

  #retain(): void {
    this.#letGo ??= this.house.hold(this.id)
  }

  #settleDown(): void {
    if (this.needed) return
    this.#letGo?.()
    this.#letGo = undefined
    this.onIdle?.()
  }

  /** Keeps it followed for one who waits and does not read; returns how to let go. */
  hold(): () => void {
    let held = true
    this.#holds++
    this.#retain()
    return () => {
      if (!held) return
      held = false
      this.#holds--
      this.#settleDown()
    }
  }

  /** Somebody reads it, or waits for something in it. */
  get needed(): boolean {
    return this.audience + this.#holds > 0
  }

  /** The reader waits for the next publish. */
  park(reader: PulledFollower): void {
    this.#sleeping.push(reader)
  }

  #wake(): void {
    const sleeping = this.#sleeping
    if (sleeping.length === 0) return
    this.#sleeping = []
    for (const reader of sleeping) reader.wake()
  }
}
