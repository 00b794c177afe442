import type { Task, TaskStatus } from '@a2a-js/sdk'
import { AgentEvent, type AgentExecutionEvent, type AgentExecutor, type RequestContext } from '@a2a-js/sdk/server'
import type { LifechartRequestContext } from 'lifechart/a2a'
import { describe, expect, it } from 'vitest'
import { aborted } from '../runs/support.ts'
import { all, nameOf, state, textOf } from '../tasks/support.ts'
import { does } from './executors.ts'
import { byId, send, servers, taskIn, transports } from './servers.ts'

const house = servers()

const at = (status: number): TaskStatus => ({ state: status, message: undefined, timestamp: undefined })

function taskOf({ taskId: id, contextId, userMessage }: RequestContext): Task {
  return { id, contextId, status: at(state.TASK_STATE_SUBMITTED), artifacts: [], history: [userMessage], metadata: undefined }
}

const update = ({ taskId, contextId }: RequestContext, status: number) =>
  AgentEvent.statusUpdate({ taskId, contextId, status: at(status), metadata: undefined })

describe.each(transports)('over %s, an executor', transport => {
  it('that says it has finished is over when it returns', async () => {
    const executor: AgentExecutor = {
      async execute(context, bus) {
        bus.publish(AgentEvent.task(taskOf(context)))
        bus.publish(update(context, state.TASK_STATE_WORKING))
        bus.publish(update(context, state.TASK_STATE_COMPLETED))
        bus.finished()
      },
      async cancelTask() {},
    }
    const { client } = await house.serve(transport, executor)
    const task = taskIn(await client.sendMessage(send('go')))
    expect(nameOf(task.status?.state)).toBe('completed')
    // It was in what the executor published, too.
    expect(task.history.map(({ parts }) => textOf(parts))).toEqual(['go'])
    expect(await all(client.sendMessageStream(send('go')))).toEqual(['task submitted', 'working', 'completed'])
  })

  it('hears what it publishes, until it leaves', async () => {
    const heard: string[] = []
    const executor: AgentExecutor = {
      async execute(context, bus) {
        const listen = ({ kind }: AgentExecutionEvent) => heard.push(kind)
        bus.on('event', listen)
        bus.once('finished', () => heard.push('finished'))
        bus.publish(AgentEvent.task(taskOf(context)))
        bus.publish(update(context, state.TASK_STATE_WORKING))
        bus.off('event', listen)
        bus.publish(update(context, state.TASK_STATE_COMPLETED))
        bus.finished()
        bus.finished()
      },
      async cancelTask() {},
    }
    const { client } = await house.serve(transport, executor)
    expect(nameOf(taskIn(await client.sendMessage(send('go'))).status?.state)).toBe('completed')
    expect(heard).toEqual(['task', 'statusUpdate', 'finished'])
  })

  it('that looks for cancelTask instead of the signal ends the task as canceled itself', async () => {
    const cancelled = new Set<string>()
    let stop = () => {}
    const executor: AgentExecutor = {
      async execute(context, bus) {
        bus.publish(AgentEvent.task(taskOf(context)))
        bus.publish(update(context, state.TASK_STATE_WORKING))
        await new Promise<void>(resolve => {
          stop = resolve
        })
        bus.publish(update(context, cancelled.has(context.taskId) ? state.TASK_STATE_CANCELED : state.TASK_STATE_COMPLETED))
        bus.finished()
      },
      async cancelTask(taskId) {
        cancelled.add(taskId)
        stop()
      },
    }
    const { client } = await house.serve(transport, executor)
    const { id } = taskIn(await client.sendMessage(send('go', { returnImmediately: true })))
    expect(nameOf((await client.cancelTask(byId(id))).status?.state)).toBe('canceled')
  })

  it('that publishes the end in cancelTask may leave its work behind', async () => {
    const executor: AgentExecutor = {
      async execute(context, bus) {
        bus.publish(AgentEvent.task(taskOf(context)))
        await aborted((context as LifechartRequestContext).signal)
        await new Promise(() => undefined)
      },
      async cancelTask(taskId, bus) {
        bus.publish(AgentEvent.statusUpdate({ taskId, contextId: '', status: at(state.TASK_STATE_CANCELED), metadata: undefined }))
      },
    }
    const { client } = await house.serve(transport, executor)
    const { id } = taskIn(await client.sendMessage(send('go', { returnImmediately: true })))
    expect(nameOf((await client.cancelTask(byId(id))).status?.state)).toBe('canceled')
  })

  it('that throws fails the task, and clients are not told why', async () => {
    const { client, log } = await house.serve(
      transport,
      does(script => {
        script.task()
        throw new Error('the password is swordfish')
      }),
    )
    const { status } = taskIn(await client.sendMessage(send('go')))
    expect(nameOf(status?.state)).toBe('failed')
    expect(textOf(status?.message?.parts ?? [])).toBe('The agent failed; the cause is in the log of the server.')
    expect(JSON.stringify(log)).toContain('swordfish')
  })

  it('knows who called, and what was said before', async () => {
    const { client } = await house.serve(
      transport,
      does(script => {
        const { task, userMessage } = script.context
        const { tenant, user } = script.context.context as RequestContext['context']
        if (!task) script.task()
        const before = task?.history.map(({ parts }) => textOf(parts)).join(', ')
        script.artifact(textOf(userMessage.parts), `${user?.userName} of ${tenant}, behind: ${before}`)
        script.status(task ? state.TASK_STATE_COMPLETED : state.TASK_STATE_INPUT_REQUIRED)
      }),
    )
    const ann = { serviceParameters: { 'x-user': 'ann' } }
    const { id: taskId } = taskIn(await client.sendMessage(send('first', { tenant: 'acme' }), ann))
    const { artifacts } = taskIn(await client.sendMessage(send('second', { tenant: 'acme', taskId }), ann))
    expect(artifacts.map(({ parts }) => textOf(parts))).toEqual(['ann of acme, behind: undefined', 'ann of acme, behind: first, second'])
  })
})
