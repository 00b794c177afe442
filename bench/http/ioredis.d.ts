/** resumable-stream names a type of a client for Redis, which it does not need here. */
declare module 'ioredis' {
  export interface Redis {
    readonly status: string
    defineCommand(name: string, definition: { lua: string }): void
  }
}
