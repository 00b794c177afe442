/** What a benchmark asks of a server, whatever it is made of. */
export interface BenchServer {
  /** The port on loopback that it listens at. */
  readonly port: number
  /** A run that begins to emit when it is told to: `burst` events in each turn of the event loop. */
  prepare(id: string, events: number, burst: number): Promise<void>
  /** Resolves when all of them are emitted, with how many milliseconds that took. */
  emit(): Promise<number>
}

/** `direct` writes to the socket, `response` goes through a web `Response`, `plain` is node:http and nothing else. */
export type Kind = 'direct' | 'response' | 'plain'
