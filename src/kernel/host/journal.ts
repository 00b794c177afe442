import type { AnyMachineSnapshot } from 'xstate'
import type { Envelope } from '../envelope.ts'
import type { Clock } from '../port.ts'
import type { StepRecord } from '../stream/record.ts'
import type { Draft, Writer } from '../stream/writer.ts'
import type { ChartSpec } from './chart.ts'
import type { Deadlines } from './deadlines.ts'
import { type Decision, earliest } from './decision.ts'
import { persistSnapshot } from './snapshot.ts'
import { composeStep, encodeEnvelope, type Origin } from './step.ts'
import type { Undecided } from './undecided.ts'

/** The whole context is recorded in the first step and in every one behind this many. */
const fullEvery = 64

interface Parts {
  readonly spec: ChartSpec
  readonly writer: Writer
  readonly deadlines: Deadlines
  readonly undecided: Undecided
  readonly clock: Clock
}

/** What is stored of a lifecycle beside its state, and how a step gets into the store. */
export class Journal {
  /** The product's own facts. */
  facts: unknown
  /** 1, and one more for each owner before this one that was lost. */
  readonly attempt: number
  /** Steps so far; every other record is data. */
  steps: number
  /** The last command from another process that was answered, and the last that was put into the queue. */
  commands: number
  commandsTaken: number
  readonly #parts: Parts
  #sinceFull = 0
  /** Of the newest record, in milliseconds. */
  #at: number

  constructor(parts: Parts, stored?: Envelope) {
    this.#parts = parts
    this.attempt = stored ? stored.attempt + 1 : 1
    this.steps = stored?.steps ?? 0
    this.commands = stored?.commands ?? 0
    this.commandsTaken = this.commands
    this.facts = stored?.facts
    this.#at = stored?.time ?? 0
  }

  /** The time of a record that is made now: a clock that is set back does not take it back. */
  time(): number {
    this.#at = Math.max(this.#at, this.#parts.clock.now())
    return this.#at
  }

  /** Commits a decided step; `apply` is called as soon as it is durable. Returns its record. */
  async write(
    decision: Decision,
    before: AnyMachineSnapshot | undefined,
    origin: Origin,
    draft: Draft,
    apply: () => void,
  ): Promise<StepRecord | undefined> {
    const { spec, writer, deadlines, clock } = this.#parts
    const { next, actions } = decision
    const active = next.status === 'active'
    const at = this.time()
    const full = !before || this.#sinceFull >= fullEvery - 1 || origin.cause === 'restore' || !active
    const after = deadlines.after({ active, actions, now: clock.now(), seq: writer.version, fired: origin.deadline })
    const step = composeStep({
      spec,
      decision,
      before,
      origin,
      at,
      deadlines: after,
      deadlinesChanged: after !== deadlines.entries,
      full,
      attempt: this.attempt,
      draft,
      envelope: this.#rest(this.steps + 1, origin.commandSeq),
    })
    await writer.commit(step.encode, step.draft, () => {
      deadlines.commit(after)
      this.#sinceFull = full ? 0 : this.#sinceFull + 1
      this.steps++
      this.commands = origin.commandSeq ?? this.commands
      apply()
    })
    return step.record
  }

  /** Commits that a deadline has passed and was not taken: that must outlive a restart. */
  async drop(deadline: string, snapshot: AnyMachineSnapshot): Promise<void> {
    const { spec, writer, deadlines, clock } = this.#parts
    const left = deadlines.without(deadline)
    deadlines.commit(left)
    const envelope = { ...this.#rest(this.steps), seq: writer.version, time: clock.now(), deadlines: left }
    const state = encodeEnvelope(spec, { ...envelope, snapshot: persistSnapshot(spec.machine, snapshot) })
    await writer.commit(undefined, { change: { state, index: { due: earliest(left) } } })
  }

  #rest(steps: number, commands = this.commands) {
    const undecided = this.#parts.undecided.events
    return {
      steps,
      attempt: this.attempt,
      ...(undecided.length > 0 && { undecided }),
      ...(commands > 0 && { commands }),
      ...(this.facts !== undefined && { facts: this.facts }),
    }
  }
}
