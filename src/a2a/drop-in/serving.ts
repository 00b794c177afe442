import type { AgentCard } from '@a2a-js/sdk'
import type { A2ARequestHandler, AgentExecutor, ExecutionEventBus, ExecutionEventBusManager, TaskStore } from '@a2a-js/sdk/server'
import { type Lifechart, openLifechart } from '../../lifechart.ts'
import type { AgentHooks, TaskPolicy } from '../../tasks/agent.ts'
import { TaskState } from '../../tasks/model.ts'
import { a2aRequestHandler } from '../handler.ts'
import { Mirror } from './mirror.ts'
import { Notifier } from './notifier.ts'
import { Origin } from './origin.ts'
import { quietClock } from './quiet-clock.ts'
import type { SdkPush } from './sdk-push.ts'

export interface ServingOptions {
  agentCard: AgentCard
  taskStore: TaskStore
  agentExecutor: AgentExecutor
  eventBusManager: ExecutionEventBusManager | undefined
  /** In place of ours. */
  push: SdkPush | undefined
  lifechart: Lifechart | Promise<Lifechart> | undefined
  policy: TaskPolicy | undefined
  keepBusAliveStates: readonly number[] | undefined
  validateInputModes: boolean | undefined
}

/** What serves once the runtime is there. */
export interface Serving {
  handler: A2ARequestHandler
  origin: Origin
}

/** The runtime that was given; without one, a runtime in memory that keeps no process open. */
export async function runtime(given: Lifechart | Promise<Lifechart> | undefined): Promise<Lifechart> {
  return given ?? openLifechart({ clock: quietClock })
}

/** `AGENT_TAKEN`, `INVALID_OPTION`. */
export function serve(lifechart: Lifechart, options: ServingOptions): Serving {
  const { agentCard, taskStore, agentExecutor, eventBusManager, push, policy, keepBusAliveStates, validateInputModes } = options
  const mirror = new Mirror(lifechart, taskStore)
  const notifier = push && new Notifier(lifechart, push.sender)
  const handler = a2aRequestHandler({
    lifechart,
    executor: push ? push.executor(agentExecutor) : agentExecutor,
    agentCard: push ? withoutPush(agentCard) : agentCard,
    staysOpen: keepBusAliveStates?.includes(TaskState.TASK_STATE_INPUT_REQUIRED) ?? false,
    ...(policy && { policy }),
    validateInputModes,
    ...(eventBusManager && { bus: busOf(eventBusManager) }),
    onReleased: taskId => notifier?.released(taskId),
    hooks: {
      onStatus: (taskId, behalf) => mirror.note(taskId, behalf),
      onActivated: (taskId, behalf) => notifier?.activated(taskId, behalf),
      ...(eventBusManager && { settle: settling(eventBusManager, keepBusAliveStates) }),
    },
  })
  return { handler, origin: new Origin(lifechart, agentCard.name, taskStore) }
}

/** The handler has none of its own to do. */
function withoutPush(card: AgentCard): AgentCard {
  return { ...card, capabilities: { extensions: [], ...card.capabilities, pushNotifications: false } }
}

/** The SDK's types of a bus and of a context, whose values these are, are stricter than those of the tasks. */
type Bus = NonNullable<AgentHooks['bus']>
type Settle = NonNullable<AgentHooks['settle']>
type Context = Parameters<ExecutionEventBusManager['createOrGetByTaskId']>[1] & object

function busOf(manager: ExecutionEventBusManager): Bus {
  return (taskId, context) => manager.createOrGetByTaskId(taskId, context as Context) as unknown as ReturnType<Bus>
}

/** What the SDK does when an executor has returned. */
function settling(manager: ExecutionEventBusManager, keepBusAliveStates: readonly number[] | undefined): Settle {
  const kept = keepBusAliveStates ?? [TaskState.TASK_STATE_INPUT_REQUIRED, TaskState.TASK_STATE_AUTH_REQUIRED]
  return (taskId, bus, state, context) => {
    if (manager.settleByTaskId?.(taskId, bus as unknown as ExecutionEventBus, state, context as Context)) return
    if (state !== undefined && kept.includes(state)) return
    bus.finished()
    manager.cleanupByTaskId(taskId, context as Context)
  }
}
