import type { ListTasksRequest } from '@a2a-js/sdk'
import type { Client } from '@a2a-js/sdk/client'
import { RequestMalformedError, TaskNotFoundError } from '@a2a-js/sdk/errors'
import { describe, expect, it } from 'vitest'
import { upTo } from '../runs/support.ts'
import { all, nameOf, state, textOf } from '../tasks/support.ts'
import { does, threeChunks } from './executors.ts'
import { as, byId, send, servers, taskIn, transports } from './servers.ts'

const house = servers()

const asks = does(script => {
  script.task()
  script.status(state.TASK_STATE_INPUT_REQUIRED)
})

/** Completes what it is told to complete, and asks about everything else. */
const completes = does(script => {
  script.task()
  script.artifact('result', 'the result')
  const told = textOf(script.context.userMessage.parts)
  script.status(told.startsWith('complete') ? state.TASK_STATE_COMPLETED : state.TASK_STATE_INPUT_REQUIRED)
})

/** What the user finds: how many in all, what was said first in each, and the token of the next page. */
async function listed(client: Client, user: string | undefined, filter: Partial<ListTasksRequest> = {}) {
  const request: ListTasksRequest = {
    tenant: '',
    contextId: '',
    status: state.TASK_STATE_UNSPECIFIED,
    pageToken: '',
    statusTimestampAfter: undefined,
    ...filter,
  }
  const { tasks, totalSize, nextPageToken } = await client.listTasks(request, user === undefined ? undefined : as(user))
  return { tasks, totalSize, nextPageToken, said: tasks.map(({ history }) => textOf(history[0]?.parts ?? [])) }
}

describe.each(transports)('over %s,', transport => {
  it('users list their tasks, newest first, page by page', async () => {
    const { client, clock } = await house.serve(transport, threeChunks)
    for (const n of upTo(5)) {
      await client.sendMessage(send(`task ${n}`), as('ann'))
      await clock.advance(1_000)
    }
    const pages: string[][] = []
    let pageToken = ''
    do {
      const page = await listed(client, 'ann', { pageSize: 2, pageToken })
      expect(page.totalSize).toBe(5)
      pages.push(page.said)
      pageToken = page.nextPageToken
    } while (pageToken !== '')
    expect(pages).toEqual([['task 5', 'task 4'], ['task 3', 'task 2'], ['task 1']])
  })

  it('users list the tasks of a context, in a state, or since a time', async () => {
    const { client, clock } = await house.serve(transport, completes)
    await client.sendMessage(send('complete one', { contextId: 'here' }), as('ann'))
    await client.sendMessage(send('ask one', { contextId: 'there' }), as('ann'))
    await clock.advance(60_000)
    const since = new Date(clock.now()).toISOString()
    await client.sendMessage(send('complete two', { contextId: 'there' }), as('ann'))
    expect((await listed(client, 'ann', { contextId: 'there' })).said).toEqual(['complete two', 'ask one'])
    expect((await listed(client, 'ann', { status: state.TASK_STATE_INPUT_REQUIRED })).said).toEqual(['ask one'])
    expect(await listed(client, 'ann', { statusTimestampAfter: since })).toMatchObject({ said: ['complete two'], totalSize: 1 })
    expect(await listed(client, 'ann', { contextId: 'nowhere' })).toMatchObject({ said: [], totalSize: 0 })
  })

  it('artifacts are listed only if they are asked for, and as much of the history as is', async () => {
    const { client } = await house.serve(transport, completes)
    await client.sendMessage(send('complete it'), as('ann'))
    const artifacts = async (filter: Partial<ListTasksRequest>) => (await listed(client, 'ann', filter)).tasks[0]?.artifacts ?? []
    expect(await artifacts({})).toEqual([])
    expect(await artifacts({ includeArtifacts: false })).toEqual([])
    expect((await artifacts({ includeArtifacts: true })).map(({ parts }) => textOf(parts))).toEqual(['the result'])
    expect((await listed(client, 'ann', { historyLength: 0 })).tasks[0]?.history).toEqual([])
  })

  it('a page of no size, or a token that is none, is malformed', async () => {
    const { client } = await house.serve(transport, threeChunks)
    for (const wrong of [{ pageSize: 0 }, { pageSize: 101 }, { pageToken: 'nonsense' }])
      await expect(listed(client, 'ann', wrong)).rejects.toThrow(RequestMalformedError)
  })

  it('others find nothing: for them the task does not exist', async () => {
    const { client } = await house.serve(transport, asks)
    const { id } = taskIn(await client.sendMessage(send('mine'), as('ann')))
    expect((await listed(client, 'ann')).totalSize).toBe(1)
    for (const other of [as('bob'), undefined]) {
      expect((await listed(client, other && 'bob')).totalSize).toBe(0)
      const calls = [
        () => client.getTask(byId(id), other),
        () => client.cancelTask(byId(id), other),
        () => all(client.resubscribeTask(byId(id), other)),
        () => client.sendMessage(send('yours', { taskId: id }), other),
        () => all(client.sendMessageStream(send('yours', { taskId: id }), other)),
      ]
      for (const call of calls) await expect(call()).rejects.toThrow(TaskNotFoundError)
    }
    expect(nameOf((await client.getTask(byId(id), as('ann'))).status?.state)).toBe('input-required')
  })

  it('the same user in two tenants is two callers', async () => {
    const { client } = await house.serve(transport, asks)
    const ann = as('ann')
    const here = taskIn(await client.sendMessage(send('here', { tenant: 'one' }), ann))
    const there = taskIn(await client.sendMessage(send('there', { tenant: 'two' }), ann))
    expect(await client.getTask(byId(here.id, 'one'), ann)).toEqual(here)
    for (const tenant of ['two', '']) {
      await expect(client.getTask(byId(here.id, tenant), ann)).rejects.toThrow(TaskNotFoundError)
      await expect(client.cancelTask(byId(here.id, tenant), ann)).rejects.toThrow(TaskNotFoundError)
      await expect(all(client.resubscribeTask(byId(here.id, tenant), ann))).rejects.toThrow(TaskNotFoundError)
      await expect(client.sendMessage(send('more', { taskId: here.id, tenant }), ann)).rejects.toThrow(TaskNotFoundError)
    }
    expect((await listed(client, 'ann', { tenant: 'one' })).said).toEqual(['here'])
    expect((await listed(client, 'ann', { tenant: 'two' })).said).toEqual(['there'])
    expect((await listed(client, 'ann')).said).toEqual([])
    expect(nameOf((await client.cancelTask(byId(there.id, 'two'), ann)).status?.state)).toBe('canceled')
  })

  it('callers without a user share what they have by its id, and list nothing', async () => {
    const { client } = await house.serve(transport, asks)
    const task = taskIn(await client.sendMessage(send('ours')))
    expect(await client.getTask(byId(task.id))).toEqual(task)
    expect(await listed(client, undefined)).toMatchObject({ tasks: [], totalSize: 0 })
    await expect(client.getTask(byId(task.id), as('ann'))).rejects.toThrow(TaskNotFoundError)
  })
})
