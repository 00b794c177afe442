import {
  type AgentExecutionEvent,
  type AgentExecutor,
  DefaultExecutionEventBus,
  DefaultRequestHandler,
  type ExecutionEventBusManager,
  type ExecutionEventName,
  InMemoryTaskStore,
  type TaskStore,
} from '@a2a-js/sdk/server'
import { Gates } from './gates.ts'
import { agentCard, type Server, type Subject } from './server.ts'

/** The SDK's own handler over its own store. */
export const sdk: Subject = {
  name: "the SDK's `DefaultRequestHandler` 1.3.0",
  open: async executor => serve(new InMemoryTaskStore(), executor),
}

function serve(stored: TaskStore, executor: AgentExecutor): Server {
  const store = new Gates()
  const gated: TaskStore = {
    load: (taskId, context) => store.read(() => stored.load(taskId, context)),
    save: (task, context) => store.write(() => stored.save(task, context)),
    list: (params, context) => store.read(() => stored.list(params, context)),
  }
  const buses = new CountingBuses()
  return {
    handler: new DefaultRequestHandler(agentCard, gated, executor, buses),
    store,
    followers: async taskId => buses.getByTaskId(taskId)?.followers ?? 0,
    async restart(next) {
      store.die()
      return serve(stored, next)
    },
  }
}

/** The SDK's bus, which does not say by itself how many listen. */
class CountingBus extends DefaultExecutionEventBus {
  followers = 0

  override on(eventName: ExecutionEventName, listener: Listener): this {
    if (eventName === 'event') this.followers++
    return super.on(eventName as 'event', listener)
  }

  override off(eventName: ExecutionEventName, listener: Listener): this {
    if (eventName === 'event') this.followers--
    return super.off(eventName as 'event', listener)
  }
}

type Listener = (event: AgentExecutionEvent) => void

class CountingBuses implements ExecutionEventBusManager {
  readonly #buses = new Map<string, CountingBus>()

  createOrGetByTaskId(taskId: string): CountingBus {
    const bus = this.#buses.get(taskId) ?? new CountingBus()
    this.#buses.set(taskId, bus)
    return bus
  }

  getByTaskId(taskId: string): CountingBus | undefined {
    return this.#buses.get(taskId)
  }

  cleanupByTaskId(taskId: string): void {
    this.#buses.get(taskId)?.removeAllListeners()
    this.#buses.delete(taskId)
  }
}
