import { RequestMalformedError, TaskNotFoundError, UnsupportedOperationError } from '@a2a-js/sdk/errors'
import { describe, expect, it } from 'vitest'
import type { Part } from '../../src/tasks/model.ts'
import { all, deferred, nameOf, state, textOf } from '../tasks/support.ts'
import { does, threeChunks } from './executors.ts'
import { as, byId, send, servers, taskIn, transports } from './servers.ts'

const house = servers()

/** Echoes the parts it was sent as an artifact. */
const echo = does(script => {
  script.status(state.TASK_STATE_WORKING)
  const { taskId, contextId, userMessage } = script.context
  const artifact = { artifactId: 'echo', name: 'Echo', description: '', parts: userMessage.parts, metadata: undefined, extensions: [] }
  script.bus.publish({
    kind: 'artifactUpdate',
    data: { taskId, contextId, artifact, append: false, lastChunk: true, metadata: undefined },
  })
  script.status(state.TASK_STATE_COMPLETED)
})

describe.each(transports)('over %s,', transport => {
  it('a send waits for the end of the task and returns it with its artifacts', async () => {
    const { client } = await house.serve(transport, threeChunks)
    const task = taskIn(await client.sendMessage(send('go')))
    expect(nameOf(task.status?.state)).toBe('completed')
    expect(task.artifacts.map(({ artifactId, parts }) => [artifactId, textOf(parts)])).toEqual([['result', 'one two three']])
    expect(task.history.map(({ parts }) => textOf(parts))).toEqual(['go'])
    expect(textOf(task.status?.message?.parts ?? [])).toBe('done')
    expect(await client.getTask(byId(task.id))).toEqual(task)
  })

  it('an answer that makes no task is a message', async () => {
    const { client } = await house.serve(
      transport,
      does(script => void script.message('hello')),
    )
    expect(await client.sendMessage(send('hi'))).toMatchObject({ role: 2, parts: [{ content: { $case: 'text', value: 'hello' } }] })
    expect(await all(client.sendMessageStream(send('hi')))).toEqual(['message: hello'])
  })

  it('a send that returns immediately gives the task that goes on', async () => {
    const gate = deferred()
    const { client } = await house.serve(
      transport,
      does(async script => {
        script.task()
        await gate.promise
        script.artifact('result', 'late')
        script.status(state.TASK_STATE_COMPLETED)
      }),
    )
    const { id, status } = taskIn(await client.sendMessage(send('go', { returnImmediately: true })))
    expect(nameOf(status?.state)).toBe('submitted')
    gate.resolve()
    await expect.poll(async () => nameOf((await client.getTask(byId(id))).status?.state)).toBe('completed')
    expect(textOf((await client.getTask(byId(id))).artifacts[0]?.parts ?? [])).toBe('late')
  })

  it('text, bytes, data and links go to the executor and back as they were', async () => {
    const { client } = await house.serve(transport, echo)
    const common = { metadata: undefined, filename: '', mediaType: '' }
    const parts: Part[] = [
      { ...common, content: { $case: 'text', value: 'grüße, 世界 \u{1f30d}' }, metadata: { lang: 'de' } },
      {
        ...common,
        content: { $case: 'raw', value: Buffer.from(Uint8Array.from({ length: 256 }, (_, byte) => byte)) },
        filename: 'all.bin',
      },
      { ...common, content: { $case: 'data', value: { deep: [1.5, 'two', null, true, { 'a key': [] }] } }, mediaType: 'application/json' },
      { ...common, content: { $case: 'url', value: 'https://files.example/a?b=c' } },
    ]
    const { artifacts, history } = taskIn(await client.sendMessage(send('', { parts })))
    expect(artifacts[0]?.parts).toEqual(parts)
    expect(history[0]?.parts).toEqual(parts)
  })

  it('a message that is sent again leads to what it led to before, and is not executed again', async () => {
    const executed: string[] = []
    const { client } = await house.serve(
      transport,
      does(script => {
        executed.push(script.context.taskId)
        script.task()
        script.artifact('result', 'once')
        script.status(state.TASK_STATE_COMPLETED)
      }),
    )
    const message = send('go')
    const task = taskIn(await client.sendMessage(message))
    expect(await client.sendMessage(message)).toEqual(task)
    expect(await all(client.sendMessageStream(message))).toEqual(['task completed'])
    expect(executed).toEqual([task.id])
    expect(taskIn(await client.sendMessage(message, as('ann'))).id).not.toBe(task.id)
  })

  it('the history is as long as the client asks for', async () => {
    const { client } = await house.serve(
      transport,
      does(script => {
        script.status(state.TASK_STATE_WORKING, 'one moment')
        script.status(state.TASK_STATE_WORKING, 'still one')
        script.status(state.TASK_STATE_COMPLETED)
      }),
    )
    const said = (task: { history: { parts: Part[] }[] }) => task.history.map(({ parts }) => textOf(parts))
    const task = taskIn(await client.sendMessage(send('go')))
    expect(said(task)).toEqual(['go', 'one moment', 'still one'])
    expect(said(await client.getTask({ ...byId(task.id), historyLength: 2 }))).toEqual(['one moment', 'still one'])
    expect(said(await client.getTask({ ...byId(task.id), historyLength: 0 }))).toEqual([])
    expect(said(taskIn(await client.sendMessage(send('go', { historyLength: 1 }))))).toEqual(['still one'])
    expect(said(taskIn(await client.sendMessage(send('go', { historyLength: 0 }))))).toEqual([])
  })

  it('a task that is unknown can be neither read, cancelled, followed nor written to', async () => {
    const { client } = await house.serve(transport, threeChunks)
    const calls = [
      () => client.getTask(byId('nowhere')),
      () => client.cancelTask(byId('nowhere')),
      () => all(client.resubscribeTask(byId('nowhere'))),
      () => client.sendMessage(send('go', { taskId: 'nowhere' })),
      () => all(client.sendMessageStream(send('go', { taskId: 'nowhere' }))),
    ]
    for (const call of calls) await expect(call()).rejects.toThrow(TaskNotFoundError)
  })

  it('a task that has ended takes no message and can not be followed', async () => {
    const { client } = await house.serve(transport, threeChunks)
    const { id: taskId } = taskIn(await client.sendMessage(send('go')))
    await expect(client.sendMessage(send('more', { taskId }))).rejects.toThrow(UnsupportedOperationError)
    await expect(all(client.sendMessageStream(send('more', { taskId })))).rejects.toThrow(UnsupportedOperationError)
    await expect(all(client.resubscribeTask(byId(taskId)))).rejects.toThrow(UnsupportedOperationError)
  })

  it('a message without an id, without parts or with the context of another task is malformed', async () => {
    const { client } = await house.serve(
      transport,
      does(script => {
        script.task()
        script.status(state.TASK_STATE_INPUT_REQUIRED)
      }),
    )
    const { id: taskId } = taskIn(await client.sendMessage(send('go')))
    for (const wrong of [{ messageId: '' }, { parts: [] }, { taskId, contextId: 'another' }]) {
      await expect(client.sendMessage(send('go', wrong))).rejects.toThrow(RequestMalformedError)
      await expect(all(client.sendMessageStream(send('go', wrong)))).rejects.toThrow(RequestMalformedError)
    }
  })
})
