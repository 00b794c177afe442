import { describe, expect, it } from 'vitest'
import type { Index } from '../../src/kernel/port.ts'
import { processes } from '../runs/support.ts'
import { agent, all, deferred, nameOf, says, state, taskOf, textOf } from './support.ts'

const house = processes({ durable: true })
const working = state.TASK_STATE_WORKING
const completed = state.TASK_STATE_COMPLETED
const asking = state.TASK_STATE_INPUT_REQUIRED

const untilAborted = (signal: AbortSignal) =>
  new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))

/** Works on `go` until it is told to stop, and is done with it when it is executed again. */
const worker = agent(async script => {
  const { attempt, signal, task } = script.context
  if (!task) script.task()
  script.status(working, `attempt ${attempt}`)
  script.artifact(`a${attempt}`, 'chunk')
  if (attempt === 1) await untilAborted(signal)
  else script.status(completed, `attempt ${attempt}`)
})

describe('a task whose process is gone', () => {
  it.each([
    ['fail', 'failed', ['a1']],
    ['resume', 'completed', ['a1', 'a2']],
    ['requeue', 'completed', ['a1', 'a2']],
  ] as const)('is dealt with by the policy %s when it was executed', async (orphan, end, artifacts) => {
    const first = await house.open()
    first.lifechart.tasks.define('worker', worker, { orphan })
    const { id } = taskOf(await first.lifechart.tasks.send('worker', says('go'), { returnImmediately: true }))
    await expect.poll(async () => (await first.lifechart.tasks.get(id)).artifacts.length).toBe(1)
    first.lifechart.kernel.crash()
    await house.clock.advance(20_000)
    const second = await house.open()
    second.lifechart.tasks.define('worker', worker, { orphan })
    await expect.poll(async () => nameOf((await second.lifechart.tasks.get(id)).status?.state)).toBe(end)
    const task = await second.lifechart.tasks.get(id)
    expect(task.artifacts.map(({ artifactId }) => artifactId)).toEqual(artifacts)
    if (orphan === 'fail') expect(textOf(task.status?.message?.parts ?? [])).toBe('The process that worked on this task is gone.')
    expect(task.history.filter(({ role }) => role === 1)).toHaveLength(1)
  })

  it('fails also when its agent is defined nowhere; one that is to be resumed waits for its agent, and no longer than the grace', async () => {
    const first = await house.open()
    first.lifechart.tasks.define('worker', worker, { orphan: 'resume' })
    first.lifechart.tasks.define('failing', worker)
    const send = async (name: string) => taskOf(await first.lifechart.tasks.send(name, says('go'), { returnImmediately: true })).id
    const [resumed, failed, left] = [await send('worker'), await send('failing'), await send('worker')]
    await expect.poll(async () => (await first.lifechart.tasks.get(left)).artifacts.length).toBe(1)
    first.lifechart.kernel.crash()
    await house.clock.advance(20_000)
    const second = await house.open()
    const stateOf = async (id: string) =>
      nameOf((await second.lifechart.kernel.adapter.load(`task/${id}`))?.index.state === 'failed' ? 4 : 2)
    await expect.poll(() => stateOf(failed)).toBe('failed')
    expect([await stateOf(resumed), await stateOf(left)]).toEqual(['working', 'working'])
    await house.clock.advance(31_000)
    await expect.poll(async () => [await stateOf(resumed), await stateOf(left)]).toEqual(['failed', 'failed'])
  })

  it('stays parked, or ended, as it was', async () => {
    const first = await house.open()
    const executor = agent(script => void script.status(script.context.task ? completed : asking, 'status'))
    first.lifechart.tasks.define('asks', executor)
    const parked = taskOf(await first.lifechart.tasks.send('asks', says('one')))
    const ended = taskOf(await first.lifechart.tasks.send('asks', says('two')))
    await first.lifechart.tasks.send('asks', says('more', { taskId: ended.id }))
    const endedBefore = await first.lifechart.tasks.get(ended.id)
    first.lifechart.kernel.crash()
    await house.clock.advance(20_000)
    const second = await house.open()
    second.lifechart.tasks.define('asks', executor)
    expect(second.lifechart.stats()['lifecycles.loaded']).toBe(0)
    expect(await second.lifechart.tasks.get(parked.id)).toEqual(parked)
    expect(await second.lifechart.tasks.get(ended.id)).toEqual(endedBefore)
    expect(nameOf(taskOf(await second.lifechart.tasks.send('asks', says('this', { taskId: parked.id }))).status?.state)).toBe('completed')
  })

  it('ends when it is idle for as long as its policy said when it began, whatever the agent says now', async () => {
    const first = await house.open()
    const silent = agent(async script => {
      script.status(working)
      await untilAborted(script.context.signal)
    })
    first.lifechart.tasks.define('silent', silent, { orphan: 'resume', idleTimeout: 60_000 })
    const { id } = taskOf(await first.lifechart.tasks.send('silent', says('go'), { returnImmediately: true }))
    await expect.poll(async () => nameOf((await first.lifechart.tasks.get(id)).status?.state)).toBe('working')
    first.lifechart.kernel.crash()
    await house.clock.advance(20_000)
    const second = await house.open()
    second.lifechart.tasks.define('silent', silent)
    await expect.poll(() => second.lifechart.stats()['tasks.live']).toBe(1)
    await house.clock.advance(61_000)
    await expect.poll(async () => nameOf((await second.lifechart.tasks.get(id)).status?.state)).toBe('failed')
  })

  it('executes the requests that were queued, each once, when it is resumed', async () => {
    const first = await house.open()
    const calls: string[] = []
    const executor = agent(async script => {
      const said = textOf(script.context.userMessage.parts)
      calls.push(`${said} ${script.context.attempt}`)
      if (!script.context.task) script.task()
      script.status(working)
      if (script.context.attempt === 1) await untilAborted(script.context.signal)
      script.status(said === 'last' ? completed : asking)
    })
    first.lifechart.tasks.define('worker', executor, { orphan: 'resume' })
    const { id: taskId } = taskOf(await first.lifechart.tasks.send('worker', says('first'), { returnImmediately: true, context: 'live' }))
    for (const text of ['second', 'last']) first.lifechart.tasks.send('worker', says(text, { taskId })).catch(() => undefined)
    await expect.poll(() => [...first.lifechart.kernel.hosts()][0]?.snapshot.context.pending.length).toBe(2)
    first.lifechart.kernel.crash()
    await house.clock.advance(20_000)
    const second = await house.open()
    second.lifechart.tasks.define('worker', executor, { orphan: 'resume' })
    await expect.poll(async () => nameOf((await second.lifechart.tasks.get(taskId)).status?.state)).toBe('completed')
    expect(calls).toEqual(['first 1', 'first 2', 'second 3', 'last 4'])
  })

  it('ends within a second of its deadline when its user does not answer, 10,000 of them that nobody holds', async () => {
    const count = 10_000
    const first = await house.open()
    const executor = agent(script => void script.status(asking))
    const policy = { interruptedTimeout: 3_600_000 }
    first.lifechart.tasks.define('asks', executor, policy)
    await Promise.all(Array.from({ length: count }, () => first.lifechart.tasks.send('asks', says('x'))))
    await expect.poll(() => first.lifechart.stats()['tasks.live']).toBe(0)
    await first.lifechart.close()
    const second = await house.open()
    second.lifechart.tasks.define('asks', executor, policy)
    const deadline = house.clock.now() + 3_600_000
    const tasks = async () => {
      const found: Index[] = []
      for (let cursor: string | undefined; ; ) {
        const { items, next } = await second.lifechart.kernel.adapter.query({ kinds: ['task'], limit: 1_000, ...(cursor && { cursor }) })
        for (const { index } of items) found.push(index)
        if (!next) return found
        cursor = next
      }
    }
    expect(second.lifechart.stats()['lifecycles.loaded']).toBe(0)
    await house.clock.advance(3_600_000 - 1_000)
    expect((await tasks()).filter(({ state }) => state === 'inputRequired')).toHaveLength(count)
    await house.clock.advance(2_000)
    await expect.poll(async () => (await tasks()).filter(({ state }) => state === 'failed').length, { timeout: 60_000 }).toBe(count)
    expect(Math.max(...(await tasks()).map(({ changed }) => changed))).toBeLessThan(deadline + 1_000)
    expect(second.lifechart.stats()['lifecycles.loaded']).toBe(0)
  }, 120_000)
})

