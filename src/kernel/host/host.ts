import { type AnyActor, type AnyActorRef, type AnyActorScope, type AnyEventObject, type AnyMachineSnapshot, createActor } from 'xstate'
import { isLifechartError, LifechartError } from '../../errors.ts'
import { type Envelope, newEnvelope, type PersistedSnapshot, readEnvelope } from '../envelope.ts'
import { assertJson } from '../json.ts'
import type { Clock, Logger, StreamHead } from '../port.ts'
import type { Scheduler, Sleeper } from '../scheduler.ts'
import { unavailable } from '../stream/persist.ts'
import { type Cause, type Deadline, encodeStep, type StepRecord } from '../stream/record.ts'
import type { Stream } from '../stream/stream.ts'
import { type Draft, Writer, type WriterHouse } from '../stream/writer.ts'
import type { ChartSpec } from './chart.ts'
import { accepts, type Decision, deadlinesAfter, decide, earliest, perform, type Recorded, recordingScope, reserved } from './decision.ts'
import { behindGate, type Gatekeeper, gate } from './gate.ts'
import { childId, contextPatch, persistSnapshot, plainError, recordable } from './snapshot.ts'

/** What all hosts of a runtime share. */
export interface HostHouse {
  readonly clock: Clock
  readonly logger: Logger
  readonly scheduler: Scheduler
  readonly writers: WriterHouse
  /** Called with each committed step, after it was published to its stream. */
  stepped(host: Host, record: StepRecord, snapshot: AnyMachineSnapshot): void
  /** The lifecycle is not this runtime's any more. */
  lost(host: Host, error: LifechartError): void
  ended(host: Host): void
}

/** The whole context is recorded in the first step and in every one behind this many. */
const fullEvery = 64

const none: Readonly<Record<string, Deadline>> = Object.freeze({})

interface Origin {
  cause: Cause
  command?: string
  /** The id of the deadline that fired. */
  deadline?: string
}

/**
 * Binds one chart to one stream: XState decides and applies, the host puts a commit in between. Events reach the chart one
 * at a time: decide (nothing runs), commit, let through (the recorded actions run), publish.
 */
export class Host implements Gatekeeper, Sleeper {
  readonly id: string
  readonly spec: ChartSpec
  readonly stream: Stream<unknown>
  readonly writer: Writer
  readonly #house: HostHouse
  /** The product's own facts, stored in the envelope. */
  facts: unknown
  attempt = 1
  /** Steps so far; every other record is data. */
  steps = 0
  /** The last command from another process that was answered. */
  commands = 0
  due: number | null = null
  /** Wakes the host before its earliest deadline, for limits that are not the chart's. */
  alarm: (() => number | null) | undefined
  onAlarm: ((now: number) => void) | undefined
  /** Something was committed. */
  onRecorded: (() => void) | undefined
  scope: AnyActorScope | undefined
  initial: Recorded[] = []
  admitted: Gatekeeper['admitted']
  #actor: AnyActor
  #performing = false
  #released = false
  #stored: StreamHead | undefined
  #deadlines = none
  readonly #woken = new WeakSet<Deadline>()
  /** Ends of children that the former owner had not decided. */
  #lost: AnyEventObject[] = []
  #undecided: { event: AnyEventObject; child: unknown }[] = []
  #waiting: Set<(error: LifechartError) => void> | undefined
  #overdue: LifechartError | undefined
  #endings: (() => void)[] = []
  #stepsSinceFull = 0
  #fault: unknown

  /**
   * Creates the actor, of an input or of what is stored; nothing is committed or started before {@link open}. `CHART_FAULT` when
   * the first snapshot can not be made, `ENVELOPE_INVALID` or `ENVELOPE_VERSION` when the stored one can not be read.
   */
  constructor(
    id: string,
    spec: ChartSpec,
    stream: Stream<unknown>,
    house: HostHouse,
    source: { input?: unknown } | { stored: StreamHead },
  ) {
    this.id = id
    this.spec = spec
    this.stream = stream
    this.#house = house
    this.writer = new Writer(stream, spec.kind, house.writers, {
      overdue: error => this.#onOverdue(error),
      lost: error => this.#onLost(error),
      flushed: () => {
        this.#recovered()
        this.onRecorded?.()
      },
    })
    if ('stored' in source) {
      const envelope = readEnvelope(spec.machine, id, source.stored.state)
      this.#deadlines = envelope.deadlines
      this.#lost = envelope.undecided ?? []
      this.attempt = envelope.attempt + 1
      this.steps = envelope.steps
      this.commands = envelope.commands ?? 0
      this.facts = envelope.facts
      this.#stored = source.stored
      this.#actor = this.#createActor({ snapshot: envelope.snapshot })
    } else this.#actor = this.#createActor(source)
  }

