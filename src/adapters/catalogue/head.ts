import type { Id, StreamHead } from '../../kernel/port.ts'

/** What a stream remembers of its last commit, so that a repetition is answered and not applied. */
export interface LastCommit {
  readonly id: string
  readonly versions: readonly number[]
}

/** A stream as the catalogue knows it: never changed in place, so a staged head and the durable one live side by side. */
export interface Head extends Readonly<Omit<StreamHead, 'state'>> {
  /** The keys that name it. */
  readonly keys: readonly Id[]
  readonly last: LastCommit | undefined
}

/** Where staging looks things up: the durable catalogue, or a batch laid over it. */
export interface World {
  head(stream: Id): Head | undefined
  holder(key: Id): Id | undefined
}

/** What one commit or forgetting does, decided and not yet applied. */
export interface Plan {
  /** The new version per change. */
  readonly versions: readonly number[]
  /** Answered from memory: nothing is to be written or applied. */
  readonly repeated: boolean
  /** The heads after it: one per change in order, then those that lost a key to it. */
  readonly heads: readonly Head[]
  /** The heads before it, in the same order; of a stream that goes as well. */
  readonly before: readonly (Head | undefined)[]
  /** Keys that change hands; undefined: nobody's. */
  readonly keys: ReadonlyMap<Id, Id | undefined>
  /** The stream that is gone after it. */
  readonly removed?: Id
}

export const noKeys: ReadonlyMap<Id, Id | undefined> = new Map()

/** A batch of staged plans over a world: later commits of the batch see what earlier ones will have done. */
export interface Overlay extends World {
  add(plan: Plan): void
}

export function overlay(base: World): Overlay {
  // Null: gone, or nobody's.
  const heads = new Map<Id, Head | null>()
  const keys = new Map<Id, Id | null>()
  return {
    head(stream) {
      const head = heads.get(stream)
      return head === undefined ? base.head(stream) : (head ?? undefined)
    },
    holder(key) {
      const holder = keys.get(key)
      return holder === undefined ? base.holder(key) : (holder ?? undefined)
    },
    add(plan) {
      for (const head of plan.heads) heads.set(head.stream, head)
      if (plan.keys !== noKeys) for (const [key, holder] of plan.keys) keys.set(key, holder ?? null)
      if (plan.removed !== undefined) heads.set(plan.removed, null)
    },
  }
}
