import type { AnyMachineSnapshot } from 'xstate'
import type { LifechartError } from '../errors.ts'
import type { Finding } from './claims.ts'
import type { Host } from './host/host.ts'
import type { StreamHead } from './port.ts'
import type { StepRecord } from './stream/record.ts'

/** A product's part in the kernel: its kinds of streams, and what happens to those that nobody owns. */
export interface Product {
  readonly kinds: readonly string[]
  /** Takes a free stream over; false to leave it where it is until its deadline or its next change. */
  adopt(head: StreamHead, finding: Finding): Promise<boolean>
  stepped?(host: Host, record: StepRecord, snapshot: AnyMachineSnapshot): void
  ended?(host: Host): void
  /** Another runtime owns it now, or our session lapsed; nothing runs here any more. */
  lost?(host: Host, error: LifechartError): void
  /** What these names mean was forgotten, by whichever runtime. */
  forgotten?(names: readonly string[]): void
}

/** A committed step of some lifecycle. */
export interface Transition extends StepRecord {
  /** The id of its stream. */
  lifecycle: string
  chart: string
}
