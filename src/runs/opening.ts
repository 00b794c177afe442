import { isLifechartError, LifechartError } from '../errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import type { StreamHead } from '../kernel/port.ts'
import type { RunInput } from '../machines/run.ts'
import { stopElsewhere } from './elsewhere.ts'
import { runPresentation } from './events.ts'
import type { LiveRun } from './live-run.ts'
import { latestKey, runIdOf } from './names.ts'
import type { StartPolicy } from './options.ts'
import { readRun } from './stored.ts'

/** What the first commit of a run needs. */
export interface Opening {
  kernel: Kernel
  policy: StartPolicy
  machineInput: RunInput
  input: unknown
  /** The run of this process whose stream names the id before this one. */
  previous: LiveRun | undefined
  /** Makes the run ours if nobody owns it any more, by its own orphan policy. */
  takeOver(head: StreamHead): Promise<unknown>
  /** The run of this process that has the stream. */
  here(stream: string): LiveRun | undefined
}

/** How often the holder of the id may change under us before we give up. */
const attempts = 16

/**
 * Commits the start of a run. The id is a key that moves from run to run; a run that another process executes is met here, and
 * the start policy applies to it as to one of this process.
 */
export async function openRun(
  run: LiveRun,
  opening: Opening,
  begin: (draft: object, start?: { input?: unknown }) => Promise<void>,
): Promise<void> {
  const { kernel, previous } = opening
  // The key can only be taken over from a run that has it: its own start comes first.
  await previous?.started.catch(() => undefined)
  // One that never executed was itself still waiting.
  if (previous && !previous.executed) await waitFor(run, opening, previous.predecessors)
  let from = previous?.stream.id
  for (let attempt = 0; attempt < attempts; attempt++) {
    try {
      const claim = [{ key: latestKey(run.id), ...(from !== undefined && { from }) }]
      const start = opening.input === undefined ? {} : { input: opening.input }
      await begin({ change: { claim, index: { context: run.id, owner: run.spec.owner, created: kernel.environment.clock.now() } } }, start)
      return
    } catch (error) {
      if (!isLifechartError(error, 'KEY_TAKEN') || run.givenUp) throw error
      const holder = String(error.details.holder)
      from = (await meet(run, opening, holder)) ? holder : undefined
    }
  }
  throw new LifechartError('RUN_IN_FLIGHT', `Others start runs of "${run.id}" all the time; this one was not let in.`, { retryable: true })
}

/** Deals with the run that has the id, and with those it waited for. False when it is gone and the id is free. */
async function meet(run: LiveRun, opening: Opening, holder: string): Promise<boolean> {
  const { kernel, takeOver } = opening
  const head = await kernel.insist(() => kernel.adapter.load(holder))
  if (!head) return false
  if (head.index.live && !kernel.host(holder)) {
    await kernel.insist(() => takeOver(head))
  }
  await waitFor(run, opening, [...readRun(head).snapshot.context.predecessors, holder])
  return true
}

/** Makes the run wait for those of the others that have not ended; the start policy applies to them. */
async function waitFor(run: LiveRun, opening: Opening, others: readonly string[]): Promise<void> {
  const { kernel, policy, machineInput } = opening
  const unknown = others.filter(stream => !machineInput.predecessors.includes(stream))
  const heads = await Promise.all(unknown.map(stream => kernel.insist(() => kernel.adapter.load(stream))))
  const live = heads.filter(head => head?.index.live) as StreamHead[]
  const last = live.at(-1)
  if (!last) return
  if (policy === 'reject' || policy === 'share') {
    throw new LifechartError('RUN_IN_FLIGHT', `A run of "${run.id}" is in flight, in another process or taken over here.`, {
      details: { runId: runIdOf(last.stream) },
    })
  }
  machineInput.predecessors = [...machineInput.predecessors, ...live.map(head => head.stream)]
  run.host.renew(machineInput)
  if (policy === 'interrupt') for (const head of live) interrupt(run, opening, head)
}

/** One that was taken over here for this start has not been told yet; to be told twice changes nothing. */
function interrupt(run: LiveRun, { kernel, here }: Opening, { stream: id, version }: StreamHead): void {
  const former = here(id)
  const follow = () => kernel.tails.borrow(id, version, true, runPresentation)
  const stopping = former
    ? former.replace(run.runId)
    : stopElsewhere(kernel, follow(), { type: 'run.stop', reason: 'replaced', by: run.runId })
  stopping.catch(error => kernel.environment.logger.warn('A run could not be replaced yet.', { run: id, error: String(error) }))
}
