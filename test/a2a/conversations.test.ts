import { TaskNotCancelableError } from '@a2a-js/sdk/errors'
import { describe, expect, it } from 'vitest'
import { aborted } from '../runs/support.ts'
import { all, brief, deferred, nameOf, state, textOf } from '../tasks/support.ts'
import { does, threeChunks } from './executors.ts'
import { byId, send, servers, taskIn, transports } from './servers.ts'

const house = servers()

describe.each(transports)('over %s,', transport => {
  it('a question is answered with the same task id, and the task goes on', async () => {
    const { client } = await house.serve(
      transport,
      does(script => {
        if (!script.context.task) {
          script.task()
          script.status(state.TASK_STATE_INPUT_REQUIRED, 'which one?')
        } else {
          script.status(state.TASK_STATE_WORKING)
          script.status(state.TASK_STATE_COMPLETED, `took ${textOf(script.context.userMessage.parts)}`)
        }
      }),
    )
    expect(await all(client.sendMessageStream(send('take one')))).toEqual(['task submitted', 'input-required'])
    const asked = taskIn(await client.sendMessage(send('take one')))
    expect([nameOf(asked.status?.state), textOf(asked.status?.message?.parts ?? [])]).toEqual(['input-required', 'which one?'])
    const { id: taskId, contextId } = asked
    expect(await all(client.sendMessageStream(send('this', { taskId, contextId })))).toEqual([
      'task input-required',
      'working',
      'completed',
    ])
    const task = await client.getTask(byId(taskId))
    expect(task.history.map(({ parts }) => textOf(parts))).toEqual(['take one', 'which one?', 'this'])
    expect(textOf(task.status?.message?.parts ?? [])).toBe('took this')
  })

  it('an authorisation that is waited for keeps the stream open, and what the user sends meanwhile waits its turn', async () => {
    const granted = deferred()
    const executed: string[] = []
    const { client } = await house.serve(
      transport,
      does(async script => {
        executed.push(textOf(script.context.userMessage.parts))
        if (script.context.task) return void script.status(state.TASK_STATE_COMPLETED)
        script.task()
        script.status(state.TASK_STATE_AUTH_REQUIRED)
        await granted.promise
        script.status(state.TASK_STATE_WORKING)
        script.status(state.TASK_STATE_INPUT_REQUIRED)
      }),
    )
    const stream = client.sendMessageStream(send('pay'))
    const { value: first } = await stream.next()
    expect(brief((await stream.next()).value!)).toBe('auth-required')
    const taskId = first?.payload?.$case === 'task' ? first.payload.value.id : ''
    const queued = taskIn(await client.sendMessage(send('and ship', { taskId, returnImmediately: true })))
    expect(nameOf(queued.status?.state)).toBe('auth-required')
    expect(executed).toEqual(['pay'])
    granted.resolve()
    expect(await all(stream)).toEqual(['working', 'input-required'])
    await expect.poll(async () => nameOf((await client.getTask(byId(taskId))).status?.state)).toBe('completed')
    expect(executed).toEqual(['pay', 'and ship'])
  })

  it('a send returns the task when it waits for an authorisation', async () => {
    const granted = deferred()
    const { client } = await house.serve(
      transport,
      does(async script => {
        script.task()
        script.status(state.TASK_STATE_AUTH_REQUIRED)
        await granted.promise
        script.status(state.TASK_STATE_COMPLETED)
      }),
    )
    const { id, status } = taskIn(await client.sendMessage(send('pay')))
    expect(nameOf(status?.state)).toBe('auth-required')
    granted.resolve()
    await expect.poll(async () => nameOf((await client.getTask(byId(id))).status?.state)).toBe('completed')
  })

  it('a task that is cancelled tells its executor and its followers', async () => {
    const told: string[] = []
    const { client } = await house.serve(
      transport,
      does(
        async script => {
          script.task()
          script.status(state.TASK_STATE_WORKING)
          await aborted(script.context.signal)
          told.push('signal')
          script.artifact('rest', 'tidied up')
        },
        async taskId => void told.push(`cancelTask ${taskId}`),
      ),
    )
    const stream = client.sendMessageStream(send('go'))
    const { value: first } = await stream.next()
    expect(brief((await stream.next()).value!)).toBe('working')
    const id = first?.payload?.$case === 'task' ? first.payload.value.id : ''
    const task = await client.cancelTask(byId(id))
    expect(nameOf(task.status?.state)).toBe('canceled')
    expect(told.sort()).toEqual([`cancelTask ${id}`, 'signal'])
    expect(await all(stream)).toEqual(['artifact rest: tidied up', 'canceled'])
    expect(nameOf((await client.cancelTask(byId(id))).status?.state)).toBe('canceled')
  })

  it('a task that waits for its user is cancelled without an executor', async () => {
    const { client } = await house.serve(
      transport,
      does(script => {
        script.task()
        script.status(state.TASK_STATE_INPUT_REQUIRED)
      }),
    )
    const { id } = taskIn(await client.sendMessage(send('go')))
    expect(nameOf((await client.cancelTask(byId(id))).status?.state)).toBe('canceled')
  })

  it('a task that has ended can not be cancelled', async () => {
    const { client } = await house.serve(transport, threeChunks)
    const { id } = taskIn(await client.sendMessage(send('go')))
    await expect(client.cancelTask(byId(id))).rejects.toThrow(TaskNotCancelableError)
    expect(nameOf((await client.getTask(byId(id))).status?.state)).toBe('completed')
  })
})
