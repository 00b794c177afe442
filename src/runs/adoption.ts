import { isLifechartError } from '../errors.ts'
import type { Finding } from '../kernel/claims.ts'
import type { ChartSpec } from '../kernel/host/chart.ts'
import type { StreamHead } from '../kernel/port.ts'
import { decode, Step } from '../kernel/stream/record.ts'
import { findFree } from '../kernel/streams-found.ts'
import type { RunMachineEvent } from '../machines/run.ts'
import { runPresentation } from './events.ts'
import { LiveRun, type RunWatch } from './live-run.ts'
import { latestKey, runIdOf, runStream } from './names.ts'
import type { Roster } from './roster.ts'
import { type RunFacts, readRun } from './stored.ts'

/** Runs that nobody owns any more: resumed, stopped or ended as an error by their own policy, and forgotten when their time is up. */
export class Adoption {
  readonly #roster: Roster
  readonly #spec: ChartSpec
  readonly #watch: RunWatch
  /** Orphans whose type nobody has defined yet: since when (milliseconds), and whether the grace has passed. */
  readonly #typeless = new Map<string, { type: string; since: number; timer: unknown; over: boolean }>()

  constructor(roster: Roster, spec: ChartSpec, watch: RunWatch) {
    this.#roster = roster
    this.#spec = spec
    this.#watch = watch
  }

  /** Since when (milliseconds) a run waits for its type; undefined if it does not. */
  typelessSince(runId: string): number | undefined {
    return this.#typeless.get(runStream(runId))?.since
  }

  /** A type was defined: those that waited for it are looked at again. */
  defined(type: string): void {
    const waiting = [...this.#typeless].flatMap(([stream, entry]) => (entry.type === type ? [stream] : []))
    for (const stream of waiting) this.#waitsNoLonger(stream)
    if (waiting.length > 0) this.#roster.kernel.sweep.reconsider(waiting)
  }

  #waitsNoLonger(stream: string): void {
    this.#roster.kernel.environment.clock.clearTimeout(this.#typeless.get(stream)?.timer)
    this.#typeless.delete(stream)
  }

  close(): void {
    for (const { timer } of this.#typeless.values()) this.#roster.kernel.environment.clock.clearTimeout(timer)
    this.#typeless.clear()
  }

  /** What the new owner of a run tells its chart. */
  verdict(facts: RunFacts): RunMachineEvent {
    const lacksType = facts.type === undefined || !this.#roster.types.has(facts.type)
    return { type: 'owner.lost', policy: facts.orphan === 'resume' && lacksType ? 'stop' : facts.orphan }
  }

  /** Takes over a stored run if nobody owns it; true if it did. */
  async adoptFree(head: StreamHead): Promise<boolean> {
    const free = await findFree(this.#roster.kernel.adapter, head)
    return free ? this.adopt(free, 'free') : false
  }

  /** True if something was done about it. */
  async adopt(head: StreamHead, finding: Finding): Promise<boolean> {
    const { kernel, lanes, types, limits, counters } = this.#roster
    if (!head.index.live) return finding === 'due' && this.#forget(head)
    if (kernel.host(head.stream)) return true
    const { facts } = readRun(head)
    if (this.#awaitsType(head.stream, facts)) return false
    const input = await this.#inputOf(head)
    // One that was replaced meanwhile is not what its id means.
    const latest = (await kernel.adapter.load({ key: latestKey(head.index.context) }))?.stream === head.stream
    if (kernel.host(head.stream)) return true
    const host = kernel.takeOver(head, this.#spec, runPresentation)
    const run = new LiveRun(
      {
        id: head.index.context,
        runId: runIdOf(head.stream),
        producer: (facts.type !== undefined && types.get(facts.type)) || (() => undefined),
        type: facts.type,
        input,
        orphan: facts.orphan,
        attached: facts.attached ?? false,
        owner: head.index.owner,
        idleTimeout: facts.idleTimeout,
        chunkBytes: limits.chunkBytes,
      },
      kernel,
      host,
      this.#watch,
      self =>
        host.opening(async begin => {
          try {
            await self.resume()
            await begin({})
          } catch (error) {
            lanes.forget(self)
            throw error
          }
        }),
    )
    lanes.enterStored(run, latest)
    try {
      await run.started
    } catch (error) {
      // Somebody else was faster; or the commit goes on, and the run with it once the store answers.
      if (isLifechartError(error, 'VERSION_CONFLICT', 'OWNED', 'STORE_UNAVAILABLE')) return true
      throw error
    }
    counters.resumed++
    await kernel.commands.receive(host)
    return true
  }

  /** The retention in the store has passed. */
  async #forget(head: StreamHead): Promise<boolean> {
    const { kernel, retained } = this.#roster
    const key = latestKey(head.index.context)
    const latest = (await kernel.adapter.load({ key }))?.stream === head.stream
    await kernel.adapter.forget(head.stream, { expect: head.version })
    retained.remember(runIdOf(head.stream), ...(latest ? [key] : []))
    return true
  }

  /** The input is in the first record. */
  async #inputOf(head: StreamHead): Promise<unknown> {
    if (head.floor > 0) return undefined
    const { events } = await this.#roster.kernel.adapter.read(head.stream, { after: 0, limit: 1 })
    const first = decode(events[0] as string)
    return first instanceof Step && 'input' in first.record.event ? first.record.event.input : undefined
  }

  /** A run that is to be resumed waits a while for its type to be defined. */
  #awaitsType(stream: string, facts: RunFacts): boolean {
    const { kernel, types, limits } = this.#roster
    if (facts.orphan !== 'resume' || facts.type === undefined || types.has(facts.type)) return false
    const { clock } = kernel.environment
    const waiting = this.#typeless.get(stream)
    if (waiting) {
      if (!waiting.over) return true
      this.#waitsNoLonger(stream)
      return false
    }
    // The timer alone counts: the time of day may be set meanwhile.
    const timer = clock.setTimeout(() => {
      entry.over = true
      kernel.sweep.reconsider([stream])
    }, limits.typeGrace)
    const entry = { type: facts.type, since: clock.now(), timer, over: false }
    this.#typeless.set(stream, entry)
    return true
  }
}
