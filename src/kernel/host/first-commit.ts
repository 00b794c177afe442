import type { AnyEventObject, AnyMachineSnapshot } from 'xstate'
import { isLifechartError } from '../../errors.ts'
import type { StreamHead } from '../port.ts'
import type { Draft } from '../stream/writer.ts'
import type { ChartSpec } from './chart.ts'
import type { Decision } from './decision.ts'
import type { GatedActor } from './gated-actor.ts'
import type { Journal } from './journal.ts'
import type { Origin } from './step.ts'

interface Parts {
  readonly spec: ChartSpec
  readonly actor: GatedActor
  readonly journal: Journal
  /** The live session of this runtime. */
  session(): string
  /** Resolves when there is a live one, if ours had lapsed. */
  renewSession(): Promise<void>
  commit(decision: Decision, before: AnyMachineSnapshot | undefined, origin: Origin, draft: Draft, apply: () => void): Promise<void>
}

/** How a lifecycle becomes this runtime's: its first commit here creates the stream, or makes a stored one ours and tells the chart so. */
export class FirstCommit {
  readonly #parts: Parts
  #stored: StreamHead | undefined
  #made = false

  constructor(parts: Parts, stored: StreamHead | undefined) {
    this.#parts = parts
    this.#stored = stored
  }

  /** True once it is durable. */
  get made(): boolean {
    return this.#made
  }

  /** Resolves with false when the session was lost while the commit was under way. What failed may be tried again. */
  async make(draft: Draft, start: { input?: unknown } = {}): Promise<boolean> {
    const { session, renewSession } = this.#parts
    let owner = session()
    const stillOwned = () => session() === owner
    const attempt = () => (this.#stored ? this.#takeOver(this.#stored, draft, stillOwned) : this.#create(draft, start, stillOwned))
    try {
      await attempt()
    } catch (error) {
      // This process stood still for too long, and this is the first to notice.
      if (!isLifechartError(error, 'SESSION_LOST')) throw error
      await renewSession()
      owner = session()
      await attempt()
    }
    return stillOwned()
  }

  async #create(draft: Draft, start: { input?: unknown }, stillOwned: () => boolean): Promise<void> {
    const { actor, commit } = this.#parts
    const event: AnyEventObject = { type: 'lifechart.start', ...start }
    const decision: Decision = { event, next: actor.snapshot, actions: actor.initial }
    await commit(decision, undefined, { cause: 'start' }, acquiring(draft), () => {
      this.#made = true
      if (stillOwned()) actor.start(decision.next)
    })
  }

  async #takeOver(stored: StreamHead, draft: Draft, stillOwned: () => boolean): Promise<void> {
    const { spec, actor, journal, commit } = this.#parts
    const before = actor.snapshot
    const told = spec.takeover?.(before, stored, journal.facts)
    const decision = (told && actor.decide(told)) || { event: { type: 'lifechart.restore' }, next: before, actions: [] }
    await commit(decision, before, { cause: 'restore' }, acquiring(draft), () => {
      this.#made = true
      if (stillOwned()) actor.start(decision.next, decision.actions)
    })
    this.#stored = undefined
  }
}

const acquiring = (draft: Draft): Draft => ({ ...draft, change: { own: 'acquire', ...draft.change } })
