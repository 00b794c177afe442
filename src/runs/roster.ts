import { LifechartError } from '../errors.ts'
import { errorText } from '../kernel/error-text.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { IdleReaders } from './idle-readers.ts'
import { Lanes } from './lanes.ts'
import type { LiveRun } from './live-run.ts'
import type { ProducerFunction } from './producer.ts'
import { Retained } from './retained.ts'

export interface RunsLimits {
  chunkBytes: number
  runs: number
  runsPerOwner: number
  stopGrace: number
  typeGrace: number
  subscriberIdle: number
  evictedRemembered: number
}

export interface RunsOptions {
  /** Where runs are stored. */
  kernel: Kernel
  /** Where runs with `durability: 'none'` live. */
  ephemeral: Kernel
  limits: RunsLimits
  /** Milliseconds an ended run stays in memory, and its stream in the store, after its end. */
  retention: { window: number; stored: number }
}

/** What the rooms of the runs share: who is here, what is defined, what is counted. */
export class Roster {
  readonly kernel: Kernel
  readonly ephemeral: Kernel
  readonly limits: RunsLimits
  readonly retention: RunsOptions['retention']
  readonly types = new Map<string, ProducerFunction>()
  readonly lanes = new Lanes()
  readonly retained: Retained
  readonly idleReaders: IdleReaders
  readonly counters = { started: 0, ended: 0, lateWrites: 0, evicted: 0, resumed: 0 }

  constructor({ kernel, ephemeral, limits, retention }: RunsOptions, onEvict: (run: LiveRun) => void) {
    this.kernel = kernel
    this.ephemeral = ephemeral
    this.limits = limits
    this.retention = retention
    const { clock } = kernel.environment
    this.retained = new Retained(clock, { ...limits, window: retention.window }, onEvict)
    this.idleReaders = new IdleReaders(clock, limits.subscriberIdle)
  }

  /** The run of this process that the id means: the exact one, else the latest. */
  here(id: string, runId: string | undefined): LiveRun | undefined {
    const run = runId === undefined ? this.lanes.latest(id) : this.lanes.run(runId)
    return run?.id === id ? run : undefined
  }

  /** `RUN_CAPACITY` when as many runs are in flight as may be, not counting those that this one replaces, as far as they are no more than the limit. */
  assertCapacity(owner: string, replaced: readonly LiveRun[]): void {
    const { lanes, limits } = this
    const own = replaced.filter(run => run.spec.owner === owner).length
    const over = (live: number, leaving: number, limit: number) => live - Math.min(leaving, limit) >= limit
    const full = over(lanes.live, replaced.length, limits.runs)
      ? 'runs'
      : over(lanes.liveOf(owner), own, limits.runsPerOwner)
        ? 'runsPerOwner'
        : undefined
    if (!full) return
    throw new LifechartError(
      'RUN_CAPACITY',
      `limits.${full} (${limits[full]}) runs are in flight. Wait for one to end, or raise the limit.`,
      {
        retryable: true,
      },
    )
  }

  failed(run: LiveRun, error: unknown): void {
    this.kernel.environment.logger.warn('A producer failed.', { run: run.runId, error: errorText(error) })
  }

  /** It is told to stop all the same: by its next owner, if not by this one. */
  notStopped(run: LiveRun, error: unknown): void {
    this.kernel.environment.logger.warn('A run could not be stopped yet.', { run: run.runId, error: errorText(error) })
  }
}