describe('closing a runtime', () => {
  it.each([
    ['stop', undefined, 'failed'],
    ['default', undefined, 'failed'],
    ['default', 'resume', 'working'],
    ['handover', 'resume', 'working'],
    ['drain', undefined, 'completed'],
  ] as const)('(%s, %s) leaves an executed task %s', async (mode, orphan, end) => {
    const { lifechart } = await house.open()
    const gate = deferred()
    lifechart.tasks.define(
      'worker',
      agent(async script => {
        script.task()
        script.status(working)
        await Promise.race([gate.promise, untilAborted(script.context.signal)])
        if (!script.context.signal.aborted) script.status(completed)
      }),
      orphan ? { orphan } : {},
    )
    const { id } = taskOf(await lifechart.tasks.send('worker', says('go'), { returnImmediately: true }))
    const stream = all(lifechart.tasks.subscribe(id, { after: 1 })).catch(error => error.code)
    await expect.poll(async () => nameOf((await lifechart.tasks.get(id)).status?.state)).toBe('working')
    const closed = lifechart.close(mode === 'default' ? {} : { mode })
    if (mode === 'drain') gate.resolve()
    await closed
    const next = await house.open()
    const stored = await next.lifechart.kernel.adapter.load(`task/${id}`)
    expect(stored?.index.state).toBe(end)
    expect(await stream).toEqual(end === 'working' ? 'RUNTIME_CLOSED' : end === 'failed' ? ['working', 'failed'] : ['working', 'completed'])
    await expect(lifechart.tasks.send('worker', says('late'))).rejects.toMatchObject({ code: 'RUNTIME_CLOSED' })
  })

  it('while the store does not answer lets go of every task, also of one that is being cancelled', async () => {
    const { lifechart, store, clock } = await house.open()
    lifechart.tasks.define(
      'deaf',
      agent(async script => {
        script.status(working)
        await new Promise(() => undefined)
      }),
      { cancelGrace: 60_000 },
    )
    const { id } = taskOf(await lifechart.tasks.send('deaf', says('go'), { returnImmediately: true }))
    await expect.poll(async () => nameOf((await lifechart.tasks.get(id)).status?.state)).toBe('working')
    const cancelled = lifechart.tasks.cancel(id).catch(error => error.code)
    await expect.poll(() => JSON.stringify([...lifechart.kernel.hosts()][0]?.snapshot.value)).toContain('cancelling')
    store.hold('commit')
    void lifechart.tasks.send('deaf', says('more', { taskId: id })).catch(() => undefined)
    const closed = lifechart.close({ mode: 'stop', timeout: 30_000 })
    await clock.advance(40_000)
    store.release()
    await closed
    expect(await cancelled).toBe('STORE_UNAVAILABLE')
  })
})

