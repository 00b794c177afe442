import type { RunEvent } from '../runs/events.ts'
import { backoff, retryAfter } from './backoff.ts'
import { ambientClock, type FollowClock } from './clock.ts'
import { type ConnectionOptions, connect } from './connection.ts'
import { ConnectionLost, FollowError } from './error.ts'
import { createPatience } from './patience.ts'
import { pause } from './pause.ts'
import type { Position } from './position.ts'
import { createReception } from './reception.ts'
import { eventStream } from './sse.ts'

export interface FollowOptions extends ConnectionOptions {
  /** Where to go on: behind the event of this number, or of a saved {@link Following.cursor}. Default: from the first event. */
  after?: number | string
  /** Ends the loop quietly, at any moment. */
  signal?: AbortSignal
  /** Told which events no longer exist, both inclusive; without it they come as an event of the type `gap`. What it throws ends the loop. */
  onGap?: (gap: { from: number; to: number }) => void
  /** Told that a connection stands, the first one and each that follows. What it throws ends the loop. */
  onConnect?: () => void
  /** Told why a connection is over before the run is, and when the next one begins. What it throws ends the loop. */
  onDisconnect?: (disconnection: Disconnection) => void
  /** For tests: a simulated clock. */
  clock?: FollowClock
}

export interface Disconnection {
  error: FollowError
  /** Milliseconds until the next connection. */
  delay: number
}

/** The events of a run, each once and in order. For one loop; leaving the loop closes the connection. */
export interface Following extends AsyncIterableIterator<RunEvent> {
  /** `<runId>:<seq>` of the newest event that was handed out; undefined before the first one of a run that is not known. */
  readonly cursor: string | undefined
  readonly runId: string | undefined
  return(): Promise<IteratorResult<RunEvent>>
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Follows a run over HTTP to its end, across any number of connections. Connects at the first `next`.
 * Throws {@link FollowError} with `CURSOR_INVALID` or `INVALID_OPTION`; the loop throws it for an answer that will not change.
 */
export function follow(url: string | URL, options: FollowOptions = {}): Following {
  const { after, signal, onGap, onConnect, onDisconnect, timeout, clock = ambientClock } = options
  if (timeout !== undefined && !(timeout > 0)) throw new FollowError('`timeout` has to be a number above 0.', { code: 'INVALID_OPTION' })
  const address = parse(url)
  const reception = createReception(after)
  const patience = createPatience(clock)
  let retry = 1_000
  let failures = 0
  let isTaken = false

  async function* events(): AsyncGenerator<RunEvent, void> {
    if (signal?.aborted) return
    signal?.addEventListener('abort', end)
    try {
      for (;;) {
        const { seq } = reception.position
        const connection = connect(addressFrom(reception.position), patience, options)
        let loss: ConnectionLost
        try {
          const read = await connection.open()
          if (!read) return
          onConnect?.()
          const frames = eventStream(hint => {
            retry = hint
          })
          while (!reception.hasEnd) {
            for (const event of reception.events(frames(await read()))) {
              if (event.type === 'gap' && onGap) onGap({ from: event.from, to: event.to })
              else yield event
              if (patience.hasEnded) return
            }
          }
          return
        } catch (error) {
          if (patience.hasEnded || !(error instanceof ConnectionLost)) throw error
          loss = error
        } finally {
          connection.close()
        }
        failures = reception.position.seq > seq ? 1 : failures + 1
        await recover(loss)
      }
    } catch (error) {
      // Whoever told us to stop is not told that we did.
      if (!patience.hasEnded || !(error instanceof FollowError)) throw error
    } finally {
      signal?.removeEventListener('abort', end)
    }
  }

  async function recover(error: ConnectionLost): Promise<void> {
    const least = retryAfter(error.retryAfter, clock.now())
    const delay = backoff({ retry, failures, least, chance: clock.random() })
    onDisconnect?.({ error, delay })
    await pause(delay, least === 0, clock, patience)
  }

  /** In the query, not in a header: a browser would ask another origin for its leave first. */
  function addressFrom({ runId, seq }: Position): string {
    if (runId !== undefined) address.searchParams.set('runId', runId)
    if (runId !== undefined || seq > 0) address.searchParams.set('after', runId === undefined ? String(seq) : `${runId}:${seq}`)
    return address.href
  }

  function end(): Promise<IteratorResult<RunEvent, void>> {
    patience.end()
    return running.return()
  }

  const running = events()
  return {
    get cursor() {
      const { runId, seq } = reception.position
      return runId === undefined ? undefined : `${runId}:${seq}`
    },
    get runId() {
      return reception.position.runId
    },
    next: () => running.next(),
    return: end,
    [Symbol.asyncIterator]() {
      if (isTaken) throw new FollowError('These events are followed already; follow the run again.', { code: 'ALREADY_FOLLOWED' })
      isTaken = true
      return this
    },
    async [Symbol.asyncDispose]() {
      await end()
    },
  }
}

function parse(url: string | URL): URL {
  const { location } = globalThis as { location?: { href: string } }
  let cause: unknown
  try {
    const address = new URL(url, location?.href)
    // `localhost:3000/…` is a URL, of the scheme `localhost`; and fetch takes none with a password. Both would be tried for ever.
    if (address.host && !address.username && !address.password) return address
  } catch (error) {
    cause = error
  }
  throw new FollowError('`url` is not the address of a run.', { code: 'INVALID_OPTION', cause })
}
