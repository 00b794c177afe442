import { afterEach, beforeEach, expect } from 'vitest'
import { memoryAdapter } from '../../src/adapters/memory.ts'
import type { AdapterSource } from '../../src/kernel/port.ts'
import { type Lifechart, type LifechartOptions, openLifechart } from '../../src/lifechart.ts'
import type { RunEvent } from '../../src/runs/events.ts'
import type { ProducerContext } from '../../src/runs/producer.ts'
import { type TestEnvironment, testEnvironment } from '../../src/testing/environment.ts'
import { type SimulatedClock, simulatedClock } from '../../src/testing/simulated-clock.ts'
import { type FaultyAdapter, faultyAdapter } from '../support/faulty-adapter.ts'

/** One process: its runtime, its own way to the store, and what it logged. */
export interface Process {
  lifechart: Lifechart
  runs: Lifechart['runs']
  store: FaultyAdapter
  clock: SimulatedClock
  log: TestEnvironment['log']
}

type ProcessOptions = Omit<LifechartOptions, 'adapter'> & {
  clock?: SimulatedClock
  /** Another runtime of the same process: both use one adapter. */
  beside?: Process
}

/** Processes over one store in one simulated time; all are gone when the test is over. */
export interface Processes {
  clock: SimulatedClock
  open(options?: ProcessOptions): Promise<Process>
}

/** The store is memory; a durable one outlives the processes that use it. A rejection that nobody takes fails the test. */
export function processes({ durable = false } = {}): Processes {
  let source: AdapterSource
  let opened: Lifechart[]
  let clock: SimulatedClock
  const unheard: unknown[] = []
  const listen = (reason: unknown) => unheard.push(reason)

  beforeEach(() => {
    source = { ...memoryAdapter(), durable }
    opened = []
    clock = simulatedClock()
    unheard.length = 0
    process.on('unhandledRejection', listen)
  })
  afterEach(async () => {
    for (const lifechart of opened) if (!lifechart.kernel.closed) lifechart.kernel.crash()
    await new Promise(resolve => setImmediate(resolve))
    process.off('unhandledRejection', listen)
    expect(unheard).toEqual([])
  })

  return {
    get clock() {
      return clock
    },
    async open({ beside, ...options } = {}) {
      const environment = testEnvironment({ seed: opened.length + 1, clock: options.clock ?? clock })
      const store = beside?.store ?? faultyAdapter(source)
      const lifechart = await openLifechart({ ...environment, ...options, adapter: store })
      opened.push(lifechart)
      return { lifechart, runs: lifechart.runs, store, clock: environment.clock, log: environment.log }
    },
  }
}

export async function collect<T>(events: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const event of events) all.push(event)
  return all
}

/** Reads in the background and keeps what came, and how it ended. */
export class Reader<T = RunEvent> {
  readonly events: T[] = []
  error: unknown
  over = false
  readonly done: Promise<void>

  constructor(events: AsyncIterable<T>) {
    this.done = this.#read(events)
  }

  async #read(events: AsyncIterable<T>): Promise<void> {
    try {
      for await (const event of events) this.events.push(event)
    } catch (error) {
      this.error = error
    }
    this.over = true
  }
}

/** The data of the chunks among the events. */
export function chunks(events: readonly RunEvent[]): unknown[] {
  return events.flatMap(event => (event.type === 'chunk' ? [event.data] : []))
}

/** The numbers of the events; a gap counts as none. */
export function numbers(events: readonly RunEvent[]): number[] {
  return events.flatMap(event => (event.type === 'gap' ? [] : [event.seq]))
}

export const upTo = (last: number, first = 1): number[] => Array.from({ length: last - first + 1 }, (_, i) => first + i)

export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

/** A promise that is kept from outside. */
export function latch<T = void>() {
  let open!: (value: T) => void
  const opened = new Promise<T>(resolve => {
    open = resolve
  })
  return { open, opened }
}

/** At work until it is told to stop. */
export const patient = ({ signal }: ProducerContext): Promise<void> => aborted(signal)

/** Does not listen to the signal and never returns. */
export const deaf = (): Promise<never> => new Promise(() => undefined)

/** Emits each of the values and returns. */
export const emits = (...values: unknown[]) =>
  async function* () {
    yield* values
  }

/** Emits the values, then is at work until it is told to stop. */
export const emitsAndStays = (...values: unknown[]) =>
  async function* ({ signal }: ProducerContext) {
    yield* values
    await aborted(signal)
  }

export const codeOf = (code: string) => expect.objectContaining({ code })

/** What the call throws or rejects with; undefined when it does neither. */
export async function errorOf(call: () => unknown): Promise<unknown> {
  try {
    await call()
    return undefined
  } catch (error) {
    return error
  }
}
