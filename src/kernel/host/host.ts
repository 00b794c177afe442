import type { AnyEventObject, AnyMachineSnapshot } from 'xstate'
import { isLifechartError, LifechartError } from '../../errors.ts'
import { readEnvelope } from '../envelope.ts'
import { errorText } from '../error-text.ts'
import type { StreamHead } from '../port.ts'
import type { Scheduler, Sleeper } from '../scheduler.ts'
import type { StepRecord } from '../stream/record.ts'
import type { Stream } from '../stream/stream.ts'
import { type Draft, Writer, type WriterHouse } from '../stream/writer.ts'
import type { ChartSpec } from './chart.ts'
import { type DeadlineEntries, Deadlines } from './deadlines.ts'
import { accepts, type Decision, earliest, sendable } from './decision.ts'
import { type ActorEvents, type ActorHouse, GatedActor } from './gated-actor.ts'
import { Patience } from './patience.ts'
import { childId, persistSnapshot, recordable } from './snapshot.ts'
import { composeStep, encodeEnvelope, type Origin } from './step.ts'

/** What all hosts of a runtime share. */
export interface HostHouse extends ActorHouse {
  readonly scheduler: Scheduler
  readonly writers: WriterHouse
  /** Called with each committed step, after it was published to its stream. */
  stepped(host: Host, record: StepRecord, snapshot: AnyMachineSnapshot): void
  /** The lifecycle is not this runtime's any more. */
  lost(host: Host, error: LifechartError): void
  /** Its first commit here was refused: it is not this runtime's. */
  unopened(host: Host): void
  /** Our session may have lapsed: resolves when there is a live one. */
  renewSession(): Promise<void>
  ended(host: Host): void
}

/** The whole context is recorded in the first step and in every one behind this many. */
const fullEvery = 64

/**
 * Binds one chart to one stream: XState decides and applies, the host puts a commit in between. Events reach the chart one
 * at a time: decide (nothing runs), commit, let through (the recorded actions run), publish.
 */
