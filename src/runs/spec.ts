import type { OrphanPolicy } from '../machines/run.ts'
import type { Producer } from './producer.ts'

/** What a run of this process needs to know beyond its chart. */
export interface RunSpec {
  id: string
  runId: string
  producer: Producer
  type: string | undefined
  input: unknown
  orphan: OrphanPolicy
  attached: boolean
  owner: string
  idleTimeout: number | undefined
  chunkBytes: number
}
