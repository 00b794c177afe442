/** One open file. Every operation is asynchronous: none blocks the event loop. */
export interface OpenFile {
  /** Up to `length` bytes from `position`; fewer at the end of the file. */
  read(length: number, position: number): Promise<Uint8Array>
  /** Writes at `position` and returns how many bytes were written, which may be fewer than given. */
  write(bytes: Uint8Array, position: number): Promise<number>
  /** fdatasync. */
  sync(): Promise<void>
  truncate(length: number): Promise<void>
  size(): Promise<number>
  close(): Promise<void>
}

/** All that the adapter asks of a file system, so that a test can fail each of it at each point. */
export interface Files {
  /** `create` is exclusive and makes the file with mode 0600. */
  open(path: string, mode: 'read' | 'write' | 'create'): Promise<OpenFile>
  /** Recursive, mode 0700; one that is there and our own is closed to others. */
  makeDirectory(path: string): Promise<void>
  /** The names in a directory. */
  list(path: string): Promise<readonly string[]>
  rename(from: string, to: string): Promise<void>
  remove(path: string): Promise<void>
  /** fsync of the directory: makes creations, renames and removals in it durable. */
  syncDirectory(path: string): Promise<void>
}
