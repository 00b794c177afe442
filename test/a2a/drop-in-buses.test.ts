import {
  type AgentExecutor,
  DefaultExecutionEventBus,
  DefaultExecutionEventBusManager,
  type EventListener,
  type ExecutionEventBus,
  type ExecutionEventBusManager,
  type FinishedListener,
  InMemoryTaskStore,
  ServerCallContext,
} from '@a2a-js/sdk/server'
import { DefaultRequestHandler, type DropInOptions } from 'lifechart/a2a'
import { expect, it } from 'vitest'
import { settled } from '../../src/testing/simulated-clock.ts'
import { type Process, processes } from '../runs/support.ts'
import { all, deferred, nameOf, state, textOf } from '../tasks/support.ts'
import { does, threeChunks } from './executors.ts'
import { agentCard, byId, send, taskIn } from './servers.ts'

const house = processes()
const ann = () => new ServerCallContext({ user: { isAuthenticated: true, userName: 'ann' } })

/** A bus that knows how many listen to it. */
class CountingBus extends DefaultExecutionEventBus {
  listeners = 0
  finishes = 0
  override on(name: 'event', listener: EventListener): this
  override on(name: 'finished', listener: FinishedListener): this
  override on(name: 'event' | 'finished', listener: EventListener | FinishedListener): this {
    this.listeners++
    return super.on(name as 'finished', listener as FinishedListener)
  }

  override off(name: 'event', listener: EventListener): this
  override off(name: 'finished', listener: FinishedListener): this
  override off(name: 'event' | 'finished', listener: EventListener | FinishedListener): this {
    this.listeners--
    return super.off(name as 'finished', listener as FinishedListener)
  }

  override finished(): void {
    this.finishes++
    super.finished()
  }
}

class CountingManager implements ExecutionEventBusManager {
  readonly made: CountingBus[] = []
  readonly live = new Map<string, CountingBus>()
  readonly users: (string | undefined)[] = []

  createOrGetByTaskId(taskId: string, context?: ServerCallContext): ExecutionEventBus {
    this.users.push(context?.user?.userName)
    const bus = this.live.get(taskId) ?? new CountingBus()
    if (!this.live.has(taskId)) this.made.push(bus)
    this.live.set(taskId, bus)
    return bus
  }

  getByTaskId(taskId: string): ExecutionEventBus | undefined {
    return this.live.get(taskId)
  }

  cleanupByTaskId(taskId: string): void {
    this.live.delete(taskId)
  }

  get listeners(): number {
    return this.made.reduce((sum, bus) => sum + bus.listeners, 0)
  }
}

function over({ lifechart }: Process, executor: AgentExecutor, manager: ExecutionEventBusManager, options: DropInOptions = {}) {
  const given = { lifechart, ...options }
  const store = new InMemoryTaskStore()
  return new DefaultRequestHandler(agentCard, store, executor, manager, undefined, undefined, undefined, undefined, given)
}

/** Asks first, and completes with what it is answered. */
const asksFirst = does(script => {
  if (!script.context.task) {
    script.task()
    script.status(state.TASK_STATE_INPUT_REQUIRED)
  } else script.status(state.TASK_STATE_COMPLETED)
})

it("executors publish to the manager's buses, and clients read the stream", async () => {
  const manager = new DefaultExecutionEventBusManager()
  const buses: unknown[] = []
  const executor: AgentExecutor = {
    execute: async (context, bus) => {
      buses.push(bus === manager.getByTaskId(context.taskId, context.context))
      await threeChunks.execute(context, bus)
    },
    cancelTask: async () => undefined,
  }
  const handler = over(await house.open(), executor, manager)
  const said = await all(handler.sendMessageStream(send('go'), ann()))
  expect(said).toEqual([
    'task submitted',
    'working',
    'artifact result: one ',
    'artifact result+: two ',
    'artifact result+: three',
    'completed',
  ])
  const { id } = taskIn(await handler.sendMessage(send('go'), ann()))
  expect(buses).toEqual([true, true])
  expect(manager.getByTaskId(id, ann())).toBeUndefined()
})

it('nobody listens to a bus behind its execution, and it is finished once', async () => {
  const manager = new CountingManager()
  const handler = over(await house.open(), threeChunks, manager)
  await handler.sendMessage(send('go'), ann())
  await settled()
  expect([manager.made.length, manager.live.size, manager.listeners]).toEqual([1, 0, 0])
  expect(manager.made[0]?.finishes).toBe(1)
})

it('a bus is kept while its task is interrupted, and takes each answer once', async () => {
  const manager = new CountingManager()
  const handler = over(await house.open(), asksFirst, manager)
  const { id } = taskIn(await handler.sendMessage(send('go'), ann()))
  await settled()
  expect([manager.live.size, manager.listeners, manager.made[0]?.finishes]).toEqual([1, 0, 0])
  const task = taskIn(await handler.sendMessage(send('this one', { taskId: id }), ann()))
  await settled()
  expect(nameOf(task.status?.state)).toBe('completed')
  expect([manager.made.length, manager.live.size, manager.listeners, manager.made[0]?.finishes]).toEqual([1, 0, 0, 1])
})

