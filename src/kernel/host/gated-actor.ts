import { type AnyActor, type AnyActorRef, type AnyActorScope, type AnyEventObject, type AnyMachineSnapshot, createActor } from 'xstate'
import { LifechartError } from '../../errors.ts'
import type { PersistedSnapshot } from '../envelope.ts'
import type { Clock, Logger } from '../port.ts'
import type { ChartSpec } from './chart.ts'
import { type Decision, decide, perform, type Recorded, recordingScope } from './decision.ts'
import { behindGate, type Gatekeeper, gate } from './gate.ts'
import { persistSnapshot, plainError } from './snapshot.ts'

export interface ActorHouse {
  readonly clock: Clock
  readonly logger: Logger
}

/** The live actor of a lifecycle, behind its gate: nothing enters it but what was decided and committed. */
export class GatedActor implements Gatekeeper {
  readonly #id: string
  readonly #spec: ChartSpec
  readonly #house: ActorHouse
  readonly turnedAway: (event: AnyEventObject) => void
  scope: AnyActorScope | undefined
  initial: Recorded[] = []
  admitted: Gatekeeper['admitted']
  #actor: AnyActor
  #performing = false
  /** What ended the chart as an error, or an action that threw. */
  fault: unknown

  /** `CHART_FAULT` when the first snapshot can not be made. */
  constructor(
    id: string,
    spec: ChartSpec,
    house: ActorHouse,
    source: { input?: unknown; snapshot?: PersistedSnapshot },
    turnedAway: (event: AnyEventObject) => void,
  ) {
    this.#id = id
    this.#spec = spec
    this.#house = house
    this.turnedAway = turnedAway
    this.#actor = this.#create(source)
  }

  get snapshot(): AnyMachineSnapshot {
    return this.#actor.getSnapshot() as AnyMachineSnapshot
  }

  #create(source: { input?: unknown; snapshot?: PersistedSnapshot }): AnyActor {
    const { clock, logger } = this.#house
    const actor = behindGate(this, () =>
      createActor(gate(this.#spec.machine), {
        id: this.#id,
        clock: clock as never,
        logger: (...values: unknown[]) => logger.info('A chart logged.', { lifecycle: this.#id, values: values.map(String) }),
        ...(source as object),
      }),
    ) as AnyActor
    const { status, error } = actor.getSnapshot() as AnyMachineSnapshot
    if (!source.snapshot && status === 'error') {
      throw new LifechartError(
        'CHART_FAULT',
        `The first snapshot of "${this.#spec.machine.id}" could not be made: ${plainError(error).message}`,
        {
          cause: error,
        },
      )
    }
    // Without an observer an error would become an uncaught exception; what is to be done about it is done where it can happen.
    actor.subscribe({ error: thrown => (this.fault ??= thrown) })
    return actor
  }

  /** Makes the first snapshot anew, of another input; only before the actor was started. */
  renew(input: unknown): void {
    this.initial = []
    this.#actor = this.#create({ input })
  }

  /** Starts it from a committed snapshot; one that was decided on a restored actor needs a new actor. */
  start(committed: AnyMachineSnapshot): void {
    if (committed !== this.snapshot) this.#actor = this.#create({ snapshot: this.#plain(committed) })
    if (committed.status !== 'active') return
    this.#actor.start()
    this.#revive(committed)
  }

  stop(): void {
    this.#actor.stop()
  }

  record(recorded: Recorded[], scope: AnyActorScope): AnyActorScope {
    return recordingScope(recorded, scope, () => this.#performing)
  }

  perform(actions: readonly Recorded[], scope: AnyActorScope): void {
    this.#performing = true
    try {
      perform(actions, scope)
    } finally {
      this.#performing = false
    }
  }

  /** Runs the chart's own actions of a step that was decided before the actor was made; XState's are in its snapshot. */
  performOwn(actions: readonly Recorded[]): void {
    if (!this.scope) return
    this.perform(
      actions.filter(action => 'type' in action && !action.type.startsWith('xstate.')),
      this.scope,
    )
  }

  /** What the chart makes of an event; undefined if it does not take it, `CHART_FAULT` if a guard or an assign throws. */
  decide(event: AnyEventObject): Decision | undefined {
    return decide(this.#spec.machine, this.snapshot, event, recorded => this.record(recorded, this.#scope()))
  }

  /** The step in which a fault ends the chart. */
  faulted(event: AnyEventObject, error: unknown): Decision {
    const actions: Recorded[] = []
    const stopped = this.#spec.machine.transition(
      this.snapshot,
      { type: 'xstate.stop' } as never,
      this.record(actions, this.#scope()),
    ) as AnyMachineSnapshot
    return { event: { ...event, fault: plainError(error) }, next: { ...stopped, status: 'error', error } as AnyMachineSnapshot, actions }
  }

  /** Lets a committed step through: its actions run, and its snapshot is the actor's. */
  letThrough(decision: Decision): void {
    this.admitted = decision
    try {
      this.#actor.send(decision.event)
    } finally {
      this.admitted = undefined
    }
    this.#revive(decision.next)
  }

  /** After an action that threw: the committed state stands, and the actor is made anew from it. */
  #revive(committed: AnyMachineSnapshot): void {
    const { status, error } = this.snapshot
    if (status === committed.status || status !== 'error') return
    this.#house.logger.error('An action threw. It is not repeated; the lifecycle goes on from its committed state.', {
      lifecycle: this.#id,
      error: String(error),
    })
    for (const child of Object.values(committed.children)) this.scope?.stopChild(child as AnyActorRef)
    this.#actor = this.#create({ snapshot: this.#plain(committed) })
    if (committed.status === 'active') this.#actor.start()
  }

  #scope(): AnyActorScope {
    if (!this.scope) throw new LifechartError('CHART_FAULT', `${this.#id} has no actor.`)
    return this.scope
  }

  #plain(snapshot: AnyMachineSnapshot): PersistedSnapshot {
    return JSON.parse(JSON.stringify(persistSnapshot(this.#spec.machine, snapshot)))
  }
}
