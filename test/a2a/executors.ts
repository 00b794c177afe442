import type { AgentExecutor, ExecutionEventBus, RequestContext } from '@a2a-js/sdk/server'
import type { LifechartRequestContext } from 'lifechart/a2a'
import type { ExecutionContext } from '../../src/tasks/agent.ts'
import type { TaskBus } from '../../src/tasks/bus.ts'
import { Script, state } from '../tasks/support.ts'

/** An executor of the SDK that does what the function says. */
export function does(
  execute: (script: Script) => Promise<void> | void,
  cancelTask: AgentExecutor['cancelTask'] = async () => undefined,
): AgentExecutor {
  return {
    execute: async (context, bus) => execute(scriptOf(context, bus)),
    cancelTask,
  }
}

function scriptOf(context: RequestContext, bus: ExecutionEventBus): Script {
  return new Script(context as LifechartRequestContext as ExecutionContext, bus as TaskBus)
}

/** Works in three chunks of one artifact. */
export const threeChunks = does(script => {
  script.task()
  script.status(state.TASK_STATE_WORKING)
  for (const [at, text] of ['one ', 'two ', 'three'].entries()) script.artifact('result', text, at > 0)
  script.status(state.TASK_STATE_COMPLETED, 'done')
})
