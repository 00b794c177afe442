import { isLifechartError, LifechartError } from '../../errors.ts'
import { errorText } from '../error-text.ts'
import type { Batch } from './batch.ts'
import type { FollowOptions } from './cursor.ts'
import type { PushedFollower, Stream } from './stream.ts'

/** Gets what one commit published, at once; one that throws is closed with its error. */
export type Sink<E> = (batch: Batch<E>) => void

export interface SinkOptions extends FollowOptions {
  /** Called once when the subscription is over: behind the end, when closed, or with the error that ended it. */
  onClose?: (error?: LifechartError) => void
}

/** What {@link follow} gives back. */
export interface Following extends Disposable {
  close(): void
}

/** A position that is pushed: the sink is called synchronously, once per commit. */
export class SinkCursor<E> implements Following, PushedFollower<E> {
  readonly #stream: Stream<E>
  readonly #sink: Sink<E>
  readonly #onClose: ((error?: LifechartError) => void) | undefined
  #unheard: (() => void) | undefined
  #at: number
  #live = false
  #closed = false

  constructor(stream: Stream<E>, sink: Sink<E>, { after = 0, signal, onClose }: SinkOptions) {
    this.#stream = stream
    this.#sink = sink
    this.#at = after
    this.#onClose = onClose
    if (signal?.aborted) {
      this.#closed = true
      onClose?.()
      return
    }
    // A position that is none never joins: catching up says what is wrong.
    if (stream.refresh || !stream.checkCursor(after)) stream.admitSink(this)
    if (signal) {
      const abort = () => this.close()
      signal.addEventListener('abort', abort, { once: true })
      this.#unheard = () => signal.removeEventListener('abort', abort)
    }
    void this.#catchUp()
  }

  /** Delivers what was published before, then hands over to {@link publish} without a turn of the loop in between. */
  async #catchUp(): Promise<void> {
    const stream = this.#stream
    try {
      let wrong = stream.checkCursor(this.#at)
      if (wrong?.code === 'CURSOR_AHEAD' && stream.refresh) {
        await stream.refresh()
        wrong = stream.checkCursor(this.#at)
      }
      if (wrong) throw wrong
      await undefined
      while (!this.#closed && this.#at < stream.head) {
        const found = stream.batchAfter(this.#at)
        const batch = found instanceof Promise ? await found : found
        this.#deliver(batch)
      }
      this.#live = true
      this.settle()
    } catch (error) {
      this.close(isLifechartError(error) ? error : failed(error))
    }
  }

  publish(batch: Batch<E>, before: number): void {
    if (this.#live && this.#at === before) this.#deliver(batch)
  }

  #deliver(batch: Batch<E>): void {
    if (this.#closed) return
    this.#at = batch.to
    try {
      this.#sink(batch)
    } catch (error) {
      this.#stream.house.logger.warn('A sink threw and was closed.', { stream: this.#stream.id, error: errorText(error) })
      this.close(failed(error))
    }
  }

  /** Closes it if the stream has ended or failed and everything was delivered. */
  settle(): void {
    if (!this.#live || this.#at < this.#stream.head) return
    if (this.#stream.failure) this.close(this.#stream.failure)
    else if (this.#stream.ended) this.close()
  }

  close(error?: LifechartError): void {
    if (this.#closed) return
    this.#closed = true
    this.#unheard?.()
    this.#stream.releaseSink(this)
    try {
      this.#onClose?.(error)
    } catch (thrown) {
      this.#stream.house.logger.warn('The onClose of a sink threw.', { stream: this.#stream.id, error: String(thrown) })
    }
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

function failed(cause: unknown): LifechartError {
  return new LifechartError('SUBSCRIBER_FAILED', 'The subscriber threw; it was closed. The stream goes on.', { cause })
}