  get snapshot(): AnyMachineSnapshot {
    return this.#actor.getSnapshot() as AnyMachineSnapshot
  }

  /** True once the chart has reached its end, and that is committed. */
  get over(): boolean {
    return this.stream.ended
  }

  /** What ended the chart as an error, if something did. */
  get fault(): unknown {
    return this.#fault
  }

  /** The store has not answered for longer than the grace. */
  get storeError(): LifechartError | undefined {
    return this.#overdue
  }

  get deadlines(): Readonly<Record<string, Deadline>> {
    return this.#deadlines
  }

  get released(): boolean {
    return this.#released
  }

  #createActor(options: { input?: unknown; snapshot?: PersistedSnapshot }): AnyActor {
    const { clock, logger } = this.#house
    const actor = behindGate(this, () =>
      createActor(gate(this.spec.machine), {
        id: this.id,
        clock: clock as never,
        logger: (...values: unknown[]) => logger.info('A chart logged.', { lifecycle: this.id, values: values.map(String) }),
        ...(options as object),
      }),
    ) as AnyActor
    const snapshot = actor.getSnapshot() as AnyMachineSnapshot
    if (!options.snapshot && snapshot.status === 'error') {
      throw new LifechartError(
        'CHART_FAULT',
        `The first snapshot of "${this.spec.machine.id}" could not be made: ${plainError(snapshot.error).message}`,
        {
          cause: snapshot.error,
        },
      )
    }
    // Without an observer an error would become an uncaught exception; what there is to do about it is done where it can happen.
    actor.subscribe({ error: error => (this.#fault ??= error) })
    return actor
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

  /** Resolves behind the end; rejects with `STORE_UNAVAILABLE` when the store is in the way for too long. */
  untilOver(): Promise<void> {
    if (this.#overdue) return Promise.reject(unavailable(this.#overdue.cause))
    return this.#answered(() => this.whenOver())
  }

  /** Resolves behind the end, or when the lifecycle leaves this runtime. */
  whenOver(): Promise<void> {
    if (this.over || this.#released) return Promise.resolve()
    return new Promise(resolve => this.#endings.push(resolve))
  }

  /**
   * The first commit here, as the first job of the queue: it creates the stream, or makes a stored one ours and tells the chart
   * so. Nothing of the chart runs before it.
   */
  open(draft: Draft = {}): Promise<void> {
    return this.opening(begin => begin(draft))
  }

  /** Like {@link open}, for a product that has to try more than once: `begin` may be called until it succeeds. */
  opening(job: (begin: (draft: Draft, start?: { input?: unknown }) => Promise<void>) => Promise<void>): Promise<void> {
    return this.#patient(() => job((draft, start) => (this.#stored ? this.#takeOver(this.#stored, draft) : this.#begin(draft, start))))
  }

  /** Makes the first snapshot anew, of another input; only before the first commit. */
  renew(input: unknown): void {
    this.initial = []
    this.#actor = this.#createActor({ input })
  }

  async #begin(draft: Draft, start: { input?: unknown } = {}): Promise<void> {
    const event: AnyEventObject = { type: 'lifechart.start', ...start }
    const decision: Decision = { event, next: this.snapshot, actions: this.initial }
    await this.#commit(decision, undefined, { cause: 'start' }, { ...draft, change: { own: 'acquire', ...draft.change } }, () =>
      this.#start(decision.next),
    )
  }

  async #takeOver(stored: StreamHead, draft: Draft): Promise<void> {
    const before = this.snapshot
    const told = this.spec.takeover?.(before, stored, this.facts)
    const decision = (told && this.#decide(told)) || { event: { type: 'lifechart.restore' }, next: before, actions: [] }
    await this.#commit(decision, before, { cause: 'restore' }, { ...draft, change: { own: 'acquire', ...draft.change } }, () => {
      // What was decided may have stopped or started children: the actor is made anew from the committed state.
      if (decision.next !== before) this.#actor = this.#createActor({ snapshot: this.#plain(decision.next) })
      this.#start(this.snapshot)
      const own = decision.actions.filter(action => 'type' in action && !action.type.startsWith('xstate.'))
      if (this.scope) this.perform(own, this.scope)
    })
    this.#stored = undefined
    for (const event of this.#lost.splice(0)) this.turnedAway(event)
  }

  /**
   * Sends an event from outside. Resolves with the committed snapshot; rejects with `EVENT_RESERVED`, `EVENT_REFUSED`,
   * `LIFECYCLE_ENDED`, `CHART_FAULT`, `NOT_SERIALIZABLE`, or `STORE_UNAVAILABLE` when the outcome stays open for too long.
   */
  dispatch(event: AnyEventObject, command?: string): Promise<AnyMachineSnapshot> {
    if (reserved(event.type)) {
      return Promise.reject(new LifechartError('EVENT_RESERVED', `"${event.type}" is reserved. Name your events noun.verb.`))
    }
    try {
      assertJson(event, 'event')
    } catch (error) {
      return Promise.reject(error)
    }
    return this.#patient(() => this.#step(event, { cause: 'command', ...(command !== undefined && { command }) }))
  }

  /** True if the chart would take the event now. */
  can(event: AnyEventObject): boolean {
    return !this.over && accepts(this.snapshot, event)
  }

  /** An event of the chart's own: it becomes a step behind what is queued, or is dropped if the chart does not take it. */
  turnedAway(event: AnyEventObject): void {
    const child = childId(event)
    const entry = child === undefined ? undefined : { event, child: this.snapshot.children[child] }
    if (entry) this.#undecided.push(entry)
    this.writer
      .enqueue(async () => {
        if (entry) {
          this.#undecided.splice(this.#undecided.indexOf(entry), 1)
          // The child was replaced by another of the same id before its end was looked at.
          if (child !== undefined && this.snapshot.children[child] !== entry.child) return
        }
        await this.#ownStep(event, { cause: 'child' })
      })
      .catch(error => this.#unheard(error))
  }

  /** A job of the product in the same queue. */
  enqueue<T>(job: () => Promise<T> | T): Promise<T> {
    return this.writer.enqueue(job)
  }

  wake(now: number): void {
    for (const [id, deadline] of Object.entries(this.#deadlines).sort(([, a], [, b]) => a.at - b.at)) {
      if (deadline.at > now) break
      if (this.#woken.has(deadline)) continue
      this.#woken.add(deadline)
      this.writer
        .enqueue(async () => {
          // Only the entry that is still armed counts: a timer that lost a race against a command is gone.
          if (this.#deadlines[id] !== deadline) return
          await this.#ownStep(deadline.event, { cause: 'timer', deadline: id })
        })
        .catch(error => this.#unheard(error))
    }
    this.onAlarm?.(now)
    this.rearm()
  }

  /** Takes note of a changed {@link alarm} or of changed deadlines. */
  rearm(): void {
    if (this.over || this.#released) {
      this.due = null
      return
    }
    // A deadline that is being worked on is not armed again: the step it becomes takes it away.
    const deadline = earliest(this.#deadlines, this.#woken)
    const alarm = this.alarm?.() ?? null
    const due = deadline === null ? alarm : alarm === null ? deadline : Math.min(deadline, alarm)
    if (due === this.due) return
    this.due = due
    this.#house.scheduler.arm(this)
  }

  /** Stops what runs here, gives the stream back without an end, and writes nothing more. */
  async release(): Promise<void> {
    await this.writer
      .enqueue(async () => {
        this.#released = true
        this.#actor.stop()
        if (!this.over && this.writer.version > 0) await this.writer.commit(undefined, { change: { own: 'release' } })
      })
      .catch(error => {
        if (!isLifechartError(error, 'RUNTIME_CLOSED')) this.#unheard(error)
      })
    this.abandon(
      new LifechartError('RUNTIME_CLOSED', 'The runtime was closed. The lifecycle goes on with its next owner.', { retryable: true }),
    )
  }

  /** Stops what runs here, at once; nothing is written. */
  abandon(error: LifechartError): void {
    this.#released = true
    this.due = null
    this.writer.stop(error)
    this.#actor.stop()
    this.#leave()
  }

  #start(committed: AnyMachineSnapshot): void {
    if (committed.status !== 'active') return
    this.#actor.start()
    this.#revive(committed)
  }

  /** After an action that threw: the committed state stands, and the actor is made anew from it. */
  #revive(committed: AnyMachineSnapshot): void {
    const { status, error } = this.snapshot
    if (status === committed.status || status !== 'error') return
    this.#house.logger.error('An action threw. It is not repeated; the lifecycle goes on from its committed state.', {
      lifecycle: this.id,
      error: String(error),
    })
    for (const child of Object.values(committed.children)) this.scope?.stopChild(child as AnyActorRef)
    this.#actor = this.#createActor({ snapshot: this.#plain(committed) })
    if (committed.status === 'active') this.#actor.start()
  }

  #decide(event: AnyEventObject): Decision | undefined {
    const { scope } = this
    if (!scope) throw new LifechartError('CHART_FAULT', `${this.id} has no actor.`)
    return decide(this.spec.machine, this.snapshot, event, recorded => this.record(recorded, scope))
  }

  async #step(event: AnyEventObject, origin: Origin): Promise<AnyMachineSnapshot> {
    const before = this.snapshot
    if (before.status !== 'active') throw new LifechartError('LIFECYCLE_ENDED', `${this.id} has ended (${before.status}).`)
    const decision = this.#decide(event)
    if (!decision) throw new LifechartError('EVENT_REFUSED', `${this.id} does not take "${event.type}" in ${JSON.stringify(before.value)}.`)
    await this.#take(decision, before, origin)
    return decision.next
  }

  /** A step of the chart's own: nobody waits for an answer, and a guard that throws ends the lifecycle. */
  async #ownStep(event: AnyEventObject, origin: Origin): Promise<void> {
    const before = this.snapshot
    if (before.status !== 'active' || this.#released) return
    let decision: Decision | undefined
    try {
      decision = this.#decide(event)
      if (decision) contextPatch(before.context, decision.next.context, decision.next.context)
    } catch (error) {
      this.#house.logger.error('A chart failed on an event of its own; the lifecycle ends as an error.', {
        lifecycle: this.id,
        event: event.type,
        error: String(error),
      })
      decision = this.#faulted(event, before, error)
    }
    if (decision) return this.#take(decision, before, origin)
    if (origin.deadline === undefined) return
    // Not taken: the deadline has passed all the same, which must outlive a restart.
    const { [origin.deadline]: _, ...rest } = this.#deadlines
    this.#deadlines = rest
    await this.writer.commit(undefined, { change: { state: this.#state(before, this.writer.version), index: { due: earliest(rest) } } })
    this.rearm()
  }

  /** The step in which a fault ends the chart. */
  #faulted(event: AnyEventObject, before: AnyMachineSnapshot, error: unknown): Decision {
    const { machine } = this.spec
    const { scope } = this
    const actions: Recorded[] = []
    if (!scope) throw error
    const stopped = machine.transition(before, { type: 'xstate.stop' } as never, this.record(actions, scope))
    return { event: { ...event, fault: plainError(error) }, next: { ...stopped, status: 'error', error } as AnyMachineSnapshot, actions }
  }

  #take(decision: Decision, before: AnyMachineSnapshot, origin: Origin): Promise<void> {
    const draft = this.spec.draft?.({ event: decision.event, next: decision.next, host: this }) ?? {}
    return this.#commit(decision, before, origin, draft, () => this.#letThrough(decision))
  }

  #letThrough(decision: Decision): void {
    this.admitted = decision
    try {
      this.#actor.send(decision.event)
    } finally {
      this.admitted = undefined
    }
    this.#revive(decision.next)
  }

  async #commit(
    decision: Decision,
    before: AnyMachineSnapshot | undefined,
    origin: Origin,
    draft: Draft,
    apply: () => void,
  ): Promise<void> {
    const { clock } = this.#house
    const { next, event } = decision
    const at = clock.now()
    const persisted = persistSnapshot(this.spec.machine, next)
    const patch = before ? contextPatch(before.context, next.context, persisted.context) : undefined
    if (!before) assertJson(persisted.context, 'context')
    const full = !before || this.#stepsSinceFull >= fullEvery - 1 || origin.cause === 'restore' || next.status !== 'active'
    const children = Object.keys(next.children)
    let deadlines = next.status === 'active' ? deadlinesAfter(this.#deadlines, decision.actions, at, this.writer.version) : none
    if (origin.deadline !== undefined && deadlines[origin.deadline] === this.#deadlines[origin.deadline]) {
      const { [origin.deadline]: _, ...rest } = deadlines
      deadlines = rest
    }
    const due = earliest(deadlines)
    let record: StepRecord | undefined
    const encode = (seq: number) => {
      record = {
        seq,
        at,
        cause: origin.cause,
        event: recordable(event),
        from: before?.value,
        value: next.value,
        status: next.status,
        ...(full ? { context: persisted.context } : patch && { patch }),
        ...((full || deadlines !== this.#deadlines) && { deadlines }),
        ...((full || children.length > 0) && { children }),
        ...(origin.command !== undefined && { command: origin.command }),
        ...(origin.cause === 'restore' && { attempt: this.attempt }),
      }
      // Only now the number is known: data may have been appended while this waited for its turn.
      change.state = JSON.stringify(this.#envelope(persisted, deadlines, seq, at, this.steps + 1))
      return encodeStep(record)
    }
    const change: NonNullable<Draft['change']> = {
      ...draft.change,
      index: { live: next.status === 'active', changed: at, due, ...this.spec.index?.(next), ...draft.change?.index },
    }
    const whole: Draft = { ...draft, change }
    await this.writer.commit(encode, whole, () => {
      this.#deadlines = deadlines
      this.#stepsSinceFull = full ? 0 : this.#stepsSinceFull + 1
      this.steps++
      this.#recovered()
      apply()
    })
    if (next.status !== 'active') this.stream.end()
    this.onRecorded?.()
    if (record) this.#house.stepped(this, record, next)
    if (next.status !== 'active') this.#end()
    else this.rearm()
  }

  #envelope(
    snapshot: PersistedSnapshot,
    deadlines: Readonly<Record<string, Deadline>>,
    seq: number,
    time: number,
    steps: number,
  ): Envelope {
    return newEnvelope(this.spec.machine, {
      seq,
      steps,
      time,
      attempt: this.attempt,
      snapshot,
      deadlines,
      ...(this.#undecided.length > 0 && { undecided: this.#undecided.map(({ event }) => recordable(event)) }),
      ...(this.commands > 0 && { commands: this.commands }),
      ...(this.facts !== undefined && { facts: this.facts }),
    })
  }

  #plain(snapshot: AnyMachineSnapshot): PersistedSnapshot {
    return JSON.parse(JSON.stringify(persistSnapshot(this.spec.machine, snapshot)))
  }

  #state(snapshot: AnyMachineSnapshot, seq: number): string {
    return JSON.stringify(
      this.#envelope(persistSnapshot(this.spec.machine, snapshot), this.#deadlines, seq, this.#house.clock.now(), this.steps),
    )
  }

  #patient<T>(job: () => Promise<T>): Promise<T> {
    return this.#answered(() => this.writer.enqueue(job))
  }

  /** Answers with `STORE_UNAVAILABLE` when the store keeps the caller waiting for longer than the grace. */
  #answered<T>(work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting ??= new Set()
      const waiting = this.#waiting
      waiting.add(reject)
      work()
        .then(resolve, reject)
        .finally(() => {
          waiting.delete(reject)
          if (waiting.size === 0 && this.#waiting === waiting) this.#waiting = undefined
        })
    })
  }

  #onOverdue(error: LifechartError): void {
    if (this.#overdue) return
    this.#overdue = error
    this.#house.logger.error('The store does not answer.', { lifecycle: this.id, error: String(error.cause ?? error) })
    for (const reject of this.#waiting ?? []) reject(unavailable(error.cause))
    this.stream.fail(error)
    const told = this.spec.overdue?.(this, error)
    if (told) this.turnedAway(told)
  }

  #recovered(): void {
    this.#overdue = undefined
  }

  #onLost(error: LifechartError): void {
    this.#house.logger.warn('A lifecycle was taken over by another runtime.', { lifecycle: this.id })
    this.abandon(error)
    this.#house.lost(this, error)
  }

  #unheard(error: unknown): void {
    if (this.#released || isLifechartError(error, 'STORE_UNAVAILABLE')) return
    this.#house.logger.error('A step of a lifecycle failed.', { lifecycle: this.id, error: String(error) })
  }

  #end(): void {
    this.due = null
    this.writer.stop(new LifechartError('LIFECYCLE_ENDED', `${this.id} has ended.`))
    this.#house.ended(this)
    this.#leave()
  }

  #leave(): void {
    const endings = this.#endings
    this.#endings = []
    for (const resolve of endings) resolve()
  }
}
