import { describe, expect, it } from 'vitest'
import { attemptKey, seqKey } from '../../src/tasks/events.ts'
import { processes } from '../runs/support.ts'
import { agent, all, deferred, nameOf, says, state, taskOf, textOf } from './support.ts'

const house = processes()

const threeChunks = agent(script => {
  script.task()
  script.status(state.TASK_STATE_WORKING)
  for (const [at, text] of ['one ', 'two ', 'three'].entries()) script.artifact('result', text, at > 0)
  script.status(state.TASK_STATE_COMPLETED, 'done')
})

describe('sending a message', () => {
  it('returns the task with all artifacts when it is over', async () => {
    const { lifechart } = await house.open()
    lifechart.tasks.define('echo', threeChunks)
    const task = taskOf(await lifechart.tasks.send('echo', says('go')))
    expect(nameOf(task.status?.state)).toBe('completed')
    expect(task.artifacts.map(({ artifactId, parts }) => [artifactId, textOf(parts)])).toEqual([['result', 'one two three']])
    expect(task.history.map(({ parts }) => textOf(parts))).toEqual(['go'])
    expect(textOf(task.status?.message?.parts ?? [])).toBe('done')
    expect(await lifechart.tasks.get(task.id)).toEqual(task)
  })

  it('streams the task first, then every event once and in order, and ends with the task', async () => {
    const { lifechart } = await house.open()
    lifechart.tasks.define('echo', threeChunks)
    expect(await all(lifechart.tasks.stream('echo', says('go')))).toEqual([
      'task submitted',
      'working',
      'artifact result: one ',
      'artifact result+: two ',
      'artifact result+: three',
      'completed',
    ])
  })

  it('numbers every event and its execution in the metadata', async () => {
    const { lifechart } = await house.open()
    lifechart.tasks.define('echo', threeChunks)
    const places: unknown[] = []
    for await (const { payload } of lifechart.tasks.stream('echo', says('go'))) {
      const { metadata } = payload?.value ?? {}
      places.push([metadata?.[seqKey], metadata?.[attemptKey]])
    }
    expect(places).toEqual([1, 2, 3, 4, 5, 6].map(seq => [seq, 1]))
  })

  it('answers with a message alone, and stores no task', async () => {
    const { lifechart } = await house.open()
    lifechart.tasks.define(
      'echo',
      agent(script => void script.message('hello')),
    )
    const sent = await lifechart.tasks.send('echo', says('hi'))
    expect('message' in sent && textOf(sent.message.parts)).toBe('hello')
    expect(await all(lifechart.tasks.stream('echo', says('hi')))).toEqual(['message: hello'])
    expect((await lifechart.kernel.adapter.query({ kinds: ['task'], limit: 10 })).items).toEqual([])
  })

  it('returns at once with returnImmediately, and the task goes on', async () => {
    const { lifechart } = await house.open()
    const gate = deferred()
    lifechart.tasks.define(
      'slow',
      agent(async script => {
        script.task()
        await gate.promise
        script.status(state.TASK_STATE_COMPLETED)
      }),
    )
    const task = taskOf(await lifechart.tasks.send('slow', says('go'), { returnImmediately: true }))
    expect(nameOf(task.status?.state)).toBe('submitted')
    const rest = all(lifechart.tasks.subscribe(task.id, { includeInitialTask: true }))
    gate.resolve()
    expect(await rest).toEqual(['task submitted', 'completed'])
  })

  it('lets the user answer a question, with the same task', async () => {
    const { lifechart } = await house.open()
    lifechart.tasks.define(
      'asks',
      agent(script => {
        if (!script.context.task) {
          script.task()
          script.status(state.TASK_STATE_INPUT_REQUIRED, 'which one?')
        } else {
          script.status(state.TASK_STATE_WORKING)
          script.status(state.TASK_STATE_COMPLETED, `took ${textOf(script.context.userMessage.parts)}`)
        }
      }),
    )
    const asked = taskOf(await lifechart.tasks.send('asks', says('take one')))
    expect(nameOf(asked.status?.state)).toBe('input-required')
    await expect.poll(() => lifechart.stats()['tasks.live']).toBe(0)
    expect(await all(lifechart.tasks.stream('asks', says('this', { taskId: asked.id })))).toEqual([
      'task input-required',
      'working',
      'completed',
    ])
    const task = await lifechart.tasks.get(asked.id)
    expect(task.history.map(({ parts }) => textOf(parts))).toEqual(['take one', 'which one?', 'this'])
    expect(textOf(task.status?.message?.parts ?? [])).toBe('took this')
  })
})
