import type { AnyMachineSnapshot } from 'xstate'
import { type Envelope, newEnvelope, type PersistedSnapshot } from '../envelope.ts'
import { deepFreeze, frozenCopy } from '../json.ts'
import { type Cause, type Encoded, encodeStep, type StepRecord } from '../stream/record.ts'
import type { Draft } from '../stream/writer.ts'
import type { ChartSpec } from './chart.ts'
import type { DeadlineEntries } from './deadlines.ts'
import { type Decision, earliest } from './decision.ts'
import { contextPatch, persistSnapshot, recordable } from './snapshot.ts'

/** What set a step off, and what more is known of it. */
export interface Origin {
  cause: Cause
  /** The id of the command from another process. */
  command?: string
  /** Its number among the commands. */
  commandSeq?: number
  /** The id of the deadline that fired. */
  deadline?: string
}

/** What a step's commit is made of. */
export interface StepParts {
  spec: ChartSpec
  decision: Decision
  /** Undefined for the first step. */
  before: AnyMachineSnapshot | undefined
  origin: Origin
  /** Milliseconds. */
  at: number
  deadlines: DeadlineEntries
  deadlinesChanged: boolean
  /** The record carries the whole context. */
  full: boolean
  attempt: number
  draft: Draft
  /** The rest of the envelope. */
  envelope: Omit<EnvelopeParts, 'snapshot' | 'deadlines' | 'time' | 'seq'>
}

export type EnvelopeParts = Omit<Envelope, 'schema' | 'chart' | 'version' | 'hash'>

/** A step ready for the writer; `record` is there once it was encoded. */
export interface ComposedStep {
  draft: Draft
  encode(seq: number): Encoded
  readonly record: StepRecord | undefined
}

/** Makes record, envelope and index of a decided step. `NOT_SERIALIZABLE` when the context holds something that is not JSON. */
export function composeStep(parts: StepParts): ComposedStep {
  const { spec, decision, before, origin, at, deadlines, full, draft } = parts
  const { next, event } = decision
  const persisted = persistSnapshot(spec.machine, next)
  const context = full ? frozenCopy(persisted.context, 'context') : undefined
  const patch = full || !before ? undefined : contextPatch(before.context, next.context, persisted.context)
  const children = Object.keys(next.children)
  const change: NonNullable<Draft['change']> = {
    ...draft.change,
    index: {
      live: next.status === 'active',
      changed: at,
      due: earliest(deadlines),
      ...spec.index?.({ event, before, next, at }),
      ...draft.change?.index,
    },
  }
  let record: StepRecord | undefined
  return {
    draft: { ...draft, change },
    get record() {
      return record
    },
    encode(seq) {
      // It is shown to everybody who follows: nothing in it is the chart's own.
      record = deepFreeze({
        seq,
        at,
        cause: origin.cause,
        // One from outside is a copy already.
        event: origin.cause === 'command' ? event : recordable(event),
        from: before && frozenCopy(before.value, 'state'),
        value: frozenCopy(next.value, 'state'),
        status: next.status,
        ...(full ? { context } : patch && { patch }),
        ...((full || parts.deadlinesChanged) && { deadlines }),
        ...((full || children.length > 0) && { children }),
        ...(origin.command !== undefined && { command: origin.command }),
        ...(origin.cause === 'restore' && { attempt: parts.attempt }),
      })
      // Only now the number is known: data may have been appended while this waited for its turn.
      change.state = encodeEnvelope(spec, { ...parts.envelope, seq, time: at, snapshot: persisted, deadlines })
      return encodeStep(record)
    },
  }
}

/** The envelope as it is stored. */
export function encodeEnvelope(spec: ChartSpec, parts: Omit<EnvelopeParts, 'snapshot'> & { snapshot: PersistedSnapshot }): string {
  return JSON.stringify(newEnvelope(spec.machine, parts))
}
