import { memoryAdapter } from '../adapters/memory.ts'
import { type Lifechart, type LifechartOptions, openLifechart } from '../index.ts'
import { type TestEnvironment, testEnvironment } from './environment.ts'

export interface TestLifechartOptions extends Omit<LifechartOptions, 'clock' | 'ids' | 'logger'> {
  /** Share the clock and the log with another runtime. */
  environment?: TestEnvironment
  /** For the ids; two runtimes over one adapter need different ones. Default 1. */
  seed?: number
}

export interface TestLifechart {
  lifechart: Lifechart
  environment: TestEnvironment
}

/** A runtime in which nothing happens by chance: memory, a simulated clock, seeded ids, and a log that is kept. */
export async function openTestLifechart({ environment, seed = 1, ...options }: TestLifechartOptions = {}): Promise<TestLifechart> {
  const used = environment ?? testEnvironment({ seed })
  const ids = environment ? testEnvironment({ seed, clock: environment.clock }).ids : used.ids
  const lifechart = await openLifechart({ adapter: memoryAdapter(), ...options, clock: used.clock, logger: used.logger, ids })
  return { lifechart, environment: used }
}
