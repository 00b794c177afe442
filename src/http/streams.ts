import { LifechartError } from '../errors.ts'
import type { Clock } from '../kernel/environment.ts'
import type { Connection } from './connection.ts'
import type { Guard, Question } from './guard.ts'
import type { HttpLimits } from './limits.ts'

export interface StreamsOptions {
  clock: Clock
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

  constructor(options: StreamsOptions) {
    this.#options = options
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
    const entry = { connection, question, askAt: clock.now() + reauthorize }
    this.#entries.add(entry)
    this.#timer ??= this.#arm()
    return () => {
      this.#entries.delete(entry)
      if (this.#entries.size > 0) return
      clock.clearTimeout(this.#timer)
      this.#timer = undefined
    }
  }

  /** Half of what is to be noticed in time. */
  #arm(): unknown {
    const { clock, heartbeat, reauthorize, limits } = this.#options
    return clock.setTimeout(() => this.#look(), Math.min(heartbeat, reauthorize, limits.unread) / 2)
  }

  #look(): void {
    const { clock, heartbeat, limits, reauthorize } = this.#options
    const now = clock.now()
    this.#timer = this.#arm()
    for (const entry of [...this.#entries]) {
      entry.connection.beat(now - heartbeat / 2)
      entry.connection.drop(now - limits.unread)
      if (now < entry.askAt) continue
      entry.askAt = now + reauthorize
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
