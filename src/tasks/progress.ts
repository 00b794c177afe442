import type { LifechartError } from '../errors.ts'
import { Step, type StepRecord } from '../kernel/stream/record.ts'
import { SinkCursor } from '../kernel/stream/sink.ts'
import type { Stream } from '../kernel/stream/stream.ts'
import { TaskState } from './model.ts'
import { contextOf, isExecuting, stateAt } from './records.ts'
import { isInterrupted, isTerminal } from './states.ts'
import type { TaskView } from './view.ts'

/**
 * What became of a request: its task is over; it was over before the request was executed; the execution asks its user for something; it
 * returned and left the task open.
 */
export type Outcome = 'over' | 'unexecuted' | 'interrupted' | 'returned'

/** Follows one request through the steps of its task. An interruption that an earlier request reached is not its own. */
export class Progress {
  readonly #requestId: string
  #current: string | undefined
  #begun: boolean

  /** From where the view is; without one, from the beginning of the task. */
  constructor(requestId: string, view?: TaskView) {
    this.#requestId = requestId
    this.#current = view?.current
    this.#begun = view !== undefined && (view.current === requestId || !view.requests.has(requestId))
  }

  /** What is known before any further step. */
  initial(view: TaskView): Outcome | undefined {
    if (isTerminal(view.status.state)) return this.#begun ? 'over' : 'unexecuted'
    if (view.requests.has(this.#requestId) && view.current !== this.#requestId) return undefined
    if (view.current !== this.#requestId) return 'returned'
    if (view.executing) return undefined
    return isInterrupted(view.status.state) ? 'interrupted' : 'returned'
  }

  see(record: StepRecord): Outcome | undefined {
    const { current, pending } = contextOf(record)
    if (current !== undefined) this.#current = current
    const mine = this.#current === this.#requestId
    if (mine) this.#begun = true
    if (record.status !== 'active') return this.#begun ? 'over' : 'unexecuted'
    // It is to be executed again.
    if (pending?.includes(this.#requestId)) return undefined
    if (!mine) return this.#begun ? 'returned' : undefined
    const state = stateAt(record)
    if (state !== undefined && isInterrupted(state)) return 'interrupted'
    return isExecuting(record) || record.from === undefined ? undefined : 'returned'
  }
}

/** Whether the stream of a request ends with its outcome: not while the user is to do something that does not go through the agent. */
export function endsStream(outcome: Outcome, state: number, staysOpen = false): boolean {
  if (outcome === 'over' || outcome === 'unexecuted') return true
  return state === TaskState.TASK_STATE_INPUT_REQUIRED ? !staysOpen : state !== TaskState.TASK_STATE_AUTH_REQUIRED
}

/** Resolves with the outcome of a request; rejects with what is in the way of following the task. */
export function outcomeOf(stream: Stream<unknown>, requestId: string, view: TaskView): Promise<Outcome> {
  const progress = new Progress(requestId, view)
  const known = progress.initial(view)
  if (known) return Promise.resolve(known)
  return new Promise((resolve, reject) => {
    let found: Outcome | undefined
    const cursor: SinkCursor<unknown> = new SinkCursor<unknown>(
      stream,
      batch => {
        for (let i = 0; i < batch.length && !found; i++) {
          const entry = batch.entry(i)
          if (entry instanceof Step) found = progress.see(entry.record)
        }
        if (found) cursor.close()
      },
      {
        after: view.seq,
        onClose: (error?: LifechartError) => (found ? resolve(found) : reject(error ?? new Error(`${stream.id} was left.`))),
      },
    )
  })
}
