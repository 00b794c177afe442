import { type AnyMachineSnapshot, fromCallback, fromPromise } from 'xstate'
import { LifechartError } from '../errors.ts'
import type { ChartSpec } from '../kernel/host/chart.ts'
import type { Kernel } from '../kernel/kernel.ts'
import type { Draft } from '../kernel/stream/writer.ts'
import { type RunMachineEvent, runMachine } from '../machines/run.ts'
import { runPresentation, statusOf } from './events.ts'
import type { LiveRun } from './live-run.ts'
import { runIdOf } from './names.ts'
import type { Roster } from './roster.ts'
import type { RunFacts } from './stored.ts'

/** The run chart with everything provided: its actors find the live run by the id in their input. */
export function runChart(roster: Roster, verdict: (facts: RunFacts) => RunMachineEvent): ChartSpec {
  return {
    kind: 'run',
    machine: runMachine.provide({
      actors: {
        predecessors: fromPromise<void, { runId: string }>(({ input }) => predecessorsOf(roster, live(roster, input.runId))),
        producer: fromCallback<{ type: 'producer.abort' }, { runId: string }>(({ input, sendBack, receive }) => {
          const { abort, close } = live(roster, input.runId).produce(sendBack)
          receive(abort)
          return close
        }),
      },
    }),
    index: ({ next }) => ({ state: statusOf(next) }),
    draft: ({ next, id }) => endDraft(roster, next, id),
    takeover: (_snapshot, _stored, facts) => verdict(facts as RunFacts),
    overdue: (id, error) => {
      roster.lanes.run(runIdOf(id))?.cutOff()
      return { type: 'store.failed', error: { code: 'STORE_UNAVAILABLE', message: error.message } } satisfies RunMachineEvent
    },
  }
}

function live(roster: Roster, runId: string): LiveRun {
  const run = roster.lanes.run(runId)
  if (!run) throw new LifechartError('RUN_NOT_FOUND', `The run ${runId} is not executed here.`)
  return run
}

/** What belongs to the end, in the same commit: when the stored stream is to be forgotten. */
function endDraft(roster: Roster, next: AnyMachineSnapshot, id: string): Draft {
  if (next.status === 'active') return {}
  const run = roster.lanes.run(runIdOf(id))
  run?.close()
  const kernel = run?.kernel ?? roster.kernel
  const { stored } = roster.retention
  if (!kernel.durable || stored === Number.POSITIVE_INFINITY) return {}
  // Given back: what has a deadline and no owner is found by it, in whatever process.
  return { change: { own: 'release', index: { due: kernel.environment.clock.now() + stored } } }
}

/** Resolves when no earlier run of the id is executing any more, wherever that was. */
async function predecessorsOf(roster: Roster, run: LiveRun): Promise<void> {
  await Promise.all(run.predecessors.map(stream => whenEnded(roster, run.kernel, stream)))
}

async function whenEnded(roster: Roster, waiting: Kernel, stream: string): Promise<void> {
  const here = roster.lanes.run(runIdOf(stream))
  if (here) await here.host.whenOver()
  if (here?.over) return
  const kernel = here?.kernel ?? waiting
  while (!kernel.closed) {
    // Whatever the store does, the answer is awaited: to go on without it could mean two at work.
    const head = await kernel.insist(() => kernel.adapter.load(stream), Number.POSITIVE_INFINITY)
    if (!head?.index.live) return
    const followed = kernel.host(stream)?.stream ?? kernel.tails.borrow(stream, head.version, true, runPresentation)
    const letGo = followed.hold()
    await followed.whenClosed()
    letGo()
    if (followed.ended) return
  }
}
