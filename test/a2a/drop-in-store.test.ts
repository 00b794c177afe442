import type { Task } from '@a2a-js/sdk'
import { TaskNotCancelableError, TaskNotFoundError, UnsupportedOperationError } from '@a2a-js/sdk/errors'
import { InMemoryTaskStore, DefaultRequestHandler as SdkRequestHandler, ServerCallContext, type TaskStore } from '@a2a-js/sdk/server'
import { DefaultRequestHandler, type DropInOptions } from 'lifechart/a2a'
import { openTestLifechart } from 'lifechart/testing'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { stateOf } from '../../src/tasks/states.ts'
import { settled } from '../../src/testing/simulated-clock.ts'
import { processes } from '../runs/support.ts'
import { all, deferred, nameOf, state, textOf } from '../tasks/support.ts'
import { does, threeChunks } from './executors.ts'
import { agentCard, byId, send, taskIn } from './servers.ts'

const house = processes()

beforeEach(() => {
  // Where the SDK's own handler writes what it meets.
  for (const method of ['error', 'warn', 'info'] as const) vi.spyOn(console, method).mockImplementation(() => undefined)
})
afterEach(() => vi.restoreAllMocks())

const as = (userName: string) => new ServerCallContext({ user: { isAuthenticated: true, userName } })
const ann = () => as('ann')

/** Asks first, and completes with what it is answered; works for ever on what it is told to. */
const asksFirst = does(async script => {
  const told = textOf(script.context.userMessage.parts)
  if (!script.context.task) script.task()
  if (told === 'forever') {
    script.status(state.TASK_STATE_WORKING)
    await new Promise(() => undefined)
  } else if (told === 'complete' || script.context.task) script.status(state.TASK_STATE_COMPLETED, `got ${told}`)
  else script.status(state.TASK_STATE_INPUT_REQUIRED, 'which one?')
})

async function served(taskStore: TaskStore, { executor = asksFirst, ...options }: DropInOptions & { executor?: typeof asksFirst } = {}) {
  const process = await house.open()
  const { lifechart } = process
  const handler = new DefaultRequestHandler(agentCard, taskStore, executor, undefined, undefined, undefined, undefined, undefined, {
    lifechart,
    ...options,
  })
  return { ...process, handler }
}

const stateIn = (task: Task | undefined) => nameOf(task?.status?.state)

/** A store that does with each save what the test says. */
class Scripted extends InMemoryTaskStore {
  readonly saved: string[] = []
  tries = 0
  before: (attempt: number) => Promise<void> | void = () => undefined
  onSave: (task: Task) => void = () => undefined

  override async save(task: Task, context: ServerCallContext): Promise<void> {
    this.onSave(task)
    await this.before(++this.tries)
    this.saved.push(stateIn(task))
    await super.save(task, context)
  }
}

