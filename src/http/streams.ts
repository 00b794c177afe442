import { LifechartError } from '../errors.ts'
import type { Clock } from '../kernel/environment.ts'
import type { Connection } from './connection.ts'
import type { Guard, Question } from './guard.ts'
import type { HttpLimits } from './limits.ts'

export interface StreamsOptions {
  clock: Clock
  /** The runtime was closed: nothing comes any more. */
  closed(): boolean
  guard: Guard
  limits: HttpLimits
  /** Milliseconds of silence before a comment. */
  heartbeat: number
  /** Milliseconds before it is asked again whether somebody may. */
  reauthorize: number
}

interface Entry {
  connection: Connection
  question: Question
  askAt: number
}

/** The streams that are open: how many there are, and what is due now and then in each. One timer for all, while there are any. */
export class Streams {
  readonly #options: StreamsOptions
  readonly #entries = new Set<Entry>()
  readonly #callers = new Map<string, number>()
  #reserved = 0
  #timer: unknown
  /** Milliseconds, counted by the looks: the time of day may be set, and then nobody is to be quiet or let in for longer. */
  #time = 0

  constructor(options: StreamsOptions) {
    this.#options = options
  }

  /** As of the last look, in milliseconds. */
  get time(): number {
    return this.#time
  }

  /** Makes room for one more; returns how to give it back. `STREAM_LIMIT`. */
  reserve(caller: string | undefined): () => void {
    const { streams, streamsPerCaller } = this.#options.limits
    const own = caller === undefined ? 0 : (this.#callers.get(caller) ?? 0)
    if (this.#reserved >= streams) throw full('streams', streams)
    if (own >= streamsPerCaller) throw full('streamsPerCaller', streamsPerCaller)
    this.#reserved++
    if (caller !== undefined) this.#callers.set(caller, own + 1)
    let given = false
    return () => {
      if (given) return
      given = true
      this.#reserved--
      if (caller !== undefined) this.#leave(caller)
    }
  }

  #leave(caller: string): void {
    const left = (this.#callers.get(caller) ?? 0) - 1
    if (left > 0) this.#callers.set(caller, left)
    else this.#callers.delete(caller)
  }

  /** Looks after it until the returned function is called. */
  add(connection: Connection, question: Question): () => void {
    const { clock, reauthorize } = this.#options
    const entry = { connection, question, askAt: this.#time + reauthorize }
    this.#entries.add(entry)
    this.#timer ??= this.#arm()
    return () => {
      this.#entries.delete(entry)
      if (this.#entries.size > 0) return
      clock.clearTimeout(this.#timer)
      this.#timer = undefined
    }
  }

  /** A third of what is to be noticed in time: what happens between two looks counts as of the first of them. */
  #arm(): unknown {
    const { clock, heartbeat, reauthorize, limits } = this.#options
    const pause = Math.min(heartbeat, reauthorize, limits.unread) / 3
    return clock.setTimeout(() => this.#look(pause), pause)
  }

  #look(pause: number): void {
    const { heartbeat, limits, reauthorize, closed } = this.#options
    const time = this.#time + pause
    this.#time = time
    // The last word that waits for a client is not worth a process that does not end.
    const unread = closed() ? pause : limits.unread
    this.#timer = this.#arm()
    for (const entry of [...this.#entries]) {
      entry.connection.beat(time - heartbeat / 3)
      entry.connection.drop(time - unread)
      if (time < entry.askAt) continue
      entry.askAt = time + reauthorize
      void this.#askAgain(entry)
    }
  }

  async #askAgain({ connection, question }: Entry): Promise<void> {
    try {
      if (!(await this.#options.guard.ask(question))) connection.refuse()
    } catch (error) {
      connection.interrupt(error)
    }
  }
}

function full(limit: string, most: number): LifechartError {
  return new LifechartError('STREAM_LIMIT', `limits.${limit} (${most}) streams are open. Close one, or come again later.`, {
    retryable: true,
  })
}