export class Host implements Sleeper {
  readonly id: string
  readonly spec: ChartSpec
  readonly stream: Stream<unknown>
  readonly writer: Writer
  /** The product's own facts, stored in the envelope. */
  facts: unknown
  attempt = 1
  /** Steps so far; every other record is data. */
  steps = 0
  /** The last command from another process that was answered, and the last that was put into the queue. */
  commands = 0
  commandsTaken = 0
  due: number | null = null
  /** Wakes the host before its earliest deadline, for limits that are not the chart's. */
  alarm: (() => number | null) | undefined
  onAlarm: ((now: number) => void) | undefined
  /** Something was committed. */
  onRecorded: (() => void) | undefined
  readonly #house: HostHouse
  readonly #actor: GatedActor
  readonly #deadlines: Deadlines
  readonly #patience = new Patience()
  #released = false
  #stored: StreamHead | undefined
  /** Ends of children that the former owner had not decided. */
  #lost: AnyEventObject[] = []
  #undecided: { event: AnyEventObject; id: string; child: unknown }[] = []
  #endings: (() => void)[] = []
  #stepsSinceFull = 0

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
        this.#patience.recover()
        this.onRecorded?.()
      },
    })
    const events: ActorEvents = {
      turnedAway: event => this.turnedAway(event),
      replaced: (former, children) => {
        for (const entry of this.#undecided) if (former[entry.id] === entry.child) entry.child = children[entry.id]
      },
    }
    if ('stored' in source) {
      const envelope = readEnvelope(spec.machine, id, source.stored.state, house.logger)
      this.#deadlines = new Deadlines(envelope.deadlines)
      this.#lost = envelope.undecided ?? []
      this.attempt = envelope.attempt + 1
      this.steps = envelope.steps
      this.commands = envelope.commands ?? 0
      this.commandsTaken = this.commands
      this.facts = envelope.facts
      this.#stored = source.stored
      this.#actor = new GatedActor(id, spec, house, { snapshot: envelope.snapshot }, events)
    } else {
      this.#deadlines = new Deadlines()
      this.#actor = new GatedActor(id, spec, house, source, events)
    }
  }

  get snapshot(): AnyMachineSnapshot {
    return this.#actor.snapshot
  }

  /** True once the chart has reached its end, and that is committed. */
  get over(): boolean {
    return this.stream.ended
  }

  /** What ended the chart as an error, if something did. */
  get fault(): unknown {
    return this.#actor.fault
  }

  /** The store has not answered for longer than the grace. */
  get storeError(): LifechartError | undefined {
    return this.#patience.overdue
  }

  get deadlines(): DeadlineEntries {
    return this.#deadlines.entries
  }

  get released(): boolean {
    return this.#released
  }

  /** True once its first commit here is durable: what it has is ours. */
  get begun(): boolean {
    return this.#stored === undefined && this.writer.version > 0
  }

  /** Resolves behind the end; rejects with `STORE_UNAVAILABLE` when the store is in the way for too long. */
  untilOver(): Promise<void> {
    return this.#patience.for(async () => {
      this.#patience.assert()
      await this.whenOver()
    })
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
    return this.#patient(async () => {
      try {
        await job((draft, start) => this.#first(draft, start))
      } catch (error) {
        this.#house.unopened(this)
        throw error
      }
    })
  }

  async #first(draft: Draft, start?: { input?: unknown }): Promise<void> {
    const { session } = this.#house.writers
    let owner: string
    const stillOwned = () => session() === owner
    const first = async () => {
      owner = session()
      await (this.#stored ? this.#takeOver(this.#stored, draft, stillOwned) : this.#begin(draft, start, stillOwned))
    }
    try {
      await first()
    } catch (error) {
      // This process stood still for too long, and this is the first to notice.
      if (!isLifechartError(error, 'SESSION_LOST')) throw error
      await this.#house.renewSession()
      await first()
    }
    // The session was lost while the commit was under way: it belongs to nobody, and whoever finds it takes it over.
    if (!stillOwned() && !this.over) this.#onLost(new LifechartError('SESSION_LOST', 'The session lapsed before this could begin.'))
  }

  /** Makes the first snapshot anew, of another input; only before the first commit. */
  renew(input: unknown): void {
    this.#actor.renew(input)
  }

  async #begin(draft: Draft, start: { input?: unknown } = {}, stillOwned: () => boolean): Promise<void> {
    const event: AnyEventObject = { type: 'lifechart.start', ...start }
    const decision: Decision = { event, next: this.snapshot, actions: this.#actor.initial }
    await this.#commit(decision, undefined, { cause: 'start' }, { ...draft, change: { own: 'acquire', ...draft.change } }, () => {
      if (stillOwned()) this.#actor.start(decision.next)
    })
  }

  async #takeOver(stored: StreamHead, draft: Draft, stillOwned: () => boolean): Promise<void> {
    const before = this.snapshot
    const told = this.spec.takeover?.(before, stored, this.facts)
    const decision = (told && this.#actor.decide(told)) || { event: { type: 'lifechart.restore' }, next: before, actions: [] }
    await this.#commit(decision, before, { cause: 'restore' }, { ...draft, change: { own: 'acquire', ...draft.change } }, () => {
      if (stillOwned()) this.#actor.start(decision.next, decision.actions)
    })
    this.#stored = undefined
    for (const event of this.#lost.splice(0)) this.turnedAway(event)
  }

  /**
   * Sends an event from outside; it is copied at once. Resolves with the committed snapshot; rejects with `EVENT_RESERVED`, `EVENT_REFUSED`,
   * `LIFECYCLE_ENDED`, `CHART_FAULT`, `NOT_SERIALIZABLE`, or `STORE_UNAVAILABLE` when the outcome stays open for too long.
   */
  dispatch(event: AnyEventObject, command?: { id: string; seq: number }): Promise<AnyMachineSnapshot> {
    return this.#patience.for(async () => {
      const own = sendable(event)
      // Somebody here asks again; a command from elsewhere is asked for once.
      if (!command) this.#patience.assert()
      return this.writer.enqueue(() =>
        this.#step(own, { cause: 'command', ...(command && { command: command.id, commandSeq: command.seq }) }),
      )
    })
  }

  /** True if the chart would take the event now. */
  can(event: AnyEventObject): boolean {
    return !this.over && !this.#released && accepts(this.snapshot, event)
  }

  /** An event of the chart's own: it becomes a step behind what is queued, or is dropped if the chart does not take it. */
  turnedAway(event: AnyEventObject): void {
    const id = childId(event)
    const entry = id === undefined ? undefined : { event, id, child: this.snapshot.children[id] }
    if (entry) this.#undecided.push(entry)
    this.writer
      .enqueue(async () => {
        if (entry) {
          this.#undecided.splice(this.#undecided.indexOf(entry), 1)
          // The child was replaced by another of the same id before its end was looked at.
          if (this.snapshot.children[entry.id] !== entry.child) return
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
    for (const [id, deadline] of this.#deadlines.takeDue(now)) {
      this.writer
        .enqueue(async () => {
          if (this.#deadlines.armed(id, deadline)) await this.#ownStep(deadline.event, { cause: 'timer', deadline: id })
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
    const deadline = this.#deadlines.next
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
    this.writer.stop(() => error)
    this.#actor.stop()
    this.#leave()
  }

  async #step(event: AnyEventObject, origin: Origin): Promise<AnyMachineSnapshot> {
    const before = this.snapshot
    if (before.status !== 'active') throw new LifechartError('LIFECYCLE_ENDED', `${this.id} has ended (${before.status}).`)
    const decision = this.#actor.decide(event)
    if (!decision) throw new LifechartError('EVENT_REFUSED', `${this.id} does not take "${event.type}" in ${JSON.stringify(before.value)}.`)
    await this.#take(decision, before, origin)
    return decision.next
  }

  /** A step of the chart's own: nobody waits for an answer, and a guard that throws ends the lifecycle. */
  async #ownStep(event: AnyEventObject, origin: Origin): Promise<void> {
    const before = this.snapshot
    if (before.status !== 'active' || this.#released) return
    try {
      const decision = this.#actor.decide(event)
      if (decision) return await this.#take(decision, before, origin)
    } catch (error) {
      // Committed, or not ours any more: there is nothing to end.
      if (this.#released || this.snapshot !== before) throw error
      this.#house.logger.error('A chart failed on an event of its own; the lifecycle ends as an error.', {
        lifecycle: this.id,
        event: event.type,
        // The path of what is not JSON may be made of data.
        error: isLifechartError(error, 'NOT_SERIALIZABLE') ? error.code : errorText(error),
      })
      // Without what it carries: that may be what is too large for a commit.
      return this.#take(this.#actor.faulted({ type: event.type }, error), before, origin)
    }
    if (origin.deadline === undefined) return
    // Not taken: the deadline has passed all the same, which must outlive a restart.
    const deadlines = this.#deadlines.without(origin.deadline)
    this.#deadlines.commit(deadlines)
    const envelope = { ...this.#facts(this.steps), seq: this.writer.version, time: this.#house.clock.now(), deadlines }
    const state = encodeEnvelope(this.spec, { ...envelope, snapshot: persistSnapshot(this.spec.machine, before) })
    await this.writer.commit(undefined, { change: { state, index: { due: earliest(deadlines) } } })
    this.rearm()
  }

  #take(decision: Decision, before: AnyMachineSnapshot, origin: Origin): Promise<void> {
    const draft = this.spec.draft?.({ event: decision.event, next: decision.next, id: this.id }) ?? {}
    return this.#commit(decision, before, origin, draft, () => this.#actor.letThrough(decision))
  }

  async #commit(
    decision: Decision,
    before: AnyMachineSnapshot | undefined,
    origin: Origin,
    draft: Draft,
    apply: () => void,
  ): Promise<void> {
    const { next, actions } = decision
    const active = next.status === 'active'
    const at = this.#house.clock.now()
    const full = !before || this.#stepsSinceFull >= fullEvery - 1 || origin.cause === 'restore' || !active
    const deadlines = this.#deadlines.after({ active, actions, now: at, seq: this.writer.version, fired: origin.deadline })
    const step = composeStep({
      spec: this.spec,
      decision,
      before,
      origin,
      at,
      deadlines,
      deadlinesChanged: deadlines !== this.#deadlines.entries,
      full,
      attempt: this.attempt,
      draft,
      envelope: this.#facts(this.steps + 1, origin.commandSeq),
    })
    await this.writer.commit(step.encode, step.draft, () => {
      this.#deadlines.commit(deadlines)
      this.#stepsSinceFull = full ? 0 : this.#stepsSinceFull + 1
      this.steps++
      this.commands = origin.commandSeq ?? this.commands
      this.#patience.recover()
      apply()
    })
    if (!active) this.stream.end()
    this.onRecorded?.()
    if (step.record) this.#house.stepped(this, step.record, next)
    if (active) this.rearm()
    else this.#end()
  }

  #facts(steps: number, commands = this.commands) {
    const undecided = [...this.#lost, ...this.#undecided.map(({ event }) => recordable(event))]
    return {
      steps,
      attempt: this.attempt,
      ...(undecided.length > 0 && { undecided }),
      ...(commands > 0 && { commands }),
      ...(this.facts !== undefined && { facts: this.facts }),
    }
  }

  #patient<T>(job: () => Promise<T>): Promise<T> {
    return this.#patience.for(() => this.writer.enqueue(job))
  }

  #onOverdue(error: LifechartError): void {
    if (!this.#patience.lose(error)) return
    this.#house.logger.error('The store does not answer.', { lifecycle: this.id, error: String(error.cause ?? error) })
    this.stream.fail(error)
    const told = this.spec.overdue?.(this.id, error)
    if (told) this.turnedAway(told)
  }

  #onLost(error: LifechartError): void {
    if (this.begun) this.#house.logger.warn('A lifecycle was taken over by another runtime.', { lifecycle: this.id })
    this.abandon(error)
    if (this.begun) this.#house.lost(this, error)
  }

  #unheard(error: unknown): void {
    if (this.#released || isLifechartError(error, 'STORE_UNAVAILABLE', 'LIFECYCLE_ENDED')) return
    this.#house.logger.error('A step of a lifecycle failed.', { lifecycle: this.id, error: String(error) })
  }

  #end(): void {
    this.due = null
    this.writer.stop(() => new LifechartError('LIFECYCLE_ENDED', `${this.id} has ended.`))
    this.#house.ended(this)
    this.#leave()
  }

  #leave(): void {
    const endings = this.#endings
    this.#endings = []
    for (const resolve of endings) resolve()
  }
}
