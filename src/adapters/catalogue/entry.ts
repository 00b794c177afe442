import type { Head } from './head.ts'

export type OrderField = 'created' | 'changed' | 'due'

/** A stream with what its adapter keeps beside the head. */
export interface Entry<Body> {
  head: Head
  readonly body: Body
  /** Under which value each order has it; undefined while it is not sorted in. */
  readonly sorted: Record<OrderField, number | undefined>
}
