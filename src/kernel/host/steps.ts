import type { AnyEventObject, AnyMachineSnapshot } from 'xstate'
import { isLifechartError, LifechartError } from '../../errors.ts'
import { errorText } from '../error-text.ts'
import type { Logger } from '../port.ts'
import type { StepRecord } from '../stream/record.ts'
import type { Draft } from '../stream/writer.ts'
import type { Alarm } from './alarm.ts'
import type { ChartSpec } from './chart.ts'
import type { Decision } from './decision.ts'
import type { GatedActor } from './gated-actor.ts'
import type { Journal } from './journal.ts'
import type { Origin } from './step.ts'

/** Whose steps they are. */
export interface Stepping {
  readonly id: string
  readonly spec: ChartSpec
  readonly alarm: Alarm
  readonly journal: Journal
  /** It left this runtime. */
  readonly released: boolean
  /** A step is durable; nothing of it has happened yet. */
  durable(): void
  /** It has happened. */
  stepped(record: StepRecord | undefined, next: AnyMachineSnapshot): void
}

/** Takes an event through a step: decide (nothing runs), commit, let through. One at a time, as jobs of the writer's queue. */
export class Steps {
  readonly #of: Stepping
  readonly #actor: GatedActor
  readonly #logger: Logger

  constructor(of: Stepping, actor: GatedActor, logger: Logger) {
    this.#of = of
    this.#actor = actor
    this.#logger = logger
  }

  /** A step that somebody waits for. */
  async command(event: AnyEventObject, origin: Origin): Promise<AnyMachineSnapshot> {
    const { id } = this.#of
    const before = this.#actor.snapshot
    if (before.status !== 'active') throw new LifechartError('LIFECYCLE_ENDED', `${id} has ended (${before.status}).`)
    const decision = this.#actor.decide(event)
    if (!decision) throw new LifechartError('EVENT_REFUSED', `${id} does not take "${event.type}" in ${JSON.stringify(before.value)}.`)
    await this.#take(decision, before, origin)
    return decision.next
  }

  /** A step of the chart's own: nobody waits for an answer, and a guard that throws ends the lifecycle. */
  async own(event: AnyEventObject, origin: Origin): Promise<void> {
    const { id, journal, alarm } = this.#of
    const before = this.#actor.snapshot
    if (before.status !== 'active' || this.#of.released) return
    try {
      const decision = this.#actor.decide(event)
      if (decision) return await this.#take(decision, before, origin)
    } catch (error) {
      // Committed, or not ours any more: there is nothing to end.
      if (this.#of.released || this.#actor.snapshot !== before) throw error
      this.#logger.error('A chart failed on an event of its own; the lifecycle ends as an error.', {
        lifecycle: id,
        event: event.type,
        // The path of what is not JSON may be made of data.
        error: isLifechartError(error, 'NOT_SERIALIZABLE') ? error.code : errorText(error),
      })
      // Without what it carries: that may be what is too large for a commit.
      return this.#take(this.#actor.faulted({ type: event.type }, error), before, origin)
    }
    if (origin.deadline === undefined) return
    await journal.drop(origin.deadline, before)
    alarm.set()
  }

  #take(decision: Decision, before: AnyMachineSnapshot, origin: Origin): Promise<void> {
    const { id, spec } = this.#of
    const draft = spec.draft?.({ event: decision.event, next: decision.next, id }) ?? {}
    return this.commit(decision, before, origin, draft, () => this.#actor.letThrough(decision))
  }

  /** Commits what is decided; `apply` makes it happen. */
  async commit(decision: Decision, before: AnyMachineSnapshot | undefined, origin: Origin, draft: Draft, apply: () => void): Promise<void> {
    const record = await this.#of.journal.write(decision, before, origin, draft, () => {
      this.#of.durable()
      apply()
    })
    this.#of.stepped(record, decision.next)
  }
}
