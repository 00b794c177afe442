import { createHash } from 'node:crypto'
import type { Environment, Ids, Logger } from '../kernel/port.ts'
import { type SimulatedClock, simulatedClock } from './simulated-clock.ts'

export interface LogRecord {
  level: 'info' | 'warn' | 'error'
  message: string
  facts: Readonly<Record<string, unknown>>
}

/** An environment in which nothing happens by chance: simulated time, ids that follow from a seed, and a log that is kept. */
export interface TestEnvironment extends Environment {
  clock: SimulatedClock
  /** What was logged, oldest first. */
  log: readonly LogRecord[]
}

/** Two environments that write into one store need different seeds. Default seed 1. */
export function testEnvironment({ seed = 1, clock = simulatedClock() }: { seed?: number; clock?: SimulatedClock } = {}): TestEnvironment {
  const log: LogRecord[] = []
  return { clock, ids: seededIds(seed), logger: recordingLogger(log), log }
}

/** Sortable by creation, and the same for the same seed. */
export function seededIds(seed: number): Ids {
  let count = 0
  return () => {
    const digest = createHash('sha256').update(`${seed}/${++count}`).digest('hex')
    return `${count.toString(36).padStart(8, '0')}${digest.slice(0, 24)}`
  }
}

function recordingLogger(log: LogRecord[]): Logger {
  const record =
    (level: LogRecord['level']) =>
    (message: string, facts: Readonly<Record<string, unknown>> = {}) => {
      log.push({ level, message, facts })
    }
  return { info: record('info'), warn: record('warn'), error: record('error') }
}