describe('the task store', () => {
  it('has each task as it is, under the name of its user', async () => {
    const store = new InMemoryTaskStore()
    const { handler } = await served(store, { executor: threeChunks })
    const task = taskIn(await handler.sendMessage(send('go'), ann()))
    await settled()
    expect(await store.load(task.id, ann())).toEqual(task)
    expect(stateIn(task)).toBe('completed')
    expect(await store.load(task.id, as('bob'))).toBeUndefined()
  })

  it('is written behind each committed change of the status, never before', async () => {
    const store = new Scripted()
    const { handler, lifechart } = await served(store)
    const committed = new Set<string>()
    lifechart.transitions$.subscribe(({ value }) => void committed.add(nameOf(stateOf(value))))
    const early: string[] = []
    store.onSave = task => {
      if (!committed.has(stateIn(task))) early.push(stateIn(task))
    }
    const { id } = taskIn(await handler.sendMessage(send('go'), ann()))
    await settled()
    expect(store.saved.at(-1)).toBe('input-required')
    await handler.sendMessage(send('this one', { taskId: id }), ann())
    await settled()
    expect(store.saved.at(-1)).toBe('completed')
    expect([...committed]).toEqual(['submitted', 'input-required', 'completed'])
    expect(early).toEqual([])
  })

  it('has what an interrupted task needs to go on when the memory that it was in is gone', async () => {
    const store = new InMemoryTaskStore()
    const { handler, lifechart } = await served(store)
    const { id } = taskIn(await handler.sendMessage(send('go'), ann()))
    await settled()
    lifechart.kernel.crash()
    const { lifechart: other } = await openTestLifechart({ seed: 7 })
    const next = await served(store, { lifechart: other })
    const task = taskIn(await next.handler.sendMessage(send('this one', { taskId: id }), ann()))
    await settled()
    expect(textOf(task.status?.message?.parts ?? [])).toBe('got this one')
    expect(await store.load(id, ann())).toEqual(task)
    expect(task.history.map(({ parts }) => textOf(parts))).toEqual(['go', 'which one?', 'this one'])
    await other.close()
  })

  it('that fails is asked again, later each time', async () => {
    const store = new Scripted()
    store.before = attempt => {
      if (attempt <= 3) throw new Error('no')
    }
    const { handler, clock, log } = await served(store)
    const { id } = taskIn(await handler.sendMessage(send('complete'), ann()))
    await settled()
    expect([store.tries, store.saved]).toEqual([1, []])
    await clock.advance(100)
    expect(store.tries).toBe(2)
    await clock.advance(199)
    expect(store.tries).toBe(2)
    await clock.advance(1)
    expect(store.tries).toBe(3)
    await clock.advance(400)
    expect(store.saved).toEqual(['completed'])
    expect(stateIn(await store.load(id, ann()))).toBe('completed')
    expect(log.filter(({ level }) => level === 'warn')).toHaveLength(3)
  })

  it('that fails ten times is told of the next change only, and the log says so', async () => {
    const store = new Scripted()
    store.before = attempt => {
      if (attempt <= 10) throw new Error('no')
    }
    const { handler, clock, log, lifechart } = await served(store)
    const { id } = taskIn(await handler.sendMessage(send('go'), ann()))
    await clock.advance(200_000)
    expect(store.tries).toBe(10)
    expect(log.filter(({ level }) => level === 'error')).toEqual([
      {
        level: 'error',
        message: 'A task could not be written to the task store and is given up.',
        facts: { task: id, error: 'Error: no' },
      },
    ])
    expect(lifechart.stats()).toMatchObject({ 'tasks.live': 0 })
    await handler.sendMessage(send('this one', { taskId: id }), ann())
    await settled()
    expect(store.saved).toEqual(['completed'])
  })

  it('that is slow delays nobody, and gets the newest only', async () => {
    const store = new Scripted()
    const gate = deferred()
    store.before = () => gate.promise
    const { handler, lifechart } = await served(store)
    const { id } = taskIn(await handler.sendMessage(send('go'), ann()))
    expect(stateIn(taskIn(await handler.sendMessage(send('this one', { taskId: id }), ann())))).toBe('completed')
    await settled()
    expect(store.tries).toBe(1)
    expect(lifechart.stats()).toMatchObject({ 'tasks.live': 0 })
    gate.resolve()
    await settled()
    expect(store.tries).toBe(2)
    expect(store.saved.at(-1)).toBe('completed')
    expect(stateIn(await store.load(id, ann()))).toBe('completed')
  })

  it('that never answers changes nothing for clients', async () => {
    const store = new Scripted()
    store.before = () => new Promise(() => undefined)
    const { handler } = await served(store)
    const streamed = await all(handler.sendMessageStream(send('go'), ann()))
    expect(streamed).toEqual(['task submitted', 'input-required'])
    const { id } = taskIn(await handler.sendMessage(send('go'), ann()))
    expect(stateIn(await handler.getTask(byId(id), ann()))).toBe('input-required')
    const following = all(handler.resubscribe({ id, tenant: '' }, ann()))
    await settled()
    expect(stateIn(await handler.cancelTask(byId(id), ann()))).toBe('canceled')
    expect(await following).toEqual(['task input-required', 'canceled'])
  })

  it('is not asked for the task of somebody else, even if it would tell', async () => {
    const tells = new InMemoryTaskStore(() => 'everybody')
    const { handler } = await served(tells)
    const { id } = taskIn(await handler.sendMessage(send('complete'), ann()))
    await settled()
    expect(await tells.load(id, as('bob'))).toBeDefined()
    await expect(handler.getTask(byId(id), as('bob'))).rejects.toThrow(TaskNotFoundError)
    await expect(all(handler.resubscribe({ id, tenant: '' }, as('bob')))).rejects.toThrow(TaskNotFoundError)
  })
})

