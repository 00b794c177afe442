import type { AnyMachineSnapshot } from 'xstate'
import { type Actors, busy } from './actors.ts'
import { parseEnvelope } from './kernel/envelope.ts'
import type { Host } from './kernel/host/host.ts'
import type { Kernel } from './kernel/kernel.ts'
import type { Id, StreamHead } from './kernel/port.ts'
import { findFree } from './kernel/streams-found.ts'
import type { RunContext } from './machines/run.ts'
import type { TaskContext } from './machines/task-setup.ts'
import { statusOf } from './runs/events.ts'
import { latestKey, runIdOf, runStream } from './runs/names.ts'
import type { Runs } from './runs/runs.ts'
import { taskStream } from './tasks/names.ts'

/** One reason why a lifecycle is where it is. */
export interface Explanation {
  code:
    | 'waiting'
    | 'executing'
    | 'stopping'
    | 'child'
    | 'timer'
    | 'store_retry'
    | 'owner_expired'
    | 'elsewhere'
    | 'parked'
    | 'type_undefined'
    | 'ended'
    | 'unknown'
  text: string
  /** Milliseconds. */
  since?: number
  until?: number
  /** What it waits for: a stream, a child, a deadline, a session. */
  ref?: string
}

/** Where to look for what an id means. */
interface House {
  kernel: Kernel
  ephemeral: Kernel
  runs: Runs
  actors: Actors
}

/** Says why the run (by its id or run id), the task (by its id) or the lifecycle (by its id, or that of its stream) waits. */
export async function explain({ kernel, ephemeral, runs, actors }: House, id: string): Promise<Explanation[]> {
  const run = runs.find(id)
  if (run && !run.over && !run.host.released) return explainHost(run.host)
  const streams = [id, taskStream(id), ...actors.streams(id)]
  for (const stream of streams) {
    const host = kernel.host(stream) ?? ephemeral.host(stream)
    if (host) return explainHost(host)
  }
  // By the id as it was given: another runtime may have started a newer run of it.
  return explainStored(run?.kernel ?? kernel, runs, [id, runStream(id), { key: latestKey(id) }, ...streams.slice(1)])
}

function explainHost(host: Host): Explanation[] {
  const found: Explanation[] = []
  const { snapshot } = host
  if (host.storeError)
    found.push({ code: 'store_retry', text: 'The store does not answer; the same commit is tried again until it does.', ref: host.id })
  if (host.spec.kind === 'run') {
    const context = snapshot.context as RunContext
    const status = statusOf(snapshot)
    if (status === 'waiting') {
      for (const ref of context.predecessors) found.push({ code: 'waiting', text: 'An earlier run of the same id has not ended.', ref })
    } else if (status === 'running') found.push({ code: 'executing', text: 'The producer is at work.', ref: context.runId })
    else found.push({ code: 'stopping', text: `The producer was told to stop (${context.reason}) and cleans up.`, ref: context.runId })
  } else if (host.spec.kind === 'task') found.push(...explainTask(snapshot))
  else {
    for (const [ref, child] of Object.entries(snapshot.children)) {
      const status = (child as { getSnapshot(): { status: string } }).getSnapshot().status
      if (status === 'active') found.push({ code: 'child', text: `The actor "${ref}" has not ended.`, ref })
    }
  }
  for (const [ref, { event, at }] of Object.entries(host.deadlines)) {
    found.push({ code: 'timer', text: `"${event.type}" is sent unless something happens before.`, until: at, ref })
  }
  if (found.length === 0)
    found.push({ code: 'executing', text: `In ${JSON.stringify(snapshot.value)}, it waits for an event.`, ref: host.id })
  return found
}

function explainTask({ value, context }: AnyMachineSnapshot): Explanation[] {
  const { pending, current } = context as TaskContext
  const ref = current === undefined ? {} : { ref: current }
  const { work } = value as { work: { executing?: string; waiting?: string } }
  const found: Explanation[] = []
  if (work.executing === 'running') found.push({ code: 'executing', text: 'The executor is at work on a request.', ...ref })
  else if (work.executing) found.push({ code: 'stopping', text: 'The executor was told to stop and cleans up.', ...ref })
  else if (work.waiting === 'backingOff')
    found.push({ code: 'waiting', text: 'Its executor threw, and is tried again after a while.', ...ref })
  else found.push({ code: 'waiting', text: 'The next message to the task is waited for.' })
  for (const request of pending) found.push({ code: 'waiting', text: 'A request waits for those before it.', ref: request })
  return found
}

async function explainStored(kernel: Kernel, runs: Runs, places: readonly (Id | { key: Id })[]): Promise<Explanation[]> {
  for (const place of places) {
    const head = await kernel.adapter.load(place)
    if (!head) continue
    const { stream, session, index } = head
    if (!index.live) return [{ code: 'ended', text: `It has ended (${index.state}).`, since: index.changed, ref: stream }]
    const typeless = runs.typelessSince(runIdOf(stream))
    if (typeless !== undefined) {
      return [
        {
          code: 'type_undefined',
          text: 'Its type is not defined here; runs.define(type, producer) lets it go on.',
          since: typeless,
          ref: stream,
        },
      ]
    }
    if (!(await findFree(kernel.adapter, head))) {
      return [{ code: 'elsewhere', text: 'Another runtime owns it.', ref: session, since: index.changed }]
    }
    if (session !== undefined && underWay(head))
      return [{ code: 'owner_expired', text: 'Its owner is gone; it is taken over at the next look.', ref: session, since: index.changed }]
    const until = index.due ?? undefined
    return [
      {
        code: 'parked',
        text: 'Nothing is under way; it is loaded by its next event or deadline.',
        ref: stream,
        ...(until !== undefined && { until }),
      },
    ]
  }
  return [{ code: 'unknown', text: 'Nothing of this id is stored here.' }]
}

/** True of what the next look takes over: every run, and a lifecycle that is not only waiting. */
function underWay({ stream, kind, state }: StreamHead): boolean {
  return kind === 'run' || busy(parseEnvelope(stream, state))
}
