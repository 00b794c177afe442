import type { Id } from '../../kernel/port.ts'
import { type Catalogue, createCatalogue } from '../catalogue/catalogue.ts'
import type { Entry } from '../catalogue/entry.ts'
import type { LastCommit, Plan } from '../catalogue/head.ts'
import { headAfter } from './facts.ts'
import type { Line, LineChange } from './line.ts'
import type { Place } from './place.ts'
import { createSealing, type Sealing } from './sealing.ts'
import { emptyTrail, follow, type Trail } from './trail.ts'

/** A stream that is gone, as long as a segment may still mention it: the log must go on saying so. */
export interface Tombstone {
  /** The first segment that may mention the stream. */
  born: number
  /** The segment that says that it is gone. */
  home: number
}

/** All that the log says, in memory but for events, states and views. */
export interface Contents {
  readonly catalogue: Catalogue<Trail>
  readonly tombstones: ReadonlyMap<Id, Tombstone>
  /** The newest segment. */
  readonly segment: number
  /** The segments there are; those before the newest are sealed, with their sizes. */
  readonly sizes: ReadonlyMap<number, number>
  /** From here on lines belong to this segment. */
  begin(segment: number): void
  /** The newest segment is full: what it says of its streams, from now on. */
  seal(): Sealing
  /** Applies a line as it was read. A change to a stream whose beginning was damaged is left out. */
  absorb(line: Line, place: Place): void
  /** Applies a plan together with the line that made it durable. */
  apply(plan: Plan, line: Line, place: Place): void
  /** Takes over what is known of a whole segment: the head comes with the change. */
  restore(change: LineChange, place: Place): Entry<Trail> | undefined
  bury(stream: Id, born: number): void
  /** Lets a tombstone go that nothing needs. */
  unbury(stream: Id): void
  /** Sets how long a segment is. */
  measure(segment: number, size: number): void
  drop(segment: number): void
}

export function createContents(): Contents {
  const catalogue = createCatalogue<Trail>(emptyTrail)
  const tombstones = new Map<Id, Tombstone>()
  const sealings = new Set<Sealing>()
  let mentioned = new Set<Entry<Trail>>()
  const sizes = new Map<number, number>()
  let segment = 0

  const bury = (stream: Id, born: number) => {
    const entry = catalogue.entry(stream)
    if (entry !== undefined) mentioned.delete(entry)
    catalogue.remove(stream)
    if (born < segment) tombstones.set(stream, { born, home: segment })
  }
  const mention = (entry: Entry<Trail>, change: LineChange, place: Place) => {
    const { stream } = entry.head
    const tombstone = tombstones.get(stream)
    if (tombstone !== undefined) {
      // Its name is used again: older segments may mention the one that was forgotten.
      entry.body.born = tombstone.born
      tombstones.delete(stream)
    }
    follow(entry.body, change, place)
  }
  const restore = (change: LineChange, place: Place, commit?: LastCommit) => {
    const head = headAfter(change, catalogue.head, change.besides ? undefined : commit)
    if (head === undefined) return undefined
    const entry = catalogue.restore(head)
    mention(entry, change, place)
    return entry
  }

  const takeTouched = (sealing: Sealing, { changes, gone = [] }: Line) => {
    for (const { stream } of changes) sealing.take(catalogue.entry(stream))
    for (const [stream] of gone) sealing.take(catalogue.entry(stream))
  }

  return {
    catalogue,
    tombstones,
    sizes,
    get segment() {
      return segment
    },
    begin(number) {
      segment = number
      mentioned = new Set()
      sizes.set(number, 0)
    },
    seal() {
      const sealing = createSealing(segment, mentioned, () => sealings.delete(sealing))
      sealings.add(sealing)
      mentioned = new Set()
      return sealing
    },
    absorb(line, place) {
      for (const [stream, born] of line.gone ?? []) bury(stream, born)
      const commit = line.commit === undefined ? undefined : { id: line.commit, versions: versionsOf(line) }
      for (const change of line.changes) {
        const entry = restore(change, place, commit)
        if (entry !== undefined) mentioned.add(entry)
      }
    },
    apply(plan, line, place) {
      for (const sealing of sealings) takeTouched(sealing, line)
      for (const [stream, born] of line.gone ?? []) bury(stream, born)
      catalogue.apply(plan)
      for (const change of line.changes) {
        const entry = catalogue.entry(change.stream)
        if (entry === undefined) continue
        mention(entry, change, place)
        mentioned.add(entry)
      }
    },
    restore,
    bury,
    unbury: stream => void tombstones.delete(stream),
    measure: (number, size) => void sizes.set(number, size),
    drop: number => void sizes.delete(number),
  }
}

const versionsOf = ({ changes }: Line) => changes.filter(({ besides }) => !besides).map(({ version }) => version)