it.each([
  ['resume', true],
  ['requeue', true],
  ['resume', false],
  ['requeue', false],
] as const)(
  '(%s) a request that five processes died of is executed no more; those that handed it over do not count (died: %s)',
  async (orphan, dies) => {
    let calls = 0
    const executor = agent(async script => {
      calls++
      script.status(working)
      await untilAborted(script.context.signal)
    })
    let id: string | undefined
    for (let place = 1; place <= 6; place++) {
      const { lifechart } = await house.open()
      lifechart.tasks.define('deadly', executor, { orphan })
      id ??= taskOf(await lifechart.tasks.send('deadly', says('go'), { returnImmediately: true })).id
      const own = id
      await expect.poll(async () => calls === place || nameOf((await lifechart.tasks.get(own)).status?.state) === 'failed').toBe(true)
      expect(calls).toBe(dies ? Math.min(place, 5) : place)
      if (dies) lifechart.kernel.crash()
      else await lifechart.close({ mode: 'handover' })
      await house.clock.advance(20_000)
    }
  },
)

it('a runtime that is closed follows the policy that a task was made with, and not a newer one', async () => {
  const executor = agent(async script => {
    script.status(working)
    await untilAborted(script.context.signal)
  })
  const open = async (policy: object) => {
    const { lifechart } = await house.open()
    lifechart.tasks.define('worker', executor, policy)
    return lifechart
  }
  const first = await open({ orphan: 'resume' })
  const { id } = taskOf(await first.tasks.send('worker', says('go'), { returnImmediately: true }))
  await expect.poll(async () => nameOf((await first.tasks.get(id)).status?.state)).toBe('working')
  await first.close()
  const second = await open({ orphan: 'fail' })
  await expect.poll(() => second.stats()['tasks.live']).toBe(1)
  await second.close()
  const third = await house.open()
  expect((await third.lifechart.kernel.adapter.load(`task/${id}`))?.index.state).toBe('working')
})

