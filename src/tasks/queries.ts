import { LifechartError } from '../errors.ts'
import type { Query } from '../kernel/port.ts'
import { streamsFound } from '../kernel/streams-found.ts'
import { checkContextId, checkHistoryLength, invalid } from './checking.ts'
import type { FoldedStream } from './folded.ts'
import { loadView } from './folded.ts'
import type { TaskHouse } from './house.ts'
import { type Task, TaskState } from './model.ts'
import { type Caller, scopeOf } from './request.ts'
import { eventOfState, stateName } from './states.ts'

export interface HistoryLength {
  /** Messages of the history, the most recent ones: all by default, none with 0. */
  historyLength?: number | undefined
}

export interface ListOptions extends HistoryLength {
  caller?: Caller
  contextId?: string | undefined
  /** One of the states of a task. */
  state?: number | undefined
  /** Whose status was set then or later, in milliseconds. */
  statusAfter?: number | undefined
  /** 1 to 100; default 50. */
  pageSize?: number | undefined
  /** `nextPageToken` of the page before. */
  pageToken?: string | undefined
  /** Default false. */
  includeArtifacts?: boolean | undefined
}

export interface TaskPage {
  tasks: Task[]
  /** Empty behind the last page. */
  nextPageToken: string
  pageSize: number
  /** How many tasks there are on all pages. */
  totalSize: number
}

/** A task with as much of its history as is asked for. `REQUEST_INVALID` for a negative length. */
export function cut(task: Task, { historyLength }: HistoryLength): Task {
  if (historyLength === undefined) return task
  checkHistoryLength(historyLength)
  return { ...task, history: historyLength === 0 ? [] : task.history.slice(-historyLength) }
}

/** The task, if it was canceled. `TASK_NOT_CANCELABLE` for one that ended in another way. */
export function cancelled(task: Task): Task {
  if (task.status?.state === TaskState.TASK_STATE_CANCELED) return task
  throw new LifechartError('TASK_NOT_CANCELABLE', `Task ${task.id} has ended.`)
}

/** The task as of now. */
export async function taskOf(folded: FoldedStream): Promise<Task> {
  return (await folded.view()).task()
}

/** Tasks of a caller with a user, by the time of their status, newest first. `REQUEST_INVALID`. */
export async function listTasks(house: TaskHouse, options: ListOptions): Promise<TaskPage> {
  const { caller = {}, contextId, state, statusAfter, pageSize = 50, pageToken, includeArtifacts = false } = options
  if (!Number.isInteger(pageSize) || pageSize < 1 || pageSize > 100) throw invalid('pageSize is 1 to 100.')
  if (state !== undefined && eventOfState(state) === undefined) throw invalid('status is one of the states of a task.')
  if (contextId) checkContextId(contextId, 'contextId')
  checkHistoryLength(options.historyLength)
  if (statusAfter !== undefined && !Number.isFinite(statusAfter)) throw invalid('statusTimestampAfter is a time in ISO 8601.')
  const scope = scopeOf(caller)
  // Without a caller, a task is reachable by its id only.
  if (caller.user === undefined) return { tasks: [], nextPageToken: '', pageSize, totalSize: 0 }
  const { kernel } = house
  const query: Omit<Query, 'cursor' | 'limit'> = {
    kinds: ['task'],
    where: { scope, ...(contextId && { context: contextId }), ...(state !== undefined && { state: stateName(state) }) },
    order: 'changed',
    descending: true,
  }
  const recent = (changed: number) => statusAfter === undefined || changed >= statusAfter
  let page: Awaited<ReturnType<typeof kernel.adapter.query>>
  try {
    page = await kernel.insist(() => kernel.adapter.query({ ...query, limit: pageSize, ...(pageToken && { cursor: pageToken }) }))
  } catch (error) {
    throw error instanceof LifechartError && error.code === 'INVALID_QUERY' ? invalid('pageToken is none of ours.') : error
  }
  /** Older tasks are on no page: the last one may end in front of them. */
  const nextToken = async (): Promise<string> => {
    const { next: cursor = '', items } = page
    if (cursor === '' || statusAfter === undefined) return cursor
    if (!items.every(({ index }) => recent(index.changed))) return ''
    const behind = await kernel.insist(() => kernel.adapter.query({ ...query, limit: 1, cursor }))
    return behind.items.some(({ index }) => recent(index.changed)) ? cursor : ''
  }
  let totalSize = 0
  for await (const { index } of streamsFound(kernel.adapter, query)) {
    if (!recent(index.changed)) break
    totalSize++
  }
  const found = page.items.filter(({ index }) => recent(index.changed))
  const tasks: Task[] = []
  for (const { stream } of found) {
    const task = await read(house, stream)
    if (task) tasks.push({ ...cut(task, options), ...(!includeArtifacts && { artifacts: [] }) })
  }
  return { tasks, nextPageToken: await nextToken(), pageSize, totalSize }
}

/** Undefined for one that was forgotten meanwhile. */
async function read(house: TaskHouse, stream: string): Promise<Task | undefined> {
  const live = house.live(stream)
  if (live?.host.begun) return taskOf(live.folded)
  const stored = await house.kernel.insist(() => house.kernel.adapter.load(stream))
  return stored && (await loadView(house.kernel, stored)).task()
}
