import { describe, expect, it } from 'vitest'
import type { TaskExecutor } from '../../src/tasks/agent.ts'
import { processes } from '../runs/support.ts'
import { agent, all, deferred, nameOf, Script, says, state, taskOf, textOf } from './support.ts'

const house = processes()
const working = state.TASK_STATE_WORKING

async function atWork(executor: TaskExecutor, policy = {}) {
  const { lifechart, clock, log } = await house.open()
  lifechart.tasks.define('agent', executor, policy)
  const task = taskOf(await lifechart.tasks.send('agent', says('go'), { returnImmediately: true }))
  await expect.poll(async () => (await lifechart.tasks.get(task.id)).status?.state).toBe(working)
  return { lifechart, clock, log, tasks: lifechart.tasks, id: task.id }
}

const untilAborted = (signal: AbortSignal) =>
  new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))

describe('cancelling a task', () => {
  it('aborts the signal of its executor, and is done when that returns', async () => {
    let reason: unknown
    const { tasks, id } = await atWork(
      agent(async script => {
        script.status(working)
        await untilAborted(script.context.signal)
        reason = script.context.signal.aborted
        script.artifact('rest', 'saved')
      }),
    )
    const task = await tasks.cancel(id)
    expect([nameOf(task.status?.state), reason]).toEqual(['canceled', true])
    expect(task.artifacts.map(({ parts }) => textOf(parts))).toEqual(['saved'])
    expect(await tasks.get(id)).toEqual(task)
  })

  it('calls cancelTask, and what that publishes counts', async () => {
    const gone = deferred()
    const executor: TaskExecutor = {
      execute: async (context, bus) => {
        new Script(context, bus).status(working)
        await gone.promise
      },
      cancelTask: async (taskId, bus) => {
        bus.publish({
          kind: 'statusUpdate',
          data: {
            taskId,
            contextId: '',
            status: { state: state.TASK_STATE_CANCELED, message: undefined, timestamp: '' },
            metadata: { by: 'us' },
          },
        })
      },
    }
    const { tasks, id } = await atWork(executor)
    const task = await tasks.cancel(id)
    expect([nameOf(task.status?.state), task.metadata]).toEqual(['canceled', { by: 'us' }])
    gone.resolve()
  })

  it('takes no longer than the grace when the executor ignores it; chunks that come meanwhile are stored once', async () => {
    const forever = deferred()
    let script: Script | undefined
    const { tasks, id, clock } = await atWork(
      agent(async given => {
        script = given
        given.status(working)
        await forever.promise
      }),
      { cancelGrace: 1_000 },
    )
    const stream = tasks.subscribe(id)
    const cancelled = tasks.cancel(id)
    await expect.poll(() => script?.context.signal.aborted).toBe(true)
    script?.artifact('late', 'chunk')
    await clock.advance(999)
    expect(nameOf((await tasks.get(id)).status?.state)).toBe('working')
    await clock.advance(1)
    expect(nameOf((await cancelled).status?.state)).toBe('canceled')
    expect(await all(stream)).toEqual(['artifact late: chunk', 'canceled'])
    script?.artifact('later', 'not any more')
    expect((await tasks.get(id)).artifacts).toHaveLength(1)
    forever.resolve()
  })

  it('is canceled after the grace when cancelTask throws, and the cause is in the log', async () => {
    const forever = deferred()
    const { tasks, id, clock, log } = await atWork(
      agent(
        async script => {
          script.status(working)
          await forever.promise
        },
        () => Promise.reject(new Error('the cause')),
      ),
      { cancelGrace: 1_000 },
    )
    const cancelled = tasks.cancel(id)
    await expect.poll(() => JSON.stringify(log)).toContain('the cause')
    await clock.advance(1_000)
    expect(nameOf((await cancelled).status?.state)).toBe('canceled')
    forever.resolve()
  })

  it('of a finished task is refused; a repeated one returns the canceled task', async () => {
    const { lifechart } = await house.open()
    lifechart.tasks.define(
      'quick',
      agent(script => void script.status(state.TASK_STATE_COMPLETED)),
    )
    lifechart.tasks.define(
      'asks',
      agent(script => void script.status(state.TASK_STATE_INPUT_REQUIRED)),
    )
    const done = taskOf(await lifechart.tasks.send('quick', says('go')))
    await expect(lifechart.tasks.cancel(done.id)).rejects.toMatchObject({ code: 'TASK_NOT_CANCELABLE' })
    const asked = taskOf(await lifechart.tasks.send('asks', says('go')))
    const first = await lifechart.tasks.cancel(asked.id)
    expect(nameOf(first.status?.state)).toBe('canceled')
    expect(await lifechart.tasks.cancel(asked.id)).toEqual(first)
    await expect(lifechart.tasks.cancel('unknown')).rejects.toMatchObject({ code: 'TASK_NOT_FOUND' })
  })

  it('at once by many is one cancel', async () => {
    let calls = 0
    const { tasks, id } = await atWork(
      agent(
        async script => {
          script.status(working)
          await untilAborted(script.context.signal)
        },
        async () => void calls++,
      ),
    )
    const tasksSeen = await Promise.all([1, 2, 3].map(() => tasks.cancel(id)))
    expect(tasksSeen.map(task => nameOf(task.status?.state))).toEqual(['canceled', 'canceled', 'canceled'])
    expect(calls).toBe(1)
  })

  it('that races a terminal status returns what was committed first', async () => {
    const gate = deferred()
    const { tasks, id } = await atWork(
      agent(async script => {
        script.status(working)
        await gate.promise
        script.status(state.TASK_STATE_COMPLETED)
      }),
    )
    gate.resolve()
    await new Promise(resolve => setImmediate(resolve))
    const cancelled = await tasks.cancel(id).catch(error => error.code)
    expect(['TASK_NOT_CANCELABLE', 'completed', 'canceled']).toContain(
      typeof cancelled === 'string' ? cancelled : nameOf(cancelled.status?.state),
    )
    const after = nameOf((await tasks.get(id)).status?.state)
    if (typeof cancelled !== 'string') expect(nameOf(cancelled.status?.state)).toBe(after)
  })

  it('before an execution began: execute is never called', async () => {
    const { lifechart, store } = await house.open()
    const calls: string[] = []
    lifechart.tasks.define(
      'asks',
      agent(script => {
        calls.push(textOf(script.context.userMessage.parts))
        script.status(state.TASK_STATE_INPUT_REQUIRED)
      }),
    )
    const { id: taskId } = taskOf(await lifechart.tasks.send('asks', says('one')))
    expect(store).toBeDefined()
    const answered = lifechart.tasks.send('asks', says('two', { taskId }))
    const cancelled = lifechart.tasks.cancel(taskId)
    const outcome = await answered.then(taskOf).then(
      task => nameOf(task.status?.state),
      error => error.code,
    )
    expect(nameOf((await cancelled).status?.state)).toBe('canceled')
    expect(['canceled', 'input-required', 'TASK_TERMINAL']).toContain(outcome)
    if (outcome === 'TASK_TERMINAL') expect(calls).toEqual(['one'])
  })
})
