import { LifechartError } from '../errors.ts'
import { type Envelope, type PersistedSnapshot, parseEnvelope } from '../kernel/envelope.ts'
import type { StreamHead } from '../kernel/port.ts'
import type { RunContext } from '../machines/run.ts'

/** What the products keep in a run's envelope. */
export interface RunFacts {
  type?: string
  orphan: 'stop' | 'error' | 'resume'
  attached?: true
  idleTimeout?: number
}

/** The envelope of a run. */
export interface StoredRun extends Envelope {
  snapshot: PersistedSnapshot & { context: Record<string, unknown> & RunContext }
  facts: RunFacts
}

const orphanPolicies: readonly unknown[] = ['stop', 'error', 'resume'] satisfies RunFacts['orphan'][]

/** Reads what is stored of a run. `ENVELOPE_INVALID` when it is damaged, or not that of a run. */
export function readRun({ stream, state }: StreamHead): StoredRun {
  const envelope = parseEnvelope(stream, state)
  if (areFacts(envelope.facts) && isContext(envelope.snapshot.context)) return envelope as StoredRun
  throw new LifechartError('ENVELOPE_INVALID', `The stored state of ${stream} is not that of a run. Its records are whole: read them.`)
}

function areFacts(facts: unknown): boolean {
  if (typeof facts !== 'object' || facts === null) return false
  const { type, orphan, attached, idleTimeout } = facts as Record<string, unknown>
  return (
    orphanPolicies.includes(orphan) &&
    (type === undefined || typeof type === 'string') &&
    (attached === undefined || attached === true) &&
    (idleTimeout === undefined || typeof idleTimeout === 'number')
  )
}

function isContext({ runId, predecessors, stopGrace, attempt }: Record<string, unknown>): boolean {
  return (
    typeof runId === 'string' &&
    Array.isArray(predecessors) &&
    predecessors.every(stream => typeof stream === 'string') &&
    typeof stopGrace === 'number' &&
    typeof attempt === 'number'
  )
}