describe('two processes over one store', () => {
  it('serve one task: a message, a cancel, a stream and a question from the other one reach its owner', async () => {
    const first = await house.open()
    const second = await house.open()
    const gate = deferred()
    const executor = agent(async script => {
      const { task } = script.context
      if (!task) script.task()
      script.status(working)
      if (!task) await gate.promise
      script.status(asking)
    })
    for (const { lifechart } of [first, second]) lifechart.tasks.define('worker', executor)
    const { id: taskId } = taskOf(await first.lifechart.tasks.send('worker', says('go'), { returnImmediately: true }))
    const stream = all(second.lifechart.tasks.subscribe(taskId, { includeInitialTask: true }))
    await expect.poll(() => second.lifechart.stats()['streams.followed']).toBe(1)
    const answered = second.lifechart.tasks.send('worker', says('more', { taskId }))
    await expect.poll(() => [...first.lifechart.kernel.hosts()][0]?.snapshot.context.pending.length).toBe(1)
    gate.resolve()
    expect(nameOf(taskOf(await answered).status?.state)).toBe('input-required')
    expect(nameOf((await second.lifechart.tasks.cancel(taskId)).status?.state)).toBe('canceled')
    expect((await stream).slice(-1)).toEqual(['canceled'])
    expect(await first.lifechart.tasks.get(taskId)).toEqual(await second.lifechart.tasks.get(taskId))
  })

  it('make one task of a message that both are sent at once', async () => {
    const first = await house.open()
    const second = await house.open()
    const message = says('go')
    // The one that comes too late is released at once; that its owner fails at that changes nothing.
    const onReleased = () => {
      throw new Error('The callback failed.')
    }
    for (const { lifechart } of [first, second])
      lifechart.tasks.define(
        'worker',
        agent(script => void script.status(completed)),
        {},
        { onReleased },
      )
    const [one, other] = await Promise.all([first, second].map(({ lifechart }) => lifechart.tasks.send('worker', message)))
    expect(one && other && taskOf(one).id).toBe(other && taskOf(other).id)
  })

  it('execute a message once that both are sent at once for the same task, and both have its outcome', async () => {
    const first = await house.open()
    const second = await house.open()
    const gate = deferred()
    const heard: string[] = []
    const executor = agent(async script => {
      heard.push(textOf(script.context.userMessage.parts))
      script.status(working)
      if (heard.length === 1) await gate.promise
      script.status(asking, heard.at(-1))
    })
    for (const { lifechart } of [first, second]) lifechart.tasks.define('worker', executor)
    const { id: taskId } = taskOf(await first.lifechart.tasks.send('worker', says('go'), { returnImmediately: true }))
    const message = says('more', { taskId })
    second.store.hold('commit')
    const late = second.lifechart.tasks.send('worker', message)
    await expect.poll(() => second.store.holding).toBe(1)
    const early = first.lifechart.tasks.send('worker', message)
    await expect.poll(() => [...first.lifechart.kernel.hosts()][0]?.snapshot.context.pending.length).toBe(1)
    second.store.release()
    await expect.poll(() => [...first.lifechart.kernel.hosts()][0]?.journal.commands).toBe(1)
    gate.resolve()
    const said = (await Promise.all([early, late])).map(sent => textOf(taskOf(sent).status?.message?.parts ?? []))
    expect(said).toEqual(['more', 'more'])
    expect(heard).toEqual(['go', 'more'])
  })

  it('execute a message once that was sent to a process that is gone, and is still on its way from another one', async () => {
    const first = await house.open()
    const second = await house.open()
    const heard: string[] = []
    const executor = agent(script => {
      heard.push(textOf(script.context.userMessage.parts))
      script.status(asking, heard.at(-1))
    })
    for (const { lifechart } of [first, second]) lifechart.tasks.define('asks', executor)
    const { id: taskId } = taskOf(await first.lifechart.tasks.send('asks', says('go')))
    const held = first.lifechart.tasks.subscribe(taskId)
    void held.next().catch(() => undefined)
    await expect.poll(() => first.lifechart.stats()['tasks.live']).toBe(1)
    const message = says('more', { taskId })
    second.store.hold('commit')
    const late = second.lifechart.tasks.send('asks', message)
    await expect.poll(() => second.store.holding).toBe(1)
    await first.lifechart.tasks.send('asks', message)
    await expect.poll(() => JSON.stringify([...first.lifechart.kernel.hosts()][0]?.snapshot.value)).toContain('parked')
    first.lifechart.kernel.crash()
    second.store.release()
    await house.clock.advance(20_000)
    expect(textOf(taskOf(await late).status?.message?.parts ?? [])).toBe('more')
    expect(heard).toEqual(['go', 'more'])
  })
})
