import type { AnyEventObject, AnyMachineSnapshot, AnyStateMachine } from 'xstate'
import { LifechartError } from '../../errors.ts'
import type { PersistedSnapshot } from '../envelope.ts'
import { frozenCopy } from '../json.ts'
import type { StepRecord } from '../stream/record.ts'

/** An error as JSON: its name and message, no stack. */
export function plainError(error: unknown): { name: string; message: string } {
  if (error instanceof Error) return { name: error.name, message: error.message }
  if (typeof error === 'object' && error !== null && 'message' in error) return { name: 'Error', message: String(error.message) }
  return { name: 'Error', message: String(error) }
}

/** What is stored of a snapshot. `CHART_FAULT` when the chart spawned an actor that can not be stored. */
export function persistSnapshot(machine: AnyStateMachine, snapshot: AnyMachineSnapshot): PersistedSnapshot {
  let persisted: PersistedSnapshot
  try {
    persisted = machine.getPersistedSnapshot(snapshot) as unknown as PersistedSnapshot
  } catch (cause) {
    throw new LifechartError('CHART_FAULT', `"${machine.id}" can not be stored: register every actor source in setup().`, { cause })
  }
  if (persisted.status === 'error') persisted.error = plainError(persisted.error)
  for (const id in persisted.children) {
    const child = persisted.children[id] as { snapshot: { status: string; error?: unknown } }
    if (child.snapshot.status === 'error') child.snapshot = { ...child.snapshot, error: plainError(child.snapshot.error) }
  }
  return persisted
}

/** What changed between two contexts, by identity of the members, copied; refuses what is not JSON with `NOT_SERIALIZABLE`. */
export function contextPatch(
  before: Record<string, unknown>,
  after: Record<string, unknown>,
  stored: Record<string, unknown>,
): StepRecord['patch'] {
  if (before === after) return undefined
  let set: Record<string, unknown> | undefined
  let unset: string[] | undefined
  for (const key in after) {
    if (Object.is(before[key], after[key])) continue
    const value = stored[key]
    if (value === undefined) {
      unset = [...(unset ?? []), key]
      continue
    }
    set = set ?? {}
    set[key] = frozenCopy(value, 'context', [key])
  }
  for (const key in before) if (!(key in after)) unset = [...(unset ?? []), key]
  return set || unset ? { ...(set && { set }), ...(unset && { unset }) } : undefined
}

/** The event as it is recorded. What a child's own event carries beyond JSON is left out; it is not what is decided by. */
export function recordable(event: AnyEventObject): AnyEventObject {
  try {
    return frozenCopy('error' in event && event.error instanceof Error ? { ...event, error: plainError(event.error) } : event, 'event')
  } catch {
    return Object.freeze({ type: event.type })
  }
}

/** The child whose end the event reports; undefined for every other event. */
export function childId(event: AnyEventObject): string | undefined {
  for (const prefix of ['xstate.done.actor.', 'xstate.error.actor.']) {
    if (event.type.startsWith(prefix)) return event.type.slice(prefix.length)
  }
  return undefined
}
