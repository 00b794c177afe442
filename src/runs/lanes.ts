import type { LiveRun } from './live-run.ts'

/** Per id of a caller: the runs of this process that have not ended, oldest first, and the latest one that is in memory. */
export class Lanes {
  readonly #unfinished = new Map<string, LiveRun[]>()
  readonly #latest = new Map<string, LiveRun>()
  readonly #runs = new Map<string, LiveRun>()
  readonly #perOwner = new Map<string, number>()
  #live = 0

  /** Runs that have not ended. */
  get live(): number {
    return this.#live
  }

  liveOf(owner: string): number {
    return this.#perOwner.get(owner) ?? 0
  }

  unfinished(id: string): readonly LiveRun[] {
    return this.#unfinished.get(id) ?? []
  }

  latest(id: string): LiveRun | undefined {
    return this.#latest.get(id)
  }

  run(runId: string): LiveRun | undefined {
    return this.#runs.get(runId)
  }

  runs(): IterableIterator<LiveRun> {
    return this.#runs.values()
  }

  enter(run: LiveRun): void {
    const lane = this.#unfinished.get(run.id)
    if (lane) lane.push(run)
    else this.#unfinished.set(run.id, [run])
    this.#latest.set(run.id, run)
    this.#count(run)
  }

  /** A stored run, older than those that were started here; `latest`: as far as the store knows, it is what its id means. */
  enterStored(run: LiveRun, latest: boolean): void {
    const lane = this.#unfinished.get(run.id)
    if (lane) lane.unshift(run)
    else {
      this.#unfinished.set(run.id, [run])
      if (latest) this.#latest.set(run.id, run)
    }
    this.#count(run)
  }

  #count(run: LiveRun): void {
    this.#runs.set(run.runId, run)
    this.#live++
    this.#perOwner.set(run.spec.owner, this.liveOf(run.spec.owner) + 1)
  }

  /** The run has ended, or never began: the lane is free of it. */
  leave(run: LiveRun): void {
    const lane = this.#unfinished.get(run.id)
    const index = lane?.indexOf(run) ?? -1
    if (!lane || index < 0) return
    lane.splice(index, 1)
    if (lane.length === 0) this.#unfinished.delete(run.id)
    this.#live--
    const left = this.liveOf(run.spec.owner) - 1
    if (left > 0) this.#perOwner.set(run.spec.owner, left)
    else this.#perOwner.delete(run.spec.owner)
  }

  /** Nothing of it stays in memory. */
  forget(run: LiveRun): void {
    this.leave(run)
    this.#runs.delete(run.runId)
    if (this.#latest.get(run.id) !== run) return
    // One that never began gives the id back to the one before it.
    const before = this.#unfinished.get(run.id)?.at(-1)
    if (before) this.#latest.set(run.id, before)
    else this.#latest.delete(run.id)
  }
}
