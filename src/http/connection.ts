import { isLifechartError } from '../errors.ts'
import type { Batch } from '../kernel/stream/batch.ts'
import type { Turns } from '../kernel/turns.ts'
import type { RunEvent } from '../runs/events.ts'
import type { Feed } from '../runs/feed.ts'
import type { Pieces } from './pieces.ts'
import type { Kept, Shelf } from './shelf.ts'

const comment = Buffer.from(': \n\n')

/** What carries the pieces to the client. */
export interface Carrier {
  /** Writes at once, in the midst of a {@link Connection.next}. */
  send(bytes: Uint8Array): void
  /** What is still on its way is not waited for. */
  abort(): void
}

export interface ConnectionOptions {
  feed: Feed
  pieces: Pieces
  turns: Turns
  shelf: Shelf
  /** Milliseconds that a client waits before it connects again. */
  retry: number
  now(): number
  /** Called once, when the run is no longer followed for it. */
  onClose(): void
  /** Told of what is wrong here, and not with the store or with what was asked for. */
  onFault(error: unknown): void
}

/**
 * One client that follows a run. It is pulled: a piece is made when the one before is gone, so what a slow client does not have yet
 * is a position in the stream and nothing else.
 */
export class Connection {
  readonly #options: ConnectionOptions
  carrier: Carrier | undefined
  #begun = false
  #closed = false
  #waiting = false
  /** When something was last made for it, or sent, in milliseconds. */
  #active: number
  #asking: AbortSignal | undefined
  readonly #leave = () => this.close()

  constructor(options: ConnectionOptions) {
    this.#options = options
    this.#active = options.now()
  }

  /** Ends with what it was asked by: a client that leaves before it is answered is noticed by nothing else. */
  endWith(signal: AbortSignal): void {
    this.#asking = signal
    if (signal.aborted) this.close()
    else signal.addEventListener('abort', this.#leave)
  }

  /** What is to be written next; undefined when that was all. Asked for again when it has been written. */
  async next(): Promise<Uint8Array | undefined> {
    const { retry, feed } = this.#options
    if (!this.#begun) {
      this.#begun = true
      return Buffer.from(`retry: ${retry}\n\n`)
    }
    try {
      while (!this.#closed) {
        // What is live is asked for here: each function in between would cost another turn of promises for each event.
        const bytes = feed.cursor.behind ? await this.#old() : this.#bytesOf((await this.#asked()).value)
        if (bytes && bytes.byteLength > 0) return bytes
      }
      return undefined
    } catch (error) {
      return this.#interrupted(error)
    } finally {
      this.#waiting = false
    }
  }

  /** Many that catch up at once do it in turns, so that others get the event loop, and share what they read. */
  async #old(): Promise<Uint8Array | undefined> {
    const { turns, feed, shelf } = this.#options
    const { cursor, runId } = feed
    for (let turn = turns.next(); turn; turn = turns.next()) await turn
    const { position } = cursor
    let kept = shelf.get(runId, position)
    for (let coming = shelf.coming(runId, position); coming && !kept; coming = shelf.coming(runId, position)) {
      kept = await this.#another(coming)
    }
    if (this.#closed) return undefined
    if (kept) {
      cursor.moveTo(kept.to)
      return this.#made(kept.bytes)
    }
    const piece = await shelf.fill(runId, position, async () => {
      const { value } = await this.#asked()
      this.#waiting = false
      // Once more: the others that had their turn then have read meanwhile, too.
      for (let turn = turns.next(); turn; turn = turns.next()) await turn
      const bytes = this.#bytesOf(value)
      return bytes && { bytes, to: cursor.position }
    })
    return piece?.bytes
  }

  /** What another client reads at the moment, and this one wants as well. */
  async #another(coming: Promise<Kept | undefined>): Promise<Kept | undefined> {
    this.#waiting = true
    const kept = await coming
    this.#waiting = false
    // All who waited go on at once.
    const { turns } = this.#options
    for (let turn = turns.next(); turn; turn = turns.next()) await turn
    return kept
  }

  #asked(): Promise<IteratorResult<Batch<RunEvent>, undefined>> {
    this.#waiting = true
    return this.#options.feed.cursor.next()
  }

  #bytesOf(batch: Batch<RunEvent> | undefined): Uint8Array | undefined {
    this.#waiting = false
    if (!batch) {
      this.close()
      return undefined
    }
    const { feed, pieces } = this.#options
    const { bytes, records } = pieces.of(batch, feed.runId)
    if (records < batch.length) feed.cursor.moveTo(batch.from + records - 1)
    return this.#made(bytes)
  }

  #made(bytes: Uint8Array): Uint8Array {
    this.#active = this.#options.now()
    return bytes
  }

  /** The run is not over, but the client has to come again: what it is told last. */
  #interrupted(error: unknown): Uint8Array | undefined {
    if (!isLifechartError(error, 'STORE_UNAVAILABLE', 'RUNTIME_CLOSED', 'AUTHORIZE_FAILED', 'SUBSCRIBER_IDLE', 'RUN_EVICTED')) {
      this.#options.onFault(error)
    }
    this.close()
    const text = this.#options.pieces.framing.interrupted(isLifechartError(error) ? error.code : 'SERVER_FAILED')
    if (text !== undefined) return Buffer.from(text)
    // No words for it: an answer that is complete would be taken for the end of the run.
    this.carrier?.abort()
    return undefined
  }

  /** Keeps proxies from taking a stream that has been quiet since before then for a dead one. */
  beat(since: number): void {
    if (!this.#waiting || this.#active >= since) return
    this.#active = this.#options.now()
    this.carrier?.send(comment)
  }

  /** Gives up on a client that has taken nothing since before then. */
  drop(since: number): void {
    if (!this.#waiting && this.#active < since) this.refuse()
  }

  /** Its client may no longer follow. What is on its way is not waited for, and the answer is not complete where that would be an end. */
  refuse(): void {
    const quietly = this.#waiting && this.#options.pieces.framing.marksEnd
    this.close()
    if (!quietly) this.carrier?.abort()
  }

  /** The client is to come again: it is told why, behind what it was given so far. */
  interrupt(error: unknown): void {
    this.#options.feed.cursor.close(error)
  }

  /** Ends it: nobody reads it any more. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#asking?.removeEventListener('abort', this.#leave)
    void this.#options.feed.cursor.return()
    this.#options.onClose()
  }
}
