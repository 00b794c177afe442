import { describe, expect, it } from 'vitest'
import { seqKey } from '../../src/tasks/events.ts'
import { processes } from '../runs/support.ts'
import { agent, all, brief, deferred, says, state, taskOf, textOf } from './support.ts'

const house = processes()
const working = state.TASK_STATE_WORKING
const completed = state.TASK_STATE_COMPLETED

/** Publishes a chunk each time it is let on. */
async function stepwise(policy = {}) {
  const opened = await house.open()
  const gates = [deferred(), deferred(), deferred()]
  opened.lifechart.tasks.define(
    'stepwise',
    agent(async script => {
      script.task()
      script.status(working)
      for (const [at, gate] of gates.entries()) {
        await gate.promise
        await script.artifact('a', String(at), at > 0)
      }
      script.status(completed)
    }),
    policy,
  )
  return { ...opened, tasks: opened.lifechart.tasks, gates }
}

describe('a stream of a task', () => {
  it('that is dropped, paused for ever or aborted changes nothing: the task completes and is stored', async () => {
    const { tasks, gates } = await stepwise()
    const dropped = tasks.stream('stepwise', says('go'))
    const first = await dropped.next()
    const id = first.value?.payload?.$case === 'task' ? first.value.payload.value.id : ''
    await dropped.return()
    const paused = tasks.subscribe(id)
    const controller = new AbortController()
    const aborted = all(tasks.subscribe(id, { signal: controller.signal }))
    gates[0]?.resolve()
    await expect.poll(async () => (await tasks.get(id)).artifacts.length).toBe(1)
    controller.abort()
    for (const gate of gates) gate.resolve()
    await expect.poll(async () => (await tasks.get(id)).status?.state).toBe(completed)
    expect((await aborted).length).toBeLessThan(3)
    expect(await all(paused)).toContain('artifact a+: 2')
  })

  it('ends promptly when it is left while it waits', async () => {
    const { tasks } = await stepwise()
    const stream = tasks.stream('stepwise', says('go'))
    await stream.next()
    await stream.next()
    const waiting = stream.next()
    await stream.return()
    expect(await waiting).toEqual({ value: undefined, done: true })
  })

  it('that follows again gets the task as it is, then exactly what follows it', async () => {
    const { tasks, gates } = await stepwise()
    const { id } = taskOf(await tasks.send('stepwise', says('go'), { returnImmediately: true }))
    gates[0]?.resolve()
    await expect.poll(async () => (await tasks.get(id)).artifacts.length).toBe(1)
    const followed = tasks.subscribe(id, { includeInitialTask: true })
    const first = await followed.next()
    expect(first.value?.payload?.$case === 'task' && textOf(first.value.payload.value.artifacts[0]?.parts ?? [])).toBe('0')
    for (const gate of gates) gate.resolve()
    expect(await all(followed)).toEqual(['artifact a+: 1', 'artifact a+: 2', 'completed'])
  })

  it('of an ended task is refused, unless it goes on after a known event', async () => {
    const { tasks, gates } = await stepwise()
    for (const gate of gates) gate.resolve()
    const { id } = taskOf(await tasks.send('stepwise', says('go')))
    await expect(all(tasks.subscribe(id))).rejects.toMatchObject({ code: 'TASK_TERMINAL' })
    await expect(all(tasks.subscribe('unknown'))).rejects.toMatchObject({ code: 'TASK_NOT_FOUND' })
    expect(await all(tasks.subscribe(id, { after: 3 }))).toEqual(['artifact a+: 1', 'artifact a+: 2', 'completed'])
    await expect(all(tasks.subscribe(id, { after: 99 }))).rejects.toMatchObject({ code: 'CURSOR_AHEAD' })
    await expect(all(tasks.subscribe(id, { after: -1 }))).rejects.toMatchObject({ code: 'CURSOR_INVALID' })
  })

  it('can have the folded task in place of status updates, as of exactly that event', async () => {
    const { tasks, gates } = await stepwise()
    const { id } = taskOf(await tasks.send('stepwise', says('go'), { returnImmediately: true }))
    const live = all(tasks.subscribe(id, { statusAsTask: true, includeInitialTask: true }))
    for (const gate of gates) gate.resolve()
    expect((await live).slice(-4)).toEqual(['artifact a: 0', 'artifact a+: 1', 'artifact a+: 2', 'task completed'])
    const seen: unknown[] = []
    for await (const { payload } of tasks.subscribe(id, { after: 1, statusAsTask: true })) {
      if (payload?.$case === 'task')
        seen.push([
          payload.value.status?.state,
          payload.value.artifacts.flatMap(({ parts }) => textOf(parts)),
          payload.value.metadata?.[seqKey],
        ])
    }
    expect(seen).toEqual([
      [working, [], 2],
      [completed, ['012'], 6],
    ])
  })

  it('says the same as every other stream of the task, each an object of its own', async () => {
    const { tasks, gates } = await stepwise()
    const { id } = taskOf(await tasks.send('stepwise', says('go'), { returnImmediately: true }))
    const streams = Array.from({ length: 20 }, () => tasks.subscribe(id, { after: 0 }))
    const firsts = await Promise.all(streams.map(stream => stream.next()))
    expect(new Set(firsts.map(({ value }) => value)).size).toBe(20)
    for (const { value } of firsts) if (value?.payload?.$case === 'task') value.payload.value.history.length = 0
    for (const gate of gates) gate.resolve()
    const rest = await Promise.all(streams.map(all))
    expect(new Set(rest.map(events => JSON.stringify(events))).size).toBe(1)
    expect((await tasks.get(id)).history).toHaveLength(1)
  })

  it('gives metadata of its own to each reader, all the way down', async () => {
    const { lifechart } = await house.open()
    const gate = deferred()
    lifechart.tasks.define(
      'notes',
      agent(async script => {
        script.task()
        await gate.promise
        script.status(working, 'x', { notes: { read: 0 } })
        script.status(completed)
      }),
    )
    const { id } = taskOf(await lifechart.tasks.send('notes', says('go'), { returnImmediately: true }))
    const reading = [0, 1].map(async () => {
      for await (const { payload } of lifechart.tasks.subscribe(id)) {
        const notes = payload?.$case === 'statusUpdate' && (payload.value.metadata?.notes as { read: number } | undefined)
        if (notes) return ++notes.read
      }
      return undefined
    })
    gate.resolve()
    expect(await Promise.all(reading)).toEqual([1, 1])
  })

  it('that folds the task changes it for nobody else', async () => {
    const { tasks, gates } = await stepwise()
    const { id } = taskOf(await tasks.send('stepwise', says('go'), { returnImmediately: true }))
    const folding = [all(tasks.subscribe(id, { statusAsTask: true })), all(tasks.subscribe(id, { statusAsTask: true }))]
    for (const gate of gates) gate.resolve()
    await Promise.all(folding)
    const { artifacts } = await tasks.get(id)
    expect(artifacts.map(({ parts }) => textOf(parts))).toEqual(['012'])
  })

  it('of a send ends at input-required, or goes on when it is to stay open; it stays open at auth-required', async () => {
    const { lifechart } = await house.open()
    const gate = deferred()
    lifechart.tasks.define(
      'asks',
      agent(async script => {
        if (script.context.task) return void script.status(completed)
        script.task()
        script.status(state.TASK_STATE_AUTH_REQUIRED, 'log in')
        await gate.promise
        script.status(state.TASK_STATE_INPUT_REQUIRED, 'which one?')
      }),
    )
    const closing = all(lifechart.tasks.stream('asks', says('go')))
    const open = lifechart.tasks.stream('asks', says('go'), { staysOpen: true })
    const { value } = await open.next()
    const id = value?.payload?.$case === 'task' ? value.payload.value.id : ''
    gate.resolve()
    expect(await closing).toEqual(['task submitted', 'auth-required', 'input-required'])
    expect([await open.next(), await open.next()].map(({ value: event }) => event && brief(event))).toEqual([
      'auth-required',
      'input-required',
    ])
    const followed = all(lifechart.tasks.subscribe(id))
    await lifechart.tasks.send('asks', says('this', { taskId: id }))
    expect(await all(open)).toEqual(['completed'])
    expect(await followed).toEqual(['completed'])
  })

  it('leaves no listener behind, however many come and go', async () => {
    const { lifechart, tasks, gates } = await stepwise()
    const { id } = taskOf(await tasks.send('stepwise', says('go'), { returnImmediately: true }))
    const [host] = lifechart.kernel.hosts()
    for (let i = 0; i < 300; i++) {
      const stream = tasks.subscribe(id)
      if (i % 3 > 0) void stream.next()
      if (i % 3 === 2) await Promise.resolve()
      await stream.return()
    }
    await expect.poll(() => host?.stream.audience).toBe(0)
    for (const gate of gates) gate.resolve()
    await expect.poll(() => lifechart.stats()['tasks.live']).toBe(0)
  })

  it('of one that is over or waits costs nothing when nobody follows it', async () => {
    const { lifechart } = await house.open()
    const released: string[] = []
    const { tasks } = lifechart
    const asks = agent(script => void script.status(script.context.task ? completed : state.TASK_STATE_INPUT_REQUIRED))
    tasks.define('asks', asks, { interruptedTimeout: 1_000_000 }, { onReleased: id => void released.push(id) })
    const { id } = taskOf(await tasks.send('asks', says('go')))
    await expect.poll(() => released).toEqual([id])
    expect([...lifechart.kernel.hosts()]).toEqual([])
    expect(lifechart.stats()).toMatchObject({ 'tasks.live': 0, 'lifecycles.loaded': 0, 'streams.followed': 0 })
    const followed = tasks.subscribe(id)
    const waiting = followed.next()
    await expect.poll(() => lifechart.stats()['tasks.live']).toBe(1)
    await followed.return()
    await waiting
    await expect.poll(() => released).toEqual([id, id])
    await tasks.send('asks', says('this', { taskId: id }))
    await expect.poll(() => released).toEqual([id, id, id])
    expect(lifechart.stats()).toMatchObject({ 'tasks.live': 0, 'lifecycles.loaded': 0, 'streams.followed': 0 })
  })
})
