import type { Id } from '../../kernel/port.ts'
import type { Entry, OrderField } from './entry.ts'
import { compareIds } from './ids.ts'

/** A place in an order: the value, then the bytes of the id. */
export interface Position {
  at: number
  id: Id
}

interface Slot extends Position {
  entry: Entry<unknown>
}

/** The streams sorted by one time. A change only marks its stream; sorting waits until somebody asks. */
export interface Order {
  touch(entry: Entry<unknown>): void
  drop(entry: Entry<unknown>): void
  /** Sorts in up to `limit` marked streams; false while there are more. */
  settle(limit: number): boolean
  /** From behind a position, or from the beginning (the end, when descending). Not to be kept across an await. */
  walk(behind: Position | undefined, descending: boolean): Generator<Slot>
}

const blockSize = 512

/** Blocks of up to 512 slots: an insertion moves one block, not 100,000 streams. `all`: every stream, for the first who asks. */
export function createOrder(field: OrderField, all: () => Iterable<Entry<unknown>>): Order {
  const blocks: Slot[][] = []
  /** Undefined until somebody asks. */
  let marked: Set<Entry<unknown>> | undefined
  /** The streams of before that, as far as they are not yet sorted in. */
  let former: Iterator<Entry<unknown>> | undefined

  const insert = (slot: Slot) => {
    const b = Math.max(0, firstBehind(blocks, slot, block => block[0]!) - 1)
    const block = blocks[b]
    if (block === undefined) {
      blocks.push([slot])
      return
    }
    block.splice(firstBehind(block, slot, itself), 0, slot)
    if (block.length > blockSize) {
      // Times mostly grow: a full last block is left full, others are halved.
      const keep = b === blocks.length - 1 ? blockSize : blockSize / 2
      blocks.splice(b + 1, 0, block.splice(keep))
    }
  }

  const remove = (position: Position) => {
    const b = firstBehind(blocks, position, block => block[0]!) - 1
    const block = blocks[b]!
    block.splice(firstBehind(block, position, itself) - 1, 1)
    if (block.length === 0) blocks.splice(b, 1)
  }

  const unsort = (entry: Entry<unknown>) => {
    const at = entry.sorted[field]
    if (at !== undefined) remove({ at, id: entry.head.stream })
    entry.sorted[field] = undefined
  }

  const sort = (entry: Entry<unknown>) => {
    unsort(entry)
    const at = entry.head.index[field]
    if (at === null) return
    insert({ at, id: entry.head.stream, entry })
    entry.sorted[field] = at
  }

  return {
    touch(entry) {
      if (marked !== undefined && entry.sorted[field] !== (entry.head.index[field] ?? undefined)) marked.add(entry)
    },
    drop(entry) {
      marked?.delete(entry)
      unsort(entry)
    },
    settle(limit) {
      if (marked === undefined) {
        marked = new Set()
        former = all()[Symbol.iterator]()
      }
      let left = limit
      while (former !== undefined) {
        if (left-- === 0) return false
        const { done, value } = former.next()
        if (done) former = undefined
        else sort(value)
      }
      for (const entry of marked) {
        if (left-- === 0) return false
        marked.delete(entry)
        sort(entry)
      }
      return true
    },
    *walk(behind, descending) {
      if (descending) {
        let b = behind === undefined ? blocks.length - 1 : firstBehind(blocks, behind, block => block[0]!, true) - 1
        let i =
          blocks[b] === undefined ? -1 : (behind === undefined ? blocks[b]!.length : firstBehind(blocks[b]!, behind, itself, true)) - 1
        for (; b >= 0; i = (blocks[--b]?.length ?? 0) - 1) for (; i >= 0; i--) yield blocks[b]![i]!
        return
      }
      let b = behind === undefined ? 0 : Math.max(0, firstBehind(blocks, behind, block => block[0]!) - 1)
      let i = behind === undefined || blocks[b] === undefined ? 0 : firstBehind(blocks[b]!, behind, itself)
      for (; b < blocks.length; b++, i = 0) for (; i < blocks[b]!.length; i++) yield blocks[b]![i]!
    },
  }
}

const itself = (slot: Slot) => slot

export function comparePositions(a: Position, b: Position): number {
  return a.at - b.at || compareIds(a.id, b.id)
}

/** The index of the first item behind the position; with `including`, of the first at or behind it. */
function firstBehind<Item>(items: readonly Item[], position: Position, of: (item: Item) => Position, including = false): number {
  let low = 0
  let high = items.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const compared = comparePositions(of(items[middle]!), position)
    if (compared < 0 || (compared === 0 && !including)) low = middle + 1
    else high = middle
  }
  return low
}
