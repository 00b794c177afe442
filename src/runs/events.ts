import { LifechartError } from '../errors.ts'
import { deepFreeze } from '../kernel/json.ts'
import type { Presentation } from '../kernel/stream/house.ts'
import { Bytes, type Entry, Step, type StepRecord } from '../kernel/stream/record.ts'
import type { RunContext, RunFailure, StopReason } from '../machines/run.ts'

/** How a run ended. */
export type RunOutcome = 'done' | 'error' | 'stopped'
export type RunStatus = 'waiting' | 'running' | 'stopping' | RunOutcome

export interface RunState {
  seq: number
  type: 'state'
  state: 'waiting' | 'running' | 'stopping'
  /** From 2 on: the execution that begins here, after its owner was lost. */
  attempt?: number
}

export interface RunChunk {
  seq: number
  type: 'chunk'
  /** JSON, frozen and shared, or a Uint8Array of your own. */
  data: unknown
}

export interface RunEnd {
  seq: number
  type: 'end'
  status: RunOutcome
  reason?: StopReason
  /** The run that replaced this one. */
  by?: string
  /** The producer did not end within the grace; what it writes later is refused. */
  forced?: true
  error?: RunFailure
  /** What the producer returned. */
  result?: unknown
}

/** Events that no longer exist anywhere; both inclusive. */
export interface RunGap {
  type: 'gap'
  from: number
  to: number
}

export type RunEvent = RunState | RunChunk | RunEnd | RunGap

type Plain = Record<string, unknown>

/** The state of the run chart, as the outside says it. */
export function statusOf({ value, status }: { value: unknown; status: string }): RunStatus {
  if (status === 'error') return 'error'
  if (typeof value === 'object' && value !== null) return (value as Plain).executing === 'stopping' ? 'stopping' : 'running'
  return value === 'done' || value === 'error' || value === 'stopped' ? value : 'waiting'
}

/** What the last record of a run says. The step that ends it carries its whole context. */
export function endOf(record: StepRecord): RunEnd {
  const { reason, by, forced, error } = (record.context ?? {}) as Partial<RunContext>
  const status = statusOf(record) as RunOutcome
  return Object.freeze({
    seq: record.seq,
    type: 'end',
    status,
    ...(status === 'stopped' && { reason, ...(by !== undefined && { by }), ...(forced && { forced }) }),
    ...(status === 'error' && { error: Object.freeze({ ...(error ?? { code: 'CHART_FAULT', message: 'The run failed.' }) }) }),
    ...(status === 'done' && 'result' in record.event && { result: deepFreeze(record.event.result) }),
  })
}

/** What outsiders are told: our own errors as they are, everything else without its text. */
export function failureOf(error: unknown): RunFailure {
  if (error instanceof LifechartError) return { code: error.code, message: error.message }
  return { code: 'PRODUCER_FAILED', message: 'The producer failed; the cause is in the log of the server.' }
}

function project(entry: Entry, seq: number): RunEvent {
  if (entry instanceof Step) {
    const { record } = entry
    if (record.status !== 'active') return endOf(record)
    const state = statusOf(record) as RunState['state']
    return Object.freeze(
      record.attempt === undefined ? { seq, type: 'state', state } : { seq, type: 'state', state, attempt: record.attempt },
    )
  }
  if (entry instanceof Bytes) return { seq, type: 'chunk', data: entry.data.slice() }
  return Object.freeze({ seq, type: 'chunk', data: entry })
}

/** How the records of a run look to those who follow it. */
export const runPresentation: Presentation<RunEvent> = {
  project,
  gap: (from, to) => Object.freeze({ type: 'gap', from, to }),
  gone: cause => new LifechartError('RUN_EVICTED', 'The run has ended and is no longer kept.', { cause }),
}
