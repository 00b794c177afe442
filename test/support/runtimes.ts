import { afterEach } from 'vitest'
import { memoryAdapter } from '../../src/adapters/memory.ts'
import type { AdapterSource } from '../../src/kernel/port.ts'
import { type Lifechart, type LifechartOptions, openLifechart } from '../../src/lifechart.ts'
import { type TestEnvironment, testEnvironment } from '../../src/testing/environment.ts'
import { type SimulatedClock, settled, simulatedClock } from '../../src/testing/simulated-clock.ts'
import { type FaultyAdapter, faultyAdapter } from './faulty-adapter.ts'

export interface Runtime {
  lifechart: Lifechart
  /** This runtime's own way to the store. */
  store: FaultyAdapter
  environment: TestEnvironment
}

/** Processes over one memory store, in one simulated time. Those still open at the end of a test are let go of. */
export class Runtimes {
  readonly clock: SimulatedClock = simulatedClock()
  readonly memory: AdapterSource = memoryAdapter()
  readonly #opened: Runtime[] = []

  /** One more process. */
  async open({
    seed = this.#opened.length + 1,
    clock = this.clock,
    ...options
  }: LifechartOptions & { seed?: number; clock?: SimulatedClock } = {}): Promise<Runtime> {
    const environment = testEnvironment({ seed, clock })
    const store = faultyAdapter(this.memory)
    const lifechart = await openLifechart({ adapter: store, ...environment, ...options })
    const runtime = { lifechart, store, environment }
    this.#opened.push(runtime)
    return runtime
  }

  /** The process dies: what the store holds back never reaches it, and its session is left to lapse. */
  crash({ lifechart }: Runtime): void {
    lifechart.kernel.crash()
  }

  end(): void {
    for (const runtime of this.#opened.splice(0)) if (!runtime.lifechart.kernel.closed) this.crash(runtime)
  }
}

/** Fresh for each test of the file. */
export function freshRuntimes(): () => Runtimes {
  let current = new Runtimes()
  afterEach(() => {
    current.end()
    current = new Runtimes()
  })
  return () => current
}

/** What a lifecycle has published by now, as `number cause event`. */
export async function published(lifecycle: {
  steps(options: {
    signal: AbortSignal
  }): AsyncIterable<{ type: 'gap' } | { type: 'step'; seq: number; cause: string; event: { type: string } }>
}): Promise<string[]> {
  const over = new AbortController()
  const seen: string[] = []
  const reading = (async () => {
    for await (const step of lifecycle.steps({ signal: over.signal })) {
      seen.push(step.type === 'gap' ? 'gap' : `${step.seq} ${step.cause} ${step.event.type}`)
    }
  })()
  await settled()
  over.abort()
  await reading
  return seen
}
