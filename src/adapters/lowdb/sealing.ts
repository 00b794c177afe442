import { setImmediate } from 'node:timers/promises'
import type { Entry } from '../catalogue/entry.ts'
import { type Facts, wholeFacts } from './facts.ts'
import { runsIn, type Trail } from './trail.ts'

/** A stream that a segment mentions: its head, where the last line that mentions it is, and its events there. */
export interface Row {
  facts: Facts
  at: [offset: number, length: number]
  /** Four numbers per run: first and last event, offset, length. */
  runs: number[]
}

/** Notes what a full segment says of its streams, in slices, while later lines are written. */
export interface Sealing {
  /** Notes a stream before a later line changes it. */
  take(entry: Entry<Trail> | undefined): void
  /** All of them; to be called once. */
  rows(): Promise<Row[]>
}

const slice = 1_000

export function createSealing(segment: number, streams: Set<Entry<Trail>>, ended: () => void): Sealing {
  const rows: Row[] = []
  const take = (entry: Entry<Trail> | undefined) => {
    if (entry !== undefined && streams.delete(entry)) rows.push(rowOf(entry, segment))
  }
  return {
    take,
    async rows() {
      let taken = 0
      for (const entry of streams) {
        take(entry)
        if (++taken % slice === 0) await setImmediate()
      }
      ended()
      return rows
    },
  }
}

function rowOf({ head, body }: Entry<Trail>, segment: number): Row {
  const { offset, length } = body.last!
  const { state, view } = body
  return {
    // Heads never change, so this can wait until the document is written.
    get facts() {
      return wholeFacts(head, { state, view })
    },
    at: [offset, length],
    runs: runsIn(body, segment).flatMap(({ first, last, place }) => [first, last, place.offset, place.length]),
  }
}
