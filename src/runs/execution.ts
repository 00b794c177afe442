import { isLifechartError, LifechartError } from '../errors.ts'
import { wait } from '../kernel/clock.ts'
import type { Host } from '../kernel/host/host.ts'
import { deepFreeze, encodeJson } from '../kernel/json.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { encodeData } from '../kernel/stream/record.ts'
import { Turns } from '../kernel/turns.ts'
import type { RunContext, RunMachineEvent } from '../machines/run.ts'
import { failureOf } from './events.ts'
import { discard, execute } from './producer.ts'
import type { RunSpec } from './spec.ts'

type SendBack = (event: RunMachineEvent) => void

/** What the chart holds of an execution. */
export interface Producing {
  /** The producer is told to stop. */
  abort(): void
  /** The chart left it. */
  close(): void
}

export interface ExecutionWatch {
  lateWrite(): void
  failed(error: unknown): void
}

const accepted = Promise.resolve(true)
const refused = Promise.resolve(false)

/** One execution of a run's producer: what it yields goes to the writer, what becomes of it to the chart. */
export class Execution {
  readonly #run: { readonly spec: RunSpec; readonly host: Host; readonly kernel: Kernel }
  readonly #watch: ExecutionWatch
  readonly #turns = new Turns()
  #controller: AbortController | undefined
  #closed = false
  #work: Promise<unknown> | undefined
  #overflown = false
  /** Of executions before this one. */
  #resumed = { lastSeq: 0, chunks: 0, lastChunk: undefined as unknown }

  constructor(run: { readonly spec: RunSpec; readonly host: Host; readonly kernel: Kernel }, watch: ExecutionWatch) {
    this.#run = run
    this.#watch = watch
  }

  /** The producer was opened, or was about to be. */
  get begun(): boolean {
    return this.#controller !== undefined
  }

  /** No chunk is taken any more: the end is being committed, or has been. */
  get closed(): boolean {
    return this.#closed
  }

  close(): void {
    this.#closed = true
  }

  abort(): void {
    this.#controller?.abort()
  }

  /** Says where the former owner was. */
  resume(from: { lastSeq: number; chunks: number; lastChunk: unknown }): void {
    this.#resumed = from
  }

  /** Opens the producer by a job at the end of the queue, unless it is aborted before that. */
  begin(sendBack: SendBack): Producing {
    const controller = new AbortController()
    this.#controller = controller
    let over = false
    const abort = () => controller.abort()
    this.#run.host
      .enqueue(() => {
        void this.#execute(controller.signal, event => {
          over = true
          sendBack(event)
        })
      })
      .catch(abort)
    // A producer that is over has nobody left to tell.
    return { abort, close: () => over || abort() }
  }

  async #execute(signal: AbortSignal, sendBack: SendBack): Promise<void> {
    const { producer, input, chunkBytes } = this.#run.spec
    try {
      if (signal.aborted) {
        await discard(producer)
        sendBack({ type: 'producer.returned' })
        return
      }
      const push = (data: unknown) => this.#push(data)
      const context = {
        input,
        signal,
        emit: (data: unknown) => this.#emit(data, sendBack),
        attempt: this.#run.host.journal.attempt,
        ...this.#resumed,
      }
      this.#work = execute(producer, context, { push, cleanUp: work => this.#cleanUp(work) })
      const result = await this.#work
      if (this.#overflown) return
      if (result === undefined) sendBack({ type: 'producer.returned' })
      else {
        const text = encodeJson(result, 'The result')
        if (text.length > chunkBytes)
          throw new LifechartError('CHUNK_TOO_LARGE', `A result of ${text.length} characters is over limits.chunkBytes (${chunkBytes}).`)
        sendBack({ type: 'producer.returned', result: deepFreeze(JSON.parse(text)) })
      }
    } catch (error) {
      if (this.#overflown) return
      if (!asTold(error, signal)) this.#watch.failed(error)
      sendBack({ type: 'producer.threw', error: failureOf(error) })
    }
  }

  /** Ends as the error, when the producer has cleaned up: until then no other run of the id begins. */
  #giveUp(error: LifechartError, sendBack: SendBack): void {
    this.#closed = true
    this.#overflown = true
    // Not at once: this may be the producer's own first call.
    void Promise.resolve()
      .then(() => this.#cleanUp(Promise.resolve(this.#work)))
      .then(() => sendBack({ type: 'producer.threw', error: failureOf(error) }))
  }

  /** The producer is to end: it has the grace, and what its clean-up throws is the log's. */
  async #cleanUp(work: Promise<unknown>): Promise<void> {
    const { stopGrace } = this.#run.host.snapshot.context as RunContext
    const over = new AbortController()
    this.#controller?.abort()
    const cleaned = work.catch(error => asTold(error, this.#controller?.signal) || this.#watch.failed(error))
    await Promise.race([cleaned, wait(this.#run.kernel.environment.clock, stopGrace, over.signal)])
    over.abort()
  }

  #push(data: unknown): boolean | Promise<boolean> {
    if (this.#closed || this.#run.host.released) {
      this.#watch.lateWrite()
      return false
    }
    const { writer } = this.#run.host
    writer.append(encodeData(data, this.#run.spec.chunkBytes))
    const pause = writer.behind ? writer.ready() : this.#turns.next()
    return pause ? pause.then(() => !this.#closed) : true
  }

  #emit(data: unknown, sendBack: SendBack): Promise<boolean> {
    try {
      const taken = this.#push(data)
      return typeof taken === 'boolean' ? (taken ? accepted : refused) : taken
    } catch (error) {
      // Ignoring the back-pressure is fatal; what can not be stored is the caller's to handle.
      if (isLifechartError(error, 'EMIT_OVERFLOW')) this.#giveUp(error, sendBack)
      throw error
    }
  }
}

/** True of what is thrown by whatever was given the signal: that it ends is what it was told, and no failure. */
function asTold(error: unknown, signal: AbortSignal | undefined): boolean {
  if (!signal?.aborted) return false
  return error === signal.reason || (error instanceof Error && error.name === 'AbortError')
}
