import type { AnyActorLogic, AnyActorRef, AnyActorScope, AnyEventObject, AnyMachineSnapshot, AnyStateMachine } from 'xstate'
import type { Recorded } from './decision.ts'
import { watchRelay } from './relay.ts'

/** What the gate asks of the host that stands behind it. */
export interface Gatekeeper {
  /** The actor's scope: what actions run in. */
  scope: AnyActorScope | undefined
  /** Actions of the first snapshot, recorded and not run. */
  initial: Recorded[]
  /** The step that was committed and is now let through. */
  admitted: { event: AnyEventObject; next: AnyMachineSnapshot; actions: readonly Recorded[] } | undefined
  /** An event reached the actor by itself: from a child, or from an actor of the system. */
  turnedAway(event: AnyEventObject): void
  /** Something by a reserved name, or what is no event at all, was sent to the actor by who may not; it did not reach it. */
  refused(type: string | undefined): void
  record(recorded: Recorded[], scope: AnyActorScope): AnyActorScope
  perform(actions: readonly Recorded[], scope: AnyActorScope): void
}

/** The gate of each actor is found by the actor itself; while an actor is being constructed, it is the one that is opening. */
const keepers = new WeakMap<object, Gatekeeper>()
let opening: Gatekeeper | undefined

/** Creates an actor behind a gate. */
export function behindGate<T extends AnyActorRef>(keeper: Gatekeeper, create: () => T): T {
  opening = keeper
  try {
    const actor = create()
    keepers.set(actor, keeper)
    watchRelay(
      actor,
      event => keeper.admitted?.event === event,
      type => keeper.refused(type),
    )
    return actor
  } finally {
    opening = undefined
  }
}

function keeperOf(scope: AnyActorScope): Gatekeeper {
  const keeper = keepers.get(scope.self) ?? opening
  if (!keeper) throw new Error('A gated chart is run by its host only.')
  return keeper
}

const gates = new WeakMap<AnyStateMachine, AnyActorLogic>()

/**
 * Wraps a chart's logic so that no event enters it uncommitted. An event that reaches the actor from anywhere is turned away
 * and queued; what was decided and committed is let through, its recorded actions run, and the committed snapshot is returned.
 */
export function gate(machine: AnyStateMachine): AnyActorLogic {
  let logic = gates.get(machine)
  if (logic) return logic
  logic = Object.assign(Object.create(machine) as AnyActorLogic, {
    getInitialSnapshot(scope: AnyActorScope, input: unknown) {
      const keeper = keeperOf(scope)
      keeper.scope = scope
      return machine.getInitialSnapshot(keeper.record(keeper.initial, scope), input as never)
    },
    restoreSnapshot(stored: never, scope: AnyActorScope) {
      keeperOf(scope).scope = scope
      return machine.restoreSnapshot(stored, scope)
    },
    start(snapshot: AnyMachineSnapshot, scope: AnyActorScope) {
      const keeper = keeperOf(scope)
      const initial = keeper.initial
      keeper.initial = []
      // A restored snapshot has its children inside; those of a first one are started by its recorded actions.
      if (initial.length === 0) machine.start(snapshot)
      else keeper.perform(initial, scope)
    },
    transition(snapshot: AnyMachineSnapshot, event: AnyEventObject, scope: AnyActorScope) {
      // Only the actor's own stop comes so far.
      if (event.type === 'xstate.stop') return machine.transition(snapshot, event as never, scope)
      const keeper = keeperOf(scope)
      const step = keeper.admitted
      if (step?.event === event) {
        keeper.admitted = undefined
        keeper.perform(step.actions, scope)
        return step.next
      }
      keeper.turnedAway(event)
      return snapshot
    },
  })
  gates.set(machine, logic)
  return logic
}
