import type { Kernel } from '../kernel/kernel.ts'
import type { StreamHead } from '../kernel/port.ts'
import { decode, Step } from '../kernel/stream/record.ts'
import { endOf, type RunEnd, type RunStatus, statusOf } from './events.ts'
import { runIdOf } from './names.ts'
import { readRun } from './stored.ts'

/** What is stored of a run, as of the call. */
export interface RunInfo {
  id: string
  runId: string
  /** The defined type; absent for a closure. */
  type?: string
  status: RunStatus
  attempt: number
  /** The number of its last event. */
  head: number
  /** Milliseconds. */
  created: number
  changed: number
  /** Present once it has ended. */
  end?: RunEnd
}

/** Reads it from a stored head, and the end from the last record. `ENVELOPE_INVALID` when that is damaged. */
export async function readInfo(kernel: Kernel, head: StreamHead): Promise<RunInfo> {
  const { snapshot, attempt, facts } = readRun(head)
  const info: RunInfo = {
    id: head.index.context,
    runId: runIdOf(head.stream),
    ...(facts.type !== undefined && { type: facts.type }),
    status: statusOf(snapshot),
    attempt,
    head: head.version,
    created: head.index.created,
    changed: head.index.changed,
  }
  if (!head.index.live) {
    const { events } = await kernel.adapter.read(head.stream, { after: head.version - 1, limit: 1 })
    const last = decode(events[0] as string)
    if (last instanceof Step) info.end = endOf(last.record)
  }
  return info
}
