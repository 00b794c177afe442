import type { AnyActorRef, AnyEventObject } from 'xstate'
import { childId, recordable } from './snapshot.ts'

type Children = Readonly<Record<string, AnyActorRef | undefined>>

/** The end of a child that waits in the queue. */
export interface ChildEnd {
  readonly event: AnyEventObject
  readonly id: string
  child: AnyActorRef | undefined
}

/** Ends of children that are not decided yet: stored with each step, so that the next owner decides them. */
export class Undecided {
  /** Those of the former owner. */
  readonly #lost: AnyEventObject[]
  readonly #waiting: ChildEnd[] = []

  constructor(lost: readonly AnyEventObject[] = []) {
    this.#lost = [...lost]
  }

  /** As they are recorded. */
  get events(): AnyEventObject[] {
    return [...this.#lost, ...this.#waiting.map(({ event }) => recordable(event))]
  }

  /** Undefined for an event that is not the end of a child. */
  add(event: AnyEventObject, children: Children): ChildEnd | undefined {
    const id = childId(event)
    if (id === undefined) return undefined
    const end = { event, id, child: children[id] }
    this.#waiting.push(end)
    return end
  }

  /** Its turn has come; false if the child was replaced by another of the same id before. */
  take(end: ChildEnd, children: Children): boolean {
    this.#waiting.splice(this.#waiting.indexOf(end), 1)
    return children[end.id] === end.child
  }

  takeLost(): AnyEventObject[] {
    return this.#lost.splice(0)
  }

  /** The actor was made anew, its children too. */
  replaced(former: Children, children: Children): void {
    for (const end of this.#waiting) if (former[end.id] === end.child) end.child = children[end.id]
  }
}