describe("a task that the SDK's handler made", () => {
  /** Both over one store; the first one is the SDK's own. */
  async function migrated(text: string, returnImmediately = false) {
    const store = new InMemoryTaskStore()
    const before = new SdkRequestHandler(agentCard, store, asksFirst)
    const { id } = taskIn(await before.sendMessage(send(text, { returnImmediately }), ann()))
    await settled()
    const { handler, lifechart } = await served(store)
    return { store, id, known: await store.load(id, ann()), handler, lifechart }
  }

  it('and that has ended is served as it is', async () => {
    const { handler, id, known, lifechart } = await migrated('complete')
    expect(await handler.getTask(byId(id), ann())).toEqual(known)
    expect((await handler.getTask({ id, tenant: '', historyLength: 1 }, ann())).history).toHaveLength(1)
    await expect(handler.cancelTask(byId(id), ann())).rejects.toThrow(TaskNotCancelableError)
    await expect(handler.sendMessage(send('more', { taskId: id }), ann())).rejects.toThrow(UnsupportedOperationError)
    await expect(all(handler.sendMessageStream(send('more', { taskId: id }), ann()))).rejects.toThrow(UnsupportedOperationError)
    await expect(all(handler.resubscribe({ id, tenant: '' }, ann()))).rejects.toThrow(UnsupportedOperationError)
    await expect(handler.getTask(byId(id), as('bob'))).rejects.toThrow(TaskNotFoundError)
    expect(lifechart.stats()).toMatchObject({ 'lifecycles.steps': 0 })
  })

  it('and that was canceled is canceled', async () => {
    const { handler, store, id, known } = await migrated('go')
    await new SdkRequestHandler(agentCard, store, asksFirst).cancelTask(byId(id), ann())
    const task = await handler.cancelTask(byId(id), ann())
    expect([stateIn(known), stateIn(task)]).toEqual(['input-required', 'canceled'])
    expect(task).toEqual(await store.load(id, ann()))
  })

  it('and that asks is answered', async () => {
    const { handler, store, id } = await migrated('go')
    const asked = await handler.getTask(byId(id), ann())
    expect([stateIn(asked), textOf(asked.status?.message?.parts ?? [])]).toEqual(['input-required', 'which one?'])
    const task = taskIn(await handler.sendMessage(send('this one', { taskId: id }), ann()))
    expect(stateIn(task)).toBe('completed')
    expect(task.history.map(({ parts }) => textOf(parts))).toEqual(['go', 'which one?', 'this one'])
    await settled()
    expect(await store.load(id, ann())).toEqual(task)
  })

  it('and that asks is answered in a stream', async () => {
    const { handler, id } = await migrated('go')
    expect((await all(handler.sendMessageStream(send('this one', { taskId: id }), ann()))).at(-1)).toMatch(/completed$/)
  })

  it('and that nobody works on any more is canceled, for those who follow it too', async () => {
    const { handler, store, id } = await migrated('forever', true)
    const following = all(handler.resubscribe({ id, tenant: '' }, ann()))
    await settled()
    expect(stateIn(await handler.cancelTask(byId(id), ann()))).toBe('canceled')
    expect(await following).toEqual(['task working', 'canceled'])
    await settled()
    expect(stateIn(await store.load(id, ann()))).toBe('canceled')
  })

  it('is taken over once, whoever names it first', async () => {
    const { handler, id, lifechart } = await migrated('go')
    const [one, two, three] = await Promise.all([
      handler.getTask(byId(id), ann()),
      handler.getTask(byId(id), ann()),
      handler.cancelTask(byId(id), ann()),
    ])
    expect([one.id, two.id, stateIn(three)]).toEqual([id, id, 'canceled'])
    const { tasks } = await handler.listTasks(
      { tenant: '', contextId: '', status: 0, pageToken: '', statusTimestampAfter: undefined },
      ann(),
    )
    expect(tasks.map(task => task.id)).toEqual([id])
    expect(lifechart.stats()).toMatchObject({ 'tasks.live': 0 })
  })

  it('stays in its store while it is only looked at, and is not listed before something happens to it', async () => {
    const { handler, id } = await migrated('go')
    const list = () => handler.listTasks({ tenant: '', contextId: '', status: 0, pageToken: '', statusTimestampAfter: undefined }, ann())
    expect((await list()).tasks).toEqual([])
    await handler.getTask(byId(id), ann())
    expect((await list()).tasks).toEqual([])
    await handler.cancelTask(byId(id), ann())
    expect((await list()).tasks).toHaveLength(1)
  })
})

it('a store that can not be read is an internal error, and in the log', async () => {
  const store = new InMemoryTaskStore()
  vi.spyOn(store, 'load').mockRejectedValue(new Error('the password is wrong'))
  const { handler, log } = await served(store)
  await expect(handler.getTask(byId('unknown'), ann())).rejects.toThrow('The server could not do this.')
  expect(log.at(-1)).toMatchObject({ level: 'error', facts: { error: 'Error: the password is wrong' } })
})
