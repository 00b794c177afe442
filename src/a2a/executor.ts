import type { SendMessageRequest } from '@a2a-js/sdk'
import { type AgentExecutor, type ExecutionEventBus, RequestContext, type ServerCallContext } from '@a2a-js/sdk/server'
import type { ExecutionContext, TaskExecutor } from '../tasks/agent.ts'

/** What the SDK's executors are given, and the signal that tells them to stop. */
export class LifechartRequestContext extends RequestContext {
  readonly #given: ExecutionContext

  constructor(given: ExecutionContext) {
    const { request, taskId, contextId, context, task, referenceTasks } = given
    super(request as SendMessageRequest, taskId, contextId, context as ServerCallContext, task, referenceTasks)
    this.#given = given
  }

  /** Aborted when the task is cancelled, takes too long, or the server goes. */
  get signal(): AbortSignal {
    return this.#given.signal
  }

  /** 1 for the task's first execution, and one more for each one behind it. */
  get attempt(): number {
    return this.#given.attempt
  }
}

/** The SDK's executor as the tasks take it. */
export function taskExecutor(executor: AgentExecutor): TaskExecutor {
  return {
    execute: (context, bus) => executor.execute(new LifechartRequestContext(context), bus as unknown as ExecutionEventBus),
    cancelTask: (taskId, bus) => executor.cancelTask(taskId, bus as unknown as ExecutionEventBus),
  }
}
