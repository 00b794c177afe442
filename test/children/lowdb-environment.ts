import { randomUUID } from 'node:crypto'
import { writeSync } from 'node:fs'
import type { Environment } from 'lifechart/port'

const silent = () => {}

/** Real time and unique ids, for stores that several processes open. */
export const realEnvironment: Environment = {
  clock: {
    now: () => Date.now(),
    setTimeout: (callback, delay) => setTimeout(callback, delay),
    clearTimeout: timer => clearTimeout(timer as NodeJS.Timeout),
  },
  ids: randomUUID,
  logger: { info: silent, warn: silent, error: silent },
}

/** One line of JSON to the parent, written before it returns: a process that is killed next has still said it. */
export function say(message: unknown): void {
  writeSync(1, `${JSON.stringify(message)}\n`)
}
