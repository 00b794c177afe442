import type { SendMessageRequest } from '@a2a-js/sdk'
import { type AgentExecutor, type ExecutionEventBus, RequestContext, type ServerCallContext } from '@a2a-js/sdk/server'
import type { ExecutionContext, TaskExecutor } from '../tasks/agent.ts'

/** What the SDK's executors are given, and the signal that tells them to stop. */
export type LifechartRequestContext = RequestContext & {
  /** Aborted when the task is cancelled, takes too long, or the server goes. */
  readonly signal: AbortSignal
  /** 1 for the task's first execution, and one more for each one behind it. */
  readonly attempt: number
}

/** The SDK's executor as the tasks take it. */
export function taskExecutor(executor: AgentExecutor): TaskExecutor {
  return {
    execute: (context, bus) => executor.execute(requestContext(context), bus as unknown as ExecutionEventBus),
    cancelTask: (taskId, bus) => executor.cancelTask(taskId, bus as unknown as ExecutionEventBus),
  }
}

function requestContext(given: ExecutionContext): LifechartRequestContext {
  const { request, taskId, contextId, context, task, referenceTasks, signal, attempt } = given
  const made = new RequestContext(request as SendMessageRequest, taskId, contextId, context as ServerCallContext, task, referenceTasks)
  return Object.assign(made, { signal, attempt })
}
