import type { AnyEventObject, AnyMachineSnapshot, AnyStateMachine } from 'xstate'
import type { Index, StreamHead } from '../port.ts'
import type { Draft } from '../stream/writer.ts'

/** What the host has to know of a kind of lifecycle. The chart decides; this says where it is stored and found. */
export interface ChartSpec {
  /** With all implementations provided. */
  machine: AnyStateMachine
  /** The kind of the streams. */
  kind: string
  /** The index field `state`, and whatever else follows from the step. */
  index?(step: { event: AnyEventObject; before: AnyMachineSnapshot | undefined; next: AnyMachineSnapshot; at: number }): Partial<Index>
  /** What else belongs to the commit of a step of the stream `id`: keys, other streams. */
  draft?(step: { id: string; event: AnyEventObject; next: AnyMachineSnapshot }): Draft
  /** What a new owner tells the chart before anything starts; undefined: nothing. */
  takeover?(snapshot: AnyMachineSnapshot, stored: StreamHead, facts: unknown): AnyEventObject | undefined
  /** The store has not answered the stream `id` for too long. Returns what the chart is told as soon as it does. */
  overdue?(id: string, error: Error): AnyEventObject | undefined
}
