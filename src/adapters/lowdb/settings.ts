import type { Files } from './files.ts'

export interface LowdbOptions {
  /** The directory of the store; made when it is missing. */
  dir: string
  /** Opens beside a process that writes: takes no lock, writes nothing, follows what is written. Default false. */
  readOnly?: boolean
  /** The file system. Default: the machine's. */
  files?: Files
  /** A segment of the log is full at so many bytes. Default 64 MiB. */
  segmentBytes?: number
  /** Milliseconds between two looks of one who only reads. Default 250. */
  pollInterval?: number
  /** Milliseconds between two signs of life of the process that writes; after three times as long another host may take over. Default 5,000. */
  lockHeartbeat?: number
}

/** The options with their defaults. */
export type Settings = Required<LowdbOptions>
