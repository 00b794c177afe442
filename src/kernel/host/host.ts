import type { AnyEventObject, AnyMachineSnapshot } from 'xstate'
import { isLifechartError, LifechartError } from '../../errors.ts'
import { readEnvelope } from '../envelope.ts'
import type { Json, StreamHead } from '../port.ts'
import type { Scheduler } from '../scheduler.ts'
import type { Deadline, StepRecord } from '../stream/record.ts'
import type { Stream } from '../stream/stream.ts'
import { type Draft, Writer, type WriterHouse } from '../stream/writer.ts'
import { Alarm } from './alarm.ts'
import type { ChartSpec } from './chart.ts'
import { type DeadlineEntries, Deadlines } from './deadlines.ts'
import { accepts, sendable } from './decision.ts'
import { FirstCommit } from './first-commit.ts'
import { type ActorEvents, type ActorHouse, GatedActor } from './gated-actor.ts'
import { Journal } from './journal.ts'
import { Patience } from './patience.ts'
import { type Stepping, Steps } from './steps.ts'
import { Undecided } from './undecided.ts'

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

/**
 * Binds one chart to one stream: XState decides and applies, the host puts a commit in between. Events reach the chart one
 * at a time: decide (nothing runs), commit, let through (the recorded actions run), publish.
 */
export class Host implements Stepping {
  readonly id: string
  readonly spec: ChartSpec
  readonly stream: Stream<unknown>
  readonly writer: Writer
  readonly journal: Journal
  readonly alarm: Alarm
  /** Something was committed. */
  onRecorded: (() => void) | undefined
  readonly #house: HostHouse
  readonly #actor: GatedActor
  readonly #steps: Steps
  readonly #deadlines: Deadlines
  readonly #patience = new Patience()
  #released = false
  /** Until it is made. */
  #firstCommit: FirstCommit | undefined
  readonly #undecided: Undecided
  #endings: (() => void)[] = []

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
    const stored = 'stored' in source ? source.stored : undefined
    const envelope = stored && readEnvelope(spec.machine, id, stored.state, house.logger)
    this.#deadlines = new Deadlines(envelope?.deadlines)
    this.#undecided = new Undecided(envelope?.undecided)
    const { writer } = this
    this.journal = new Journal({ spec, writer, deadlines: this.#deadlines, undecided: this.#undecided, clock: house.clock }, envelope)
    this.alarm = new Alarm(this.#deadlines, house.scheduler, (deadline, armed) => this.#fire(deadline, armed))
    const events: ActorEvents = {
      turnedAway: event => this.turnedAway(event),
      replaced: (former, children) => this.#undecided.replaced(former, children),
    }
    const origin = envelope ? { snapshot: envelope.snapshot } : 'stored' in source ? {} : source
    this.#actor = new GatedActor(id, spec, house, origin, events)
    this.#steps = new Steps(this, this.#actor, house.logger)
    this.#firstCommit = new FirstCommit(
      {
        spec,
        actor: this.#actor,
        journal: this.journal,
        session: () => house.writers.session(),
        renewSession: () => house.renewSession(),
        commit: (...step) => this.#steps.commit(...step),
      },
      stored,
    )
  }

  get snapshot(): AnyMachineSnapshot {
    return this.#actor.snapshot
  }

  /** True once the chart has reached its end, and that is committed. */
  get over(): boolean {
    return this.stream.ended
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
    return this.#firstCommit === undefined || this.#firstCommit.made
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
    const owned = await this.#firstCommit?.make(draft, start)
    this.#firstCommit = undefined
    for (const event of this.#undecided.takeLost()) this.turnedAway(event)
    // It belongs to nobody, and whoever finds it takes it over.
    if (!owned && !this.over) this.#onLost(new LifechartError('SESSION_LOST', 'The session lapsed before this could begin.'))
  }

  /** Makes the first snapshot anew, of another input; only before the first commit. */
  renew(input: unknown): void {
    this.#actor.renew(input)
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
        this.#steps.command(own, { cause: 'command', ...(command && { command: command.id, commandSeq: command.seq }) }),
      )
    })
  }

  /** True if the chart would take the event now. */
  can(event: AnyEventObject): boolean {
    return !this.over && !this.#released && accepts(this.snapshot, event)
  }

  /** An event of the chart's own: it becomes a step behind what is queued, or is dropped if the chart does not take it. */
  turnedAway(event: AnyEventObject): void {
    const end = this.#undecided.add(event, this.snapshot.children)
    this.writer
      .enqueue(async () => {
        if (!end || this.#undecided.take(end, this.snapshot.children)) await this.#steps.own(event, { cause: 'child' })
      })
      .catch(error => this.#unheard(error))
  }

  /** A job of the product in the same queue. */
  enqueue<T>(job: () => Promise<T> | T): Promise<T> {
    return this.writer.enqueue(job)
  }

  #fire(id: string, deadline: Deadline): void {
    this.writer
      .enqueue(async () => {
        if (this.#deadlines.armed(id, deadline)) await this.#steps.own(deadline.event, { cause: 'timer', deadline: id })
      })
      .catch(error => this.#unheard(error))
  }

  /** Stops what runs here, gives the stream back without an end, with its view if there is one, and writes nothing more. */
  async release(view?: () => { view?: Json }): Promise<void> {
    await this.writer
      .enqueue(async () => {
        this.#released = true
        this.#actor.stop()
        if (this.over || this.writer.version === 0) return
        await this.writer.commit(undefined, { change: { own: 'release', ...view?.() } })
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
    this.alarm.off()
    this.writer.stop(() => error)
    this.#actor.stop()
    this.#leave()
  }

  durable(): void {
    this.#patience.recover()
  }

  stepped(record: StepRecord | undefined, next: AnyMachineSnapshot): void {
    const active = next.status === 'active'
    if (!active) this.stream.end()
    this.onRecorded?.()
    if (record) this.#house.stepped(this, record, next)
    if (active) this.alarm.set()
    else this.#end()
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
    this.alarm.off()
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
