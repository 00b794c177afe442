import { setImmediate } from 'node:timers/promises'
import type { Logger } from '../../kernel/environment.ts'
import type { Id } from '../../kernel/port.ts'
import { compact } from './compaction.ts'
import type { Contents } from './contents.ts'
import { writeDocument } from './documents.ts'
import type { Files } from './files.ts'
import type { Layout } from './layout.ts'
import type { Log } from './log.ts'
import type { Reader } from './reader.ts'
import { indexCodec, type SegmentIndex } from './segment-index.ts'
import type { Segments } from './segments.ts'
import { countRuns } from './trail.ts'

/** What happens to segments behind the writer's back: indexes are written, dead segments deleted, half dead ones rewritten. */
export interface Maintenance {
  sealed(index: SegmentIndex): void
  /** So many bytes of events were forgotten. */
  forgotten(bytes: number): void
  /** Ends after what is under way. */
  close(): Promise<void>
}

export interface MaintenanceOptions {
  files: Files
  layout: Layout
  logger: Logger
  contents: Contents
  segments: Segments
  reader: Reader
  segmentBytes: number
  log: Pick<Log, 'write'>
}
