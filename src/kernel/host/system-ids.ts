import type { AnyActorRef, AnyActorScope } from 'xstate'

type System = AnyActorScope['system']

/** The part of XState's system that keeps system ids; its types leave it out. */
interface Register {
  getAll(): Record<string, AnyActorRef>
  _set(systemId: string, actor: AnyActorRef): void
  _register(sessionId: string, actor: AnyActorRef): void
  _unregister(actor: AnyActorRef): void
}

/** Frees the system ids of an actor that a step stops, so that the same step can give them to another. */
export function freeSystemIds(system: System, actor: AnyActorRef): void {
  const snapshot = actor.getSnapshot() as { children?: Record<string, AnyActorRef> } | undefined
  for (const child of Object.values(snapshot?.children ?? {})) freeSystemIds(system, child)
  ;(system as unknown as Register)._unregister(actor)
}

/**
 * Deciding a step makes its children, and XState enters their system ids as it makes them. A step that is only decided must
 * leave no trace: once it is let through, the children it stops strike their ids out and those it starts enter theirs.
 */
export function keepingSystemIds<T>(system: System, decide: () => T): T {
  const register = system as unknown as Register
  const before = register.getAll()
  try {
    return decide()
  } finally {
    const after = register.getAll()
    for (const [systemId, actor] of Object.entries(after)) if (before[systemId] !== actor) register._unregister(actor)
    for (const [systemId, actor] of Object.entries(before)) {
      if (after[systemId] === actor) continue
      register._set(systemId, actor)
      register._register(actor.sessionId, actor)
    }
  }
}