it('a bus is kept in the states that are named, and in no others', async () => {
  const manager = new CountingManager()
  const keepBusAliveStates = [state.TASK_STATE_AUTH_REQUIRED]
  const handler = over(await house.open(), asksFirst, manager, { keepBusAliveStates })
  const { id } = taskIn(await handler.sendMessage(send('go'), ann()))
  await settled()
  expect([manager.live.size, manager.made[0]?.finishes]).toEqual([0, 1])
  await handler.sendMessage(send('this one', { taskId: id }), ann())
  await settled()
  expect([manager.made.length, manager.live.size, manager.listeners]).toEqual([2, 0, 0])
})

it('a stream goes on at input-required when that state is named, and ends there by default', async () => {
  const keepBusAliveStates = [state.TASK_STATE_INPUT_REQUIRED]
  const ending = over(await house.open(), asksFirst, new CountingManager())
  expect(await all(ending.sendMessageStream(send('go'), ann()))).toEqual(['task submitted', 'input-required'])
  const staying = over(await house.open(), asksFirst, new CountingManager(), { keepBusAliveStates })
  const stream = staying.sendMessageStream(send('go'), ann())
  const first = await stream.next()
  const { id = '' } = first.value?.payload?.$case === 'task' ? first.value.payload.value : {}
  await stream.next()
  await staying.sendMessage(send('this one', { taskId: id }), ann())
  expect((await all(stream)).at(-1)).toBe('completed')
})

it('a manager that settles its buses itself is left alone, and told the last state', async () => {
  const told: unknown[] = []
  class Settling extends CountingManager {
    settleByTaskId(taskId: string, bus: ExecutionEventBus, last: number | undefined, context: ServerCallContext): boolean {
      told.push([bus === this.live.get(taskId), nameOf(last), context.user?.userName])
      return true
    }
  }
  const manager = new Settling()
  const handler = over(await house.open(), threeChunks, manager)
  await handler.sendMessage(send('go'), ann())
  await settled()
  expect(told).toEqual([[true, 'completed', 'ann']])
  expect([manager.live.size, manager.listeners, manager.made[0]?.finishes]).toEqual([1, 0, 0])
})

it('an executor that throws has failed, and its bus is done with', async () => {
  const manager = new CountingManager()
  const throws = does(script => {
    script.status(state.TASK_STATE_INPUT_REQUIRED)
    throw new Error('no')
  })
  const handler = over(await house.open(), throws, manager)
  const { id } = taskIn(await handler.sendMessage(send('go'), ann()))
  await settled()
  expect(nameOf((await handler.getTask(byId(id), ann())).status?.state)).toBe('failed')
  expect([manager.live.size, manager.listeners]).toEqual([0, 0])
})

it('an executor that never returns publishes to nobody once it is cancelled', async () => {
  const manager = new CountingManager()
  const begun = deferred()
  const hangs = does(async script => {
    script.task()
    script.status(state.TASK_STATE_WORKING)
    begun.resolve()
    await new Promise(() => undefined)
  })
  const process = await house.open()
  const handler = over(process, hangs, manager)
  const { id } = taskIn(await handler.sendMessage(send('go', { returnImmediately: true }), ann()))
  await begun.promise
  const cancelled = handler.cancelTask(byId(id), ann())
  await process.clock.advance(5_000)
  expect(nameOf((await cancelled).status?.state)).toBe('canceled')
  expect([manager.live.size, manager.listeners, manager.made[0]?.finishes]).toEqual([0, 0, 1])
})

it('cancelTask of an executor is given the bus that it executes with, and what it publishes there counts', async () => {
  const manager = new CountingManager()
  const gate = deferred()
  const { execute } = does(async script => {
    script.task()
    script.status(state.TASK_STATE_WORKING)
    await gate.promise
  })
  const executor: AgentExecutor = {
    execute,
    cancelTask: async (taskId, bus) => {
      const status = { state: state.TASK_STATE_CANCELED, message: undefined, timestamp: undefined }
      bus.publish({ kind: 'statusUpdate', data: { taskId, contextId: '', status, metadata: { cleaned: true } } })
      gate.resolve()
    },
  }
  const handler = over(await house.open(), executor, manager)
  const { id } = taskIn(await handler.sendMessage(send('go', { returnImmediately: true }), ann()))
  await settled()
  expect((await handler.cancelTask(byId(id), ann())).metadata).toEqual({ cleaned: true })
  await settled()
  expect([manager.live.size, manager.listeners]).toEqual([0, 0])
})

it('an answer that makes no task leaves no bus', async () => {
  const manager = new CountingManager()
  const answers = does(script => void script.message('hello'))
  const handler = over(await house.open(), answers, manager)
  const answer = await handler.sendMessage(send('hi'), ann())
  await settled()
  expect('parts' in answer && textOf(answer.parts)).toBe('hello')
  expect([manager.live.size, manager.listeners]).toEqual([0, 0])
})

it('an execution that is repeated by another process has the bus of its user', async () => {
  const manager = new CountingManager()
  const policy = { orphan: 'resume' } as const
  const hangs = does(async script => {
    if (script.context.attempt > 1) return void script.status(state.TASK_STATE_COMPLETED)
    script.task()
    await new Promise(() => undefined)
  })
  const first = await house.open()
  const { id } = taskIn(
    await over(first, hangs, new CountingManager(), { policy }).sendMessage(send('go', { returnImmediately: true }), ann()),
  )
  first.lifechart.kernel.crash()
  const second = await house.open()
  const handler = over(second, hangs, manager, { policy })
  await second.clock.advance(120_000)
  expect(nameOf((await handler.getTask(byId(id), ann())).status?.state)).toBe('completed')
  expect([manager.users, manager.live.size, manager.listeners]).toEqual([['ann'], 0, 0])
})
