import { isLifechartError, LifechartError } from '../errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import type { Agent } from './agent.ts'
import { encodeArtifacts, encodeMessage, encodeMessages, encodeMetadata, type StoredMessage } from './codec.ts'
import type { TaskHouse } from './house.ts'
import { type Task, TaskState } from './model.ts'
import { taskStream } from './names.ts'
import { isTaskId, type Places } from './places.ts'
import type { StartInput } from './records.ts'
import type { Caller } from './request.ts'
import { eventOfState, isInterrupted, isTerminal } from './states.ts'

/** Begins the stream of a task that was kept elsewhere. */
export async function importTask(house: TaskHouse, places: Places, agent: Agent, task: Task, caller: Caller): Promise<void> {
  const { id: taskId, status } = task
  const state = status?.state || TaskState.TASK_STATE_SUBMITTED
  if (!isTaskId(taskId) || isTerminal(state) || eventOfState(state) === undefined)
    throw new LifechartError('REQUEST_INVALID', 'A task is taken over while it is open, if its id is one that a task here may have.')
  const message = status?.message && encodeMessage(status.message)
  const contextId = task.contextId || house.kernel.environment.ids()
  const input = { contextId, task: startOf(task, message, state) } satisfies StartInput
  await house.inTurn(taskStream(taskId), async () => {
    if (await isHere(house.kernel, taskId)) return
    try {
      const live = await places.create({ agent, taskId, caller, input })
      const letGo = live.hold()
      try {
        // A strict chart interrupts what works, and nothing else.
        if (agent.policy.strict && isInterrupted(state)) await live.host.dispatch({ type: 'status.working', n: 0 })
        if (state !== TaskState.TASK_STATE_SUBMITTED)
          await live.host.dispatch({ type: eventOfState(state) ?? '', n: 0, ...(message && { message }) })
      } finally {
        letGo()
      }
    } catch (error) {
      // Another process was faster.
      if (!isLifechartError(error, 'VERSION_CONFLICT', 'OWNED')) throw error
    }
  })
}

/** Also for a task of somebody else. */
export async function isHere(kernel: Kernel, taskId: string): Promise<boolean> {
  const stream = taskStream(taskId)
  return kernel.host(stream) !== undefined || (await kernel.insist(() => kernel.adapter.load(stream))) !== undefined
}

function startOf({ artifacts, history, metadata }: Task, message: StoredMessage | undefined, state: number): StartInput['task'] {
  // What a status says belongs to the history when it is followed by another one.
  const said = encodeMessages(history).filter(({ messageId }) => messageId !== message?.messageId)
  return {
    artifacts: encodeArtifacts(artifacts),
    history: said,
    ...encodeMetadata(metadata),
    ...(message && state === TaskState.TASK_STATE_SUBMITTED && { message }),
  }
}
