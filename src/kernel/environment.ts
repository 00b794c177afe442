/** Time, as the runtime sees it: injected once, so that a simulated clock drives everything. All times are milliseconds. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  setTimeout(callback: () => void, delay: number): unknown
  clearTimeout(timer: unknown): void
}

/** Structured log: a constant message and facts. No chunk data, messages or credentials are ever passed. */
export interface Logger {
  info(message: string, facts?: Readonly<Record<string, unknown>>): void
  warn(message: string, facts?: Readonly<Record<string, unknown>>): void
  error(message: string, facts?: Readonly<Record<string, unknown>>): void
}

/** Makes identifiers: unique for ever, sortable by creation, with at least 96 random bits. */
export type Ids = () => string

/** What the runtime injects into everything that it opens. */
export interface Environment {
  clock: Clock
  logger: Logger
  ids: Ids
}
