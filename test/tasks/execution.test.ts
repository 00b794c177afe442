import { describe, expect, it } from 'vitest'
import { processes } from '../runs/support.ts'
import { agent, all, deferred, nameOf, says, state, taskOf, textOf } from './support.ts'

const house = processes()

const working = state.TASK_STATE_WORKING
const completed = state.TASK_STATE_COMPLETED

/** Works on its first request until it is let go, and on each later one at once. */
function patient() {
  const gate = deferred()
  const order: string[] = []
  const executor = agent(async script => {
    const said = textOf(script.context.userMessage.parts)
    order.push(`${said} begins`)
    if (!script.context.task) script.task()
    script.status(working)
    if (!script.context.task) await gate.promise
    script.artifact(said, said)
    script.status(said === 'last' ? completed : state.TASK_STATE_INPUT_REQUIRED, said)
    order.push(`${said} ends`)
  })
  return { executor, gate, order }
}

describe('the requests of a task', () => {
  it('are executed strictly one at a time, in the order of their arrival', async () => {
    const { lifechart } = await house.open()
    const { executor, gate, order } = patient()
    lifechart.tasks.define('patient', executor)
    const { id: taskId } = taskOf(await lifechart.tasks.send('patient', says('first'), { returnImmediately: true }))
    const later = ['second', 'third', 'last'].map(text => lifechart.tasks.send('patient', says(text, { taskId })))
    await new Promise(resolve => setImmediate(resolve))
    expect(order).toEqual(['first begins'])
    gate.resolve()
    const outcomes = (await Promise.all(later)).map(taskOf)
    expect(order).toEqual(['first', 'second', 'third', 'last'].flatMap(text => [`${text} begins`, `${text} ends`]))
    expect(outcomes.map(({ artifacts }) => artifacts.length)).toEqual([4, 4, 4].map((most, at) => Math.min(most, at + 2)))
    const task = await lifechart.tasks.get(taskId)
    expect(task.history.map(({ parts }) => textOf(parts))).toEqual(['first', 'first', 'second', 'second', 'third', 'third', 'last'])
  })

  it('of different tasks are executed in parallel', async () => {
    const { lifechart } = await house.open()
    let atWork = 0
    const gate = deferred()
    lifechart.tasks.define(
      'many',
      agent(async script => {
        atWork++
        script.task()
        await gate.promise
        script.status(completed)
      }),
    )
    const sends = [1, 2, 3].map(() => lifechart.tasks.send('many', says('go')))
    await expect.poll(() => atWork).toBe(3)
    gate.resolve()
    await Promise.all(sends)
  })

  it('end with their own outcome: an interruption that an earlier one reached ends no later caller', async () => {
    const { lifechart } = await house.open()
    const { executor, gate } = patient()
    lifechart.tasks.define('patient', executor)
    const first = lifechart.tasks.send('patient', says('first'))
    await expect.poll(() => [...lifechart.kernel.hosts()].length).toBe(1)
    const [host] = lifechart.kernel.hosts()
    const taskId = host?.id.slice('task/'.length) ?? ''
    const second = lifechart.tasks.send('patient', says('last', { taskId }))
    await expect.poll(() => host?.snapshot.context.pending.length).toBe(1)
    gate.resolve()
    expect(nameOf(taskOf(await second).status?.state)).toBe('completed')
    expect(taskOf(await first).artifacts.length).toBeGreaterThan(0)
  })

  it('that still wait when the task ends are refused, and their messages are not in its history', async () => {
    const { lifechart } = await house.open()
    const gate = deferred()
    let calls = 0
    lifechart.tasks.define(
      'once',
      agent(async script => {
        calls++
        script.task()
        await gate.promise
        script.status(completed)
      }),
    )
    const { id: taskId } = taskOf(await lifechart.tasks.send('once', says('first'), { returnImmediately: true }))
    const queued = lifechart.tasks.send('once', says('second', { taskId }))
    const streamed = all(lifechart.tasks.stream('once', says('third', { taskId })))
    await expect.poll(() => [...lifechart.kernel.hosts()][0]?.snapshot.context.pending.length).toBe(2)
    gate.resolve()
    await expect(queued).rejects.toMatchObject({ code: 'TASK_TERMINAL' })
    await expect(streamed).rejects.toMatchObject({ code: 'TASK_TERMINAL' })
    expect(calls).toBe(1)
    expect((await lifechart.tasks.get(taskId)).history.map(({ parts }) => textOf(parts))).toEqual(['first'])
  })

  it('see the task as it was committed when they began, their own message, and their own caller', async () => {
    const { lifechart } = await house.open()
    const seen: unknown[] = []
    lifechart.tasks.define(
      'asks',
      agent(script => {
        const { task, context, attempt, userMessage } = script.context
        seen.push({
          state: task && nameOf(task.status?.state),
          history: task?.history.length,
          context,
          attempt,
          said: textOf(userMessage.parts),
        })
        if (!task) script.task()
        script.status(task ? completed : state.TASK_STATE_INPUT_REQUIRED)
      }),
    )
    const { id: taskId } = taskOf(await lifechart.tasks.send('asks', says('one'), { context: 'call 1' }))
    await lifechart.tasks.send('asks', says('two', { taskId }), { context: 'call 2' })
    expect(seen).toEqual([
      { state: undefined, history: undefined, context: 'call 1', attempt: 1, said: 'one' },
      { state: 'input-required', history: 2, context: 'call 2', attempt: 2, said: 'two' },
    ])
  })

  it('infer a missing contextId, and are rejected with one that does not match', async () => {
    const { lifechart } = await house.open()
    const { executor, gate } = patient()
    gate.resolve()
    lifechart.tasks.define('patient', executor)
    const { id: taskId, contextId } = taskOf(await lifechart.tasks.send('patient', says('first')))
    expect(contextId).toHaveLength(32)
    await expect(lifechart.tasks.send('patient', says('x', { taskId, contextId: 'another' }))).rejects.toMatchObject({
      code: 'REQUEST_INVALID',
    })
    expect(taskOf(await lifechart.tasks.send('patient', says('last', { taskId }))).contextId).toBe(contextId)
    expect(taskOf(await lifechart.tasks.send('patient', says('first', { contextId: 'mine' }))).contextId).toBe('mine')
  })

  it('of a task that does not exist, or has ended, are refused', async () => {
    const { lifechart } = await house.open()
    lifechart.tasks.define(
      'quick',
      agent(script => void script.status(completed)),
    )
    const { id: taskId } = taskOf(await lifechart.tasks.send('quick', says('go')))
    await expect(lifechart.tasks.send('quick', says('more', { taskId }))).rejects.toMatchObject({ code: 'TASK_TERMINAL' })
    for (const unknown of ['nothing', '../etc', 'a'.repeat(10_000), '__proto__', '\0']) {
      await expect(lifechart.tasks.send('quick', says('more', { taskId: unknown }))).rejects.toMatchObject({ code: 'TASK_NOT_FOUND' })
    }
  })
})

