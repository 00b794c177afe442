import { describe, expect, it } from 'vitest'
import type { Part } from '../../src/tasks/model.ts'
import { processes } from '../runs/support.ts'
import { agent, agentMessage, all, nameOf, says, state, taskOf, textOf } from './support.ts'

const house = processes()
const working = state.TASK_STATE_WORKING
const completed = state.TASK_STATE_COMPLETED

async function folded(...[executor, policy]: [ReturnType<typeof agent>, object?]) {
  const { lifechart, clock } = await house.open()
  lifechart.tasks.define('agent', executor, policy)
  const stream = await all(lifechart.tasks.stream('agent', says('go')))
  const task = taskOf(await lifechart.tasks.send('agent', says('go')))
  return { lifechart, clock, stream, task }
}

describe('the folded task', () => {
  it('has the message of a former status in its history, and merges metadata', async () => {
    const { task } = await folded(
      agent(script => {
        script.task({ metadata: { a: 1, b: 1 } })
        script.status(working, 'one', { b: 2 })
        script.status(working, 'two', { c: 3 })
        script.status(completed, 'three')
      }),
    )
    expect(task.history.map(({ parts }) => textOf(parts))).toEqual(['go', 'one', 'two'])
    expect(textOf(task.status?.message?.parts ?? [])).toBe('three')
    expect(task.metadata).toEqual({ a: 1, b: 2, c: 3 })
  })

  it('replaces an artifact, or appends to it', async () => {
    const { task, stream } = await folded(
      agent(script => {
        script.artifact('a', 'old')
        script.artifact('a', 'new')
        script.artifact('a', '+', true)
        script.artifact('b', 'other')
        script.status(completed)
      }),
    )
    expect(task.artifacts.map(({ artifactId, parts }) => [artifactId, parts.length, textOf(parts)])).toEqual([
      ['a', 2, 'new+'],
      ['b', 1, 'other'],
    ])
    expect(stream).toEqual(['task submitted', 'artifact a: old', 'artifact a: new', 'artifact a+: +', 'artifact b: other', 'completed'])
  })

  it('takes a full task over: status, artifacts and history are replaced, the accepted message of the user stays', async () => {
    const { task, stream } = await folded(
      agent(script => {
        script.task()
        script.artifact('old', 'x')
        script.status(working, 'away')
        script.task({ history: [agentMessage('new history')], metadata: { full: true } }, working)
        script.artifact('old', 'appended', true)
        script.task(
          { artifacts: [{ artifactId: 'result', name: '', description: '', parts: [], metadata: undefined, extensions: [] }] },
          completed,
        )
      }),
    )
    expect(stream).toEqual(['task submitted', 'artifact old: x', 'working', 'task working', 'task completed'])
    expect(task.history.map(({ parts }) => textOf(parts))).toEqual(['go'])
    expect(task.artifacts.map(({ artifactId }) => artifactId)).toEqual(['result'])
    expect(task.metadata).toEqual({ full: true })
  })

  it('leaves a message of the user where it was said, when a full task leaves it out', async () => {
    const { lifechart } = await house.open()
    const { tasks } = lifechart
    tasks.define(
      'agent',
      agent(script => {
        const { task, userMessage } = script.context
        if (!task) return void script.status(state.TASK_STATE_INPUT_REQUIRED, 'which?')
        script.status(working)
        const older = task.history.filter(({ messageId }) => messageId !== userMessage.messageId)
        script.task({ history: [...older, agentMessage('thanks')] }, completed)
      }),
    )
    const asked = taskOf(await tasks.send('agent', says('go')))
    const ended = taskOf(await tasks.send('agent', says('this one', { taskId: asked.id })))
    expect(ended.history.map(({ parts }) => textOf(parts))).toEqual(['go', 'this one', 'thanks'])
  })

  it('sets the time of a status itself, and it never goes back', async () => {
    const { lifechart, clock } = await house.open()
    lifechart.tasks.define(
      'agent',
      agent(async script => {
        script.task()
        await script.status(working)
        clock.jump(-60_000)
        await script.status(working, 'again')
        await script.status(completed)
      }),
    )
    const times: number[] = []
    for await (const { payload } of lifechart.tasks.stream('agent', says('go'))) {
      if (payload?.$case === 'task' || payload?.$case === 'statusUpdate') times.push(Date.parse(payload.value.status?.timestamp ?? ''))
    }
    expect(times).toEqual([...times].sort((a, b) => a - b))
    expect(times).toHaveLength(4)
  })

  it('keeps every kind of content, names and foreign keys as they are', async () => {
    const parts: Part[] = [
      { content: { $case: 'raw', value: Buffer.from([0, 255, 10]) }, metadata: { m: 1 }, filename: 'f.bin', mediaType: 'application/x' },
      {
        content: { $case: 'data', value: JSON.parse('{"__proto__":{"x":1},"constructor":[1]}') },
        metadata: undefined,
        filename: '',
        mediaType: '',
      },
      { content: { $case: 'url', value: 'https://example.org' }, metadata: undefined, filename: '', mediaType: '' },
      { content: { $case: 'text', value: '\ud83d\ude00 "\\' }, metadata: undefined, filename: '', mediaType: '' },
    ]
    const artifact = { artifactId: '__proto__', name: 'n', description: 'd', parts, metadata: { k: [1] }, extensions: ['e'] }
    const { lifechart, task } = await folded(
      agent(script => {
        script.bus.publish({
          kind: 'artifactUpdate',
          data: { taskId: script.context.taskId, contextId: '', artifact, append: false, lastChunk: true, metadata: undefined },
        })
        script.status(completed)
      }),
    )
    expect(task.artifacts).toEqual([artifact])
    expect((await lifechart.tasks.get(task.id)).artifacts).toEqual([artifact])
  })

  it('is not changed by what the executor does with an event behind its publication', async () => {
    const { task } = await folded(
      agent(script => {
        const metadata = { list: [1] }
        script.task({ metadata })
        metadata.list.push(2)
        script.status(completed)
        metadata.list.push(3)
      }),
    )
    expect(task.metadata).toEqual({ list: [1] })
  })

  it('is a copy for everyone who asks', async () => {
    const { lifechart, task } = await folded(agent(script => void script.status(completed, 'done', { a: { b: 1 } })))
    ;(task.metadata?.a as { b: number }).b = 2
    task.history.length = 0
    expect((await lifechart.tasks.get(task.id)).metadata).toEqual({ a: { b: 1 } })
    expect((await lifechart.tasks.get(task.id)).history).toHaveLength(1)
  })

  it('moves freely between open states, or not, when the policy is strict', async () => {
    const executor = agent(script => {
      script.task()
      script.status(state.TASK_STATE_INPUT_REQUIRED)
      script.status(working)
      script.status(state.TASK_STATE_SUBMITTED)
      script.status(completed)
    })
    expect((await folded(executor)).stream).toEqual(['task submitted', 'input-required'])
    const { lifechart } = await folded(executor, { strict: true })
    const task = taskOf(await lifechart.tasks.send('agent', says('go')))
    expect(nameOf(task.status?.state)).toBe('completed')
    expect(lifechart.stats()['tasks.refused']).toBe(6)
  })
})
