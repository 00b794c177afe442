import { isLifechartError, type LifechartError } from '../errors.ts'
import type { Feed } from '../runs/feed.ts'
import type { Turns } from '../runs/turns.ts'
import type { Pieces } from './pieces.ts'

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
    const { pieces, retry, turns, now, feed } = this.#options
    if (!this.#begun) {
      this.#begun = true
      if (pieces.framing.comments) return Buffer.from(`retry: ${retry}\n\n`)
    }
    const { cursor, runId } = feed
    try {
      for (;;) {
        // Many that catch up at once do it in turns, so that others get the event loop.
        for (let turn = cursor.behind && turns.next(); turn; turn = turns.next()) await turn
        this.#waiting = true
        const { value: batch } = await cursor.next()
        this.#waiting = false
        this.#active = now()
        if (!batch) {
          this.close()
          return undefined
        }
        const { bytes, records } = pieces.of(batch, runId)
        if (records < batch.length) cursor.giveBack(batch.from + records - 1)
        if (bytes.byteLength > 0) return bytes
      }
    } catch (error) {
      this.#waiting = false
      return this.#interrupted(error)
    }
  }

  /** The run is not over, but the client has to come again: what it is told last. */
  #interrupted(error: unknown): Uint8Array | undefined {
    if (!isLifechartError(error, 'STORE_UNAVAILABLE', 'RUNTIME_CLOSED', 'AUTHORIZE_FAILED', 'SUBSCRIBER_IDLE', 'RUN_EVICTED')) {
      this.#options.onFault(error)
    }
    this.close()
    const text = this.#options.pieces.framing.interrupted(isLifechartError(error) ? error.code : 'SERVER_FAILED')
    return text === undefined ? undefined : Buffer.from(text)
  }

  /** Keeps proxies from taking a stream that has been quiet since then for a dead one. */
  beat(since: number): void {
    if (!this.#waiting || this.#active > since || !this.#options.pieces.framing.comments) return
    this.#active = this.#options.now()
    this.carrier?.send(comment)
  }

  /** Gives up on a client that has taken nothing since then. */
  drop(since: number): void {
    if (this.#waiting || this.#active > since) return
    this.close()
    this.carrier?.abort()
  }

  /** The client is to come again: it is told why, behind what it was given so far. */
  interrupt(error: LifechartError): void {
    this.#options.feed.cursor.close(error)
  }

  /** Ends it: nobody reads it any more, or nobody may. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#asking?.removeEventListener('abort', this.#leave)
    void this.#options.feed.cursor.return()
    this.#options.onClose()
  }
}