describe('an executor', () => {
  const ends = async (executor: ReturnType<typeof agent>, policy = {}) => {
    const { lifechart, log } = await house.open()
    lifechart.tasks.define('agent', executor, policy)
    const streamed = all(lifechart.tasks.stream('agent', says('go')))
    const task = taskOf(await lifechart.tasks.send('agent', says('go')))
    return { lifechart, log, task, said: textOf(task.status?.message?.parts ?? []), streamed: await streamed }
  }

  it.each([
    ['before its first event', () => Promise.reject(new Error('secret'))],
    [
      'at once',
      () => {
        throw new Error('secret')
      },
    ],
  ])('that throws %s leaves a failed task with a safe text', async (_when, execute) => {
    const { task, said, streamed, log } = await ends({ execute })
    expect(nameOf(task.status?.state)).toBe('failed')
    expect(said).toBe('The agent failed; the cause is in the log of the server.')
    expect(streamed).toEqual(['task submitted', 'failed'])
    expect(task.history).toHaveLength(1)
    expect(log.map(({ message }) => message)).toContain('An executor failed.')
  })

  it('that throws behind its first events leaves what it published', async () => {
    const { task, streamed } = await ends(
      agent(script => {
        script.task()
        script.artifact('a', 'kept')
        throw new Error('secret')
      }),
    )
    expect(nameOf(task.status?.state)).toBe('failed')
    expect(task.artifacts.map(({ parts }) => textOf(parts))).toEqual(['kept'])
    expect(streamed).toEqual(['task submitted', 'artifact a: kept', 'failed'])
  })

  it('that ends without an event leaves a failed task', async () => {
    const { task, said } = await ends(agent(() => {}))
    expect([nameOf(task.status?.state), said]).toEqual(['failed', 'The agent ended without a result.'])
  })

  it.each([state.TASK_STATE_SUBMITTED, working])(
    'that returns in an open state (%i) leaves a failed task, or an open one by policy',
    async at => {
      const executor = agent(script => {
        script.task()
        if (at === working) script.status(at)
      })
      expect(nameOf((await ends(executor)).task.status?.state)).toBe('failed')
      expect((await ends(executor, { returnOpen: 'leave' })).task.status?.state).toBe(at)
    },
  )

  it('may publish a status or an artifact first: the task is created for it', async () => {
    const { streamed } = await ends(
      agent(script => {
        script.artifact('a', 'first')
        script.status(completed)
      }),
    )
    expect(streamed).toEqual(['task submitted', 'artifact a: first', 'completed'])
  })

  it('may publish its first task in any state, with artifacts, history and metadata', async () => {
    const { streamed, task } = await ends(
      agent(script => {
        const { userMessage } = script.context
        script.task({ history: [userMessage], metadata: { tag: 1 }, artifacts: [] }, working)
        script.status(completed, 'done', { more: 2 })
      }),
    )
    expect(streamed).toEqual(['task submitted', 'working', 'completed'])
    expect(task.history).toHaveLength(1)
    expect(task.metadata).toEqual({ tag: 1, more: 2 })
  })

  it('is refused what it may not publish: it is logged and counted, never delivered', async () => {
    const { lifechart, log } = await house.open()
    const late = deferred()
    lifechart.tasks.define(
      'wild',
      agent(script => {
        script.task()
        script.message('behind a task')
        script.artifact('unknown', 'x', true)
        script.bus.publish({ kind: 'statusUpdate', data: { taskId: 'another', contextId: '', status: undefined, metadata: undefined } })
        script.bus.publish({
          kind: 'statusUpdate',
          data: { taskId: '', contextId: '', status: { state: 17, message: undefined, timestamp: '' }, metadata: undefined },
        })
        script.bus.publish({ kind: 'nonsense' } as never)
        script.status(completed)
        script.artifact('late', 'behind the end')
        script.status(state.TASK_STATE_FAILED)
        void late.promise.then(() => script.artifact('later', 'behind its execution'))
      }),
    )
    const stream = lifechart.tasks.stream('wild', says('go'))
    expect(await all(stream)).toEqual(['task submitted', 'completed'])
    await expect.poll(() => lifechart.stats()['tasks.refused']).toBe(7)
    late.resolve()
    await expect.poll(() => lifechart.stats()['tasks.refused']).toBe(8)
    expect(log.filter(({ message }) => message === 'An event of an executor was refused.')).toHaveLength(8)
  })

  it('that publishes without end leaves the event loop to others', async () => {
    const { lifechart } = await house.open()
    let over = false
    let turns = 0
    const turn = () => {
      turns++
      if (!over) setImmediate(turn)
    }
    lifechart.tasks.define(
      'endless',
      agent(async script => {
        await script.task()
        for (let i = 0; i < 20_000; i++) await script.artifact('a', 'x', i > 0)
        script.status(completed)
      }),
    )
    turn()
    await lifechart.tasks.send('endless', says('go'))
    over = true
    expect(turns).toBeGreaterThan(5)
  })

  it('can not follow a message with a task', async () => {
    const { lifechart } = await house.open()
    lifechart.tasks.define(
      'both',
      agent(script => {
        script.message('the answer')
        script.task()
      }),
    )
    expect(await all(lifechart.tasks.stream('both', says('go')))).toEqual(['message: the answer'])
    await expect.poll(() => lifechart.stats()['tasks.refused']).toBe(1)
  })

  it('that publishes what is not JSON, or far too much at once, fails its task', async () => {
    const { task } = await ends(
      agent(script => {
        script.task()
        script.status(working, undefined, { at: new Date() as never })
      }),
      { cancelGrace: 0 },
    )
    expect(nameOf(task.status?.state)).toBe('failed')
    const flooded = await ends(
      agent(script => {
        script.task()
        for (let i = 0; i < 40_000; i++) script.artifact('a', 'x', i > 0)
      }),
      { cancelGrace: 0 },
    )
    expect(flooded.said).toContain('Await publish()')
  })
})
