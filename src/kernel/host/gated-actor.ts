import { type AnyActor, type AnyActorRef, type AnyActorScope, type AnyEventObject, type AnyMachineSnapshot, createActor } from 'xstate'
import { LifechartError } from '../../errors.ts'
import type { PersistedSnapshot } from '../envelope.ts'
import type { Clock, Logger } from '../port.ts'
import type { ChartSpec } from './chart.ts'
import { type Decision, decide, perform, type Recorded, recordingScope } from './decision.ts'
import { behindGate, type Gatekeeper, gate } from './gate.ts'
import { persistSnapshot, plainError } from './snapshot.ts'
import { keepingSystemIds } from './system-ids.ts'

export interface ActorHouse {
  readonly clock: Clock
  readonly logger: Logger
}

/** What the actor tells its host. */
export interface ActorEvents {
  /** An event reached it by itself. */
  turnedAway(event: AnyEventObject): void
  /** It was made anew from its committed state, its children too. */
  replaced(former: Record<string, AnyActorRef>, children: Record<string, AnyActorRef>): void
}

/** The live actor of a lifecycle, behind its gate: nothing enters it but what was decided and committed. */
export class GatedActor implements Gatekeeper {
  readonly #id: string
  readonly #spec: ChartSpec
  readonly #house: ActorHouse
  readonly #events: ActorEvents
  scope: AnyActorScope | undefined
  initial: Recorded[] = []
  admitted: Gatekeeper['admitted']
  #actor: AnyActor
  #performing = false
  #stopped: AnyMachineSnapshot | undefined

  /** `CHART_FAULT` when the first snapshot can not be made. */
  constructor(
    id: string,
    spec: ChartSpec,
    house: ActorHouse,
    source: { input?: unknown; snapshot?: PersistedSnapshot },
    events: ActorEvents,
  ) {
    this.#id = id
    this.#spec = spec
    this.#house = house
    this.#events = events
    this.#actor = this.#create(source)
  }

  turnedAway(event: AnyEventObject): void {
    this.#events.turnedAway(event)
  }

  refused(type: string | undefined): void {
    this.#house.logger.warn('An actor sent what is no event, or one by a reserved name; it was dropped.', {
      lifecycle: this.#id,
      ...(type !== undefined && { event: type }),
    })
  }

  /** The committed one, also after {@link stop}. */
  get snapshot(): AnyMachineSnapshot {
    return this.#stopped ?? this.#live
  }

  get #live(): AnyMachineSnapshot {
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
    actor.subscribe({ error: () => undefined })
    return actor
  }

  /** Makes the first snapshot anew, of another input; only before the actor was started. */
  renew(input: unknown): void {
    this.initial = []
    this.#actor = this.#create({ input })
  }

  /**
   * Starts it from a committed snapshot; one that was decided on a restored actor needs a new actor. Of that decision only the
   * chart's own actions are performed: XState's are in its snapshot.
   */
  start(committed: AnyMachineSnapshot, decided: readonly Recorded[] = []): void {
    if (committed !== this.snapshot) this.#actor = this.#create({ snapshot: this.#plain(committed) })
    const own = decided.filter(action => 'type' in action && !action.type.startsWith('xstate.'))
    if (committed.status === 'active') {
      this.#actor.start()
      this.#revive(committed)
      this.#performApart(own)
      return
    }
    // XState puts off what is performed before the start, and does not ask the gate for an actor that is over by then.
    this.perform([...this.initial, ...own], this.#scope())
    this.initial = []
    this.#actor.start()
    this.#revive(committed)
  }

  stop(): void {
    this.#stopped ??= this.snapshot
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

  /** Outside a step of the actor, where XState does not catch what an action throws. */
  #performApart(actions: readonly Recorded[]): void {
    try {
      this.perform(actions, this.#scope())
    } catch (error) {
      this.#threw(error)
    }
  }

  /** What the chart makes of an event; undefined if it does not take it, `CHART_FAULT` if a guard or an assign throws. */
  decide(event: AnyEventObject): Decision | undefined {
    const scope = this.#scope()
    return keepingSystemIds(scope.system, () => decide(this.#spec.machine, this.snapshot, event, recorded => this.record(recorded, scope)))
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
    this.#threw(error)
    const children = committed.children as Record<string, AnyActorRef>
    // Before they are stopped: a child that was stopped is stored as such and would not start again.
    const snapshot = this.#plain(committed)
    for (const child of Object.values(children)) this.scope?.stopChild(child)
    this.#actor = this.#create({ snapshot })
    this.#events.replaced(children, this.snapshot.children as Record<string, AnyActorRef>)
    if (committed.status === 'active') this.#actor.start()
  }

  #threw(error: unknown): void {
    this.#house.logger.error('An action threw. It is not repeated; the lifecycle goes on from its committed state.', {
      lifecycle: this.#id,
      error: String(error),
    })
  }

  #scope(): AnyActorScope {
    if (!this.scope) throw new LifechartError('CHART_FAULT', `${this.#id} has no actor.`)
    return this.scope
  }

  #plain(snapshot: AnyMachineSnapshot): PersistedSnapshot {
    return JSON.parse(JSON.stringify(persistSnapshot(this.#spec.machine, snapshot)))
  }
}
