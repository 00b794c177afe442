import type { AnyActorRef, AnyEventObject } from 'xstate'
import { isEvent, owned, reserved } from './decision.ts'

/** The way of every event from actor to actor within one system; XState's types leave it out. */
interface Relay {
  _relay(source: AnyActorRef | undefined, target: AnyActorRef, event: AnyEventObject): void
}

/**
 * Watches what is sent to the actor. What is no event, or has a reserved name and does not come from where XState makes it, is
 * turned down: the gate would be too late, because XState itself acts on some of these names. `own` tells the host's events; the
 * others are copied here, before they wait for anything.
 */
export function watchRelay(actor: AnyActorRef, own: (event: AnyEventObject) => boolean, refused: (type: string | undefined) => void): void {
  const system = actor.system as unknown as Relay
  const relay = system._relay
  system._relay = (source, target, event) => {
    if (target !== actor) relay(source, target, event)
    else if (!isEvent(event)) refused(undefined)
    else if (own(event)) relay(source, target, event)
    else if (reserved(event.type) && !reportedBy(source, event)) refused(event.type)
    else relay(source, target, owned(event))
  }
}

/** True if XState has just made the event, of the end or the snapshot of the actor that it comes from. */
function reportedBy(source: AnyActorRef | undefined, event: AnyEventObject): boolean {
  if (!source) return false
  const snapshot: { status: string; output?: unknown; error?: unknown } = source.getSnapshot()
  switch (event.type) {
    case `xstate.done.actor.${source.id}`:
      return snapshot.status === 'done' && Object.is(event.output, snapshot.output)
    case `xstate.error.actor.${source.id}`:
      return snapshot.status === 'error' && Object.is(event.error, snapshot.error)
    case `xstate.snapshot.${source.id}`:
      return event.snapshot === snapshot
    default:
      return false
  }
}
