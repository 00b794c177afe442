import type { AnyActorRef, AnyActorScope, AnyEventObject, AnyMachineSnapshot, AnyStateMachine, ExecutableActionObject } from 'xstate'
import { LifechartError } from '../../errors.ts'
import { frozenCopy } from '../json.ts'
import type { Deadline } from '../stream/record.ts'
import { freeSystemIds } from './system-ids.ts'

/** Something that a step does, in order: an action, or what XState wants done after the transition. */
export type Recorded = ExecutableActionObject | { defer: () => void }

export interface Decision {
  event: AnyEventObject
  next: AnyMachineSnapshot
  actions: Recorded[]
}

/** True for events that only XState and Lifechart make. */
export function reserved(type: string): boolean {
  return type.startsWith('xstate.') || type.startsWith('lifechart.')
}

/** True for an object with a type that can be the name of an event. */
export function isEvent(event: unknown): event is AnyEventObject {
  return typeof event === 'object' && event !== null && 'type' in event && typeof event.type === 'string' && event.type !== ''
}

/**
 * Takes an event from outside: a frozen copy, which is decided, committed and shown, whatever becomes of the original. Refuses what
 * nobody may send: `EVENT_REFUSED` for what is no event, `EVENT_RESERVED`, `NOT_SERIALIZABLE`.
 */
export function sendable(event: AnyEventObject): AnyEventObject {
  if (!isEvent(event)) throw new LifechartError('EVENT_REFUSED', 'This is no event. Send an object with a type, named noun.verb.')
  const own = frozenCopy(event, 'event')
  // XState keeps "*" for the transition that takes every event.
  if (reserved(own.type) || own.type === '*') {
    throw new LifechartError('EVENT_RESERVED', `"${own.type}" is reserved. Name your events noun.verb.`)
  }
  return own
}

/** Takes an event of the chart's own, copied like one from outside; what a child's end carries beyond JSON is left as it is. */
export function owned(event: AnyEventObject): AnyEventObject {
  try {
    return frozenCopy(event, 'event')
  } catch {
    return event
  }
}

/** True if the chart takes the event now; false also when a guard throws. */
export function accepts(snapshot: AnyMachineSnapshot, event: AnyEventObject): boolean {
  try {
    return snapshot.status === 'active' && !reserved(event.type) && snapshot.can(event)
  } catch {
    return false
  }
}

/**
 * Asks the chart what an event does, without doing it. Undefined when the chart does not take the event; throws
 * `CHART_FAULT` when a guard or an assign throws.
 */
export function decide(
  machine: AnyStateMachine,
  snapshot: AnyMachineSnapshot,
  event: AnyEventObject,
  scope: (recorded: Recorded[]) => AnyActorScope,
): Decision | undefined {
  const actions: Recorded[] = []
  try {
    // An error of a child that no transition handles ends the chart; every other unhandled event changes nothing.
    const fatal = event.type.startsWith('xstate.error.actor.')
    if (!fatal && !snapshot.can(event)) return undefined
    return { event, next: machine.transition(snapshot, event as never, scope(actions)), actions }
  } catch (cause) {
    throw new LifechartError(
      'CHART_FAULT',
      `A guard or an assign of "${machine.id}" threw on "${event.type}". They must be pure and total.`,
      { cause },
    )
  }
}

/** A scope that runs nothing and remembers everything, in order. */
export function recordingScope(recorded: Recorded[], scope: AnyActorScope, running: () => boolean): AnyActorScope {
  return {
    ...scope,
    actionExecutor: action => {
      recorded.push(action as ExecutableActionObject)
      if (action.type === 'xstate.stopChild' && action.params) freeSystemIds(scope.system, action.params as unknown as AnyActorRef)
    },
    // Recorded actions keep this scope: once they run, what they defer goes where XState expects it.
    defer: defer => {
      if (running()) scope.defer(defer)
      else recorded.push({ defer })
    },
  }
}

type Raised = { event: AnyEventObject; id?: string; delay?: number }

function raised(action: Recorded): Raised | undefined {
  if (!('type' in action) || action.type !== 'xstate.raise') return undefined
  const params = action.params as unknown as Raised | undefined
  return typeof params?.delay === 'number' ? params : undefined
}

function cancelled(action: Recorded): string | undefined {
  return 'type' in action && action.type === 'xstate.cancel' ? (action.params as unknown as { sendId: string }).sendId : undefined
}

/** Runs recorded actions; delayed raises and their cancellation are the host's and left out. */
export function perform(actions: readonly Recorded[], scope: AnyActorScope): void {
  for (const action of actions) {
    if (raised(action)) continue
    if ('defer' in action) scope.defer(action.defer)
    else scope.actionExecutor(action)
  }
}

/**
 * The deadlines after a step: those before it, less the ones it cancels, plus the ones it sets. A delay that is not finite
 * sets none. The same object when nothing changed.
 */
export function deadlinesAfter(
  before: Readonly<Record<string, Deadline>>,
  actions: readonly Recorded[],
  now: number,
  seq: number,
): Readonly<Record<string, Deadline>> {
  let after: Record<string, Deadline> | undefined
  for (const [position, action] of actions.entries()) {
    const id = cancelled(action)
    if (id !== undefined) {
      if (!Object.hasOwn(after ?? before, id)) continue
      after ??= { ...before }
      delete after[id]
      continue
    }
    const raise = raised(action)
    if (!raise || !Number.isFinite(raise.delay)) continue
    after ??= { ...before }
    after[raise.id ?? `${raise.event.type}#${seq}.${position}`] = Object.freeze({
      event: frozenCopy(raise.event, 'event'),
      at: now + Math.max(0, raise.delay ?? 0),
    })
  }
  return after ? Object.freeze(after) : before
}

/** The earliest deadline (milliseconds) that is not one of `except`, or null. */
export function earliest(deadlines: Readonly<Record<string, Deadline>>, except?: WeakSet<Deadline>): number | null {
  let at: number | null = null
  for (const id in deadlines) {
    const deadline = deadlines[id]
    if (deadline && !except?.has(deadline) && (at === null || deadline.at < at)) at = deadline.at
  }
  return at
}
