import { nextTurn } from '../kernel/turns.ts'

/** What a producer is given. */
export interface ProducerContext {
  readonly input: unknown
  /** Aborted when the run is told to stop. Pass it on to whatever you await. */
  readonly signal: AbortSignal
  /**
   * Adds a chunk: JSON or a Uint8Array. Resolves when the next one may come, with false when the run is over. Throws
   * `NOT_SERIALIZABLE`, `CHUNK_TOO_LARGE` and, when its promise was ignored for too long, `EMIT_OVERFLOW`.
   */
  emit(data: unknown): Promise<boolean>
  /** 1, and one more for each owner before this one that was lost. */
  readonly attempt: number
  /** The number of the last record before this execution. */
  readonly lastSeq: number
  /** How many chunks earlier executions emitted. */
  readonly chunks: number
  /** The last of them. */
  readonly lastChunk: unknown
}

export type ProducerFunction = (context: ProducerContext) => AsyncIterable<unknown> | Iterable<unknown> | Promise<unknown> | unknown

/** A function, or a ready-made async iterable (which can not be interrupted while it waits, nor resumed). */
export type Producer = ProducerFunction | AsyncIterable<unknown>

/** Adds a chunk; a promise only when the store is behind. */
export type Push = (data: unknown) => boolean | Promise<boolean>

export function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value
}

/** A generator object, say; an array is a value. */
function isIterator(value: unknown): value is Iterator<unknown> & Iterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.iterator in value && 'next' in value && typeof value.next === 'function'
}

/** What the run does for its producer. */
export interface Outlet {
  push: Push
  /** Waits for the clean-up of a producer that is to end, and no longer than the run's grace. */
  cleanUp(work: Promise<void>): Promise<void>
}

/** Runs a producer to its end and returns its result. What it throws is thrown. */
export async function execute(producer: Producer, context: ProducerContext, outlet: Outlet): Promise<unknown> {
  const made = typeof producer === 'function' ? await producer(context) : producer
  if (isAsyncIterable(made)) return pump(made[Symbol.asyncIterator](), context.signal, outlet)
  if (isIterator(made)) return pump(made[Symbol.iterator](), context.signal, outlet)
  return made
}

/** Ends an iterable that was never begun, so that what it holds is let go. */
export async function discard(producer: Producer): Promise<void> {
  if (typeof producer !== 'function') await producer[Symbol.asyncIterator]().return?.()
}

/** A clean-up that yields so often, though nothing is taken any more, never ends: it is left. */
const mostRefused = 1024

type AnyIterator = Pick<AsyncIterator<unknown>, 'next' | 'return'> | Pick<Iterator<unknown>, 'next' | 'return'>

/**
 * Pulls at the pace of the store. When the run is told to stop, the iterator is returned at its next turn, so that its
 * `finally` runs once, and to its end; what it yields there is kept as long as the run takes it.
 */
async function pump(iterator: AnyIterator, signal: AbortSignal, { push, cleanUp }: Outlet): Promise<unknown> {
  let returned = false
  let refused = 0
  let step = await iterator.next()
  while (!step.done) {
    let taken: boolean
    try {
      const pushed = push(step.value)
      taken = typeof pushed === 'boolean' ? pushed : await pushed
    } catch (error) {
      // What can not be taken is what ends the run, whatever the clean-up does.
      await cleanUp(finish(iterator))
      throw error
    }
    if ((signal.aborted || !taken) && !returned && iterator.return) {
      returned = true
      step = await iterator.return()
    } else if (taken) step = await iterator.next()
    else if (returned && refused++ < mostRefused) step = await nextInTurn(iterator)
    else return undefined
  }
  return step.value
}

/** Runs the `finally` of an iterator to its end; what it yields there is not taken any more. */
async function finish(iterator: AnyIterator): Promise<void> {
  let step = await iterator.return?.()
  for (let n = 0; step && !step.done && n < mostRefused; n++) step = await nextInTurn(iterator)
}

/** Others get the event loop: a clean-up that yields without end must not have it. */
async function nextInTurn(iterator: AnyIterator): Promise<IteratorResult<unknown>> {
  await nextTurn()
  return iterator.next()
}
