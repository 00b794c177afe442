import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { lowdbAdapter } from 'lifechart/adapters/lowdb'
import { openTestLifechart } from 'lifechart/testing'
import { describe, expect, it } from 'vitest'
import { processes } from '../runs/support.ts'
import { busy } from '../support/faulty-adapter.ts'
import { nameOf, type Script, state } from '../tasks/support.ts'
import { answers, caller, config, dealtWith, hangs, receivers, sends, serve, until } from './push-receiver.ts'

const house = processes({ durable: true })
const receiver = receivers()

const many = 20
const everything = ['task submitted', ...Array.from({ length: many }, (_, i) => `artifact a${i > 0 ? '+' : ''}: ${i}`), 'completed']

function works(script: Script): void {
  script.task()
  for (let i = 0; i < many; i++) script.artifact('a', String(i), i > 0)
  script.status(state.TASK_STATE_COMPLETED)
}

/** Asks first, then is done. */
function asks(script: Script): void {
  if (script.context.task) {
    script.status(state.TASK_STATE_COMPLETED)
    return
  }
  script.task()
  script.status(state.TASK_STATE_INPUT_REQUIRED)
}

/** Without what was sent again. */
const once = (said: readonly string[]) => said.filter((event, i) => event !== said[i - 1])

describe('notifications that are not delivered', () => {
  it.each(['closed', 'crashed'])('survive in a store on disk that is %s, and are delivered in order', async end => {
    const dir = await mkdtemp(join(tmpdir(), 'push-'))
    try {
      const hook = await receiver()
      hook.behaviour = (received, count) => (count === 8 ? hangs : answers(200))(received, count)
      const first = await openTestLifechart({ adapter: lowdbAdapter({ dir }) })
      const handler = serve(first.lifechart, works)
      const task = await handler.sendMessage(sends('go', config(hook.url(), { id: 'one', token: 'secret' })), caller('ada'))
      expect('status' in task && nameOf(task.status?.state)).toBe('completed')
      await until(() => hook.received.length === 8)
      if (end === 'crashed') first.lifechart.kernel.crash()
      await first.lifechart.close()
      expect(hook.received.length).toBe(8)
      hook.behaviour = answers(200)

      const second = await openTestLifechart({ adapter: lowdbAdapter({ dir }), environment: first.environment, seed: 2 })
      const again = serve(second.lifechart, works)
      await second.environment.clock.advance(20_000)
      await dealtWith(again, everything.length - 7)
      expect(once(hook.said)).toEqual(everything)
      expect(hook.received.length).toBe(everything.length + 1)
      expect(hook.received.every(({ headers }) => headers['x-a2a-notification-token'] === 'secret')).toBe(true)
      const taskId = 'status' in task ? task.id : ''
      const kept = await again.getTaskPushNotificationConfig({ tenant: '', taskId, id: 'one' }, caller('ada'))
      expect(kept).toEqual(config(hook.url(), { id: 'one', taskId, token: 'secret' }))
      await second.lifechart.close()
    } finally {
      await rm(dir, { recursive: true })
    }
  })

  it('are delivered by another process when theirs is gone', async () => {
    const hook = await receiver()
    hook.behaviour = hangs
    const [first, second] = [await house.open(), await house.open()]
    const [dying, heir] = [serve(first.lifechart, works), serve(second.lifechart, works)]
    await dying.sendMessage(sends('go', config(hook.url())), caller())
    await until(() => hook.received.length === 1)
    first.lifechart.kernel.crash()
    hook.behaviour = answers(200)
    await house.clock.advance(30_000)
    await dealtWith(heir, everything.length)
    expect(once(hook.said)).toEqual(everything)
  })

  it('keep the count of their tries, and their pause', async () => {
    const hook = await receiver()
    hook.behaviour = answers(500)
    const first = await house.open()
    const handler = serve(first.lifechart, asks, { push: { attempts: 2, backoff: 60_000, allowPrivateHosts: true } })
    await handler.sendMessage(sends('go', config(hook.url())), caller())
    await until(() => handler.pushStats().failed === 1 && first.lifechart.kernel.scheduler.size > 0)
    await first.lifechart.close()
    const second = await house.open()
    const again = serve(second.lifechart, asks, { push: { attempts: 2, backoff: 60_000, allowPrivateHosts: true } })
    await until(() => again.pushStats().held === 1)
    await house.clock.advance(59_000)
    expect(hook.received.length).toBe(1)
    await house.clock.advance(1_000)
    await until(() => again.pushStats().dead === 1)
    expect(hook.said.slice(0, 2)).toEqual(['task submitted', 'task submitted'])
    expect(again.pushStats().failed - hook.received.length).toBe(-1)
  })

  it('wait for a process that serves their agent', async () => {
    const hook = await receiver()
    hook.behaviour = hangs
    const first = await house.open()
    await serve(first.lifechart, works).sendMessage(sends('go', config(hook.url())), caller())
    await until(() => hook.received.length === 1)
    await first.lifechart.close()
    hook.behaviour = answers(200)
    const second = await house.open()
    serve(second.lifechart, works, { agent: 'another' })
    await house.clock.advance(30_000)
    expect(hook.received.length).toBe(1)
    await dealtWith(serve(second.lifechart, works), everything.length)
    expect(once(hook.said)).toEqual(everything)
  })
})

describe('what was delivered', () => {
  it('is not delivered again by the next process', async () => {
    const hook = await receiver()
    const first = await house.open()
    const handler = serve(first.lifechart, asks)
    const task = await handler.sendMessage(sends('go', config(hook.url())), caller())
    await dealtWith(handler, 2)
    await first.lifechart.close()
    const second = await house.open()
    const again = serve(second.lifechart, asks)
    await house.clock.advance(30_000)
    await again.sendMessage(sends('that', undefined, { taskId: 'id' in task ? task.id : '' }), caller())
    await dealtWith(again, 1)
    expect(hook.said).toEqual(['task submitted', 'input-required', 'completed'])
  })

  it('is not delivered by two processes at once', async () => {
    const hook = await receiver()
    const [first, second] = [await house.open(), await house.open()]
    const [one, other] = [serve(first.lifechart, asks), serve(second.lifechart, asks)]
    for (let i = 0; i < 5; i++) {
      const task = await one.sendMessage(sends('go', config(hook.url())), caller())
      await other.sendMessage(sends('that', undefined, { taskId: 'id' in task ? task.id : '' }), caller())
    }
    await house.clock.advance(5_000)
    await until(() => one.pushStats().delivered + other.pushStats().delivered === 15)
    await until(() => one.pushStats().held + other.pushStats().held === 0)
    await house.clock.advance(30_000)
    const byTask = new Map<string, string[]>()
    for (const [i, { body }] of hook.received.entries()) {
      const { task, statusUpdate } = JSON.parse(body)
      const id = task?.id ?? statusUpdate.taskId
      byTask.set(id, [...(byTask.get(id) ?? []), hook.said[i] ?? ''])
    }
    expect([...byTask.values()]).toEqual(Array(5).fill(['task submitted', 'input-required', 'completed']))
    expect(hook.received.length).toBe(15)
  })

  it('is delivered by whichever process has the task in the end', async () => {
    const hook = await receiver()
    const [first, second] = [await house.open(), await house.open()]
    const [one, other] = [serve(first.lifechart, asks), serve(second.lifechart, asks)]
    let held = 0
    hook.behaviour = (received, count) => {
      if (count === 2) held++
      else answers(200)(received, count)
    }
    const task = await one.sendMessage(sends('go', config(hook.url())), caller())
    await until(() => held === 1)
    // The first one waits for the receiver while the second one has the task.
    await other.sendMessage(sends('that', undefined, { taskId: 'id' in task ? task.id : '' }), caller())
    hook.received[1]?.answer.writeHead(200).end()
    await until(() => one.pushStats().delivered + other.pushStats().delivered === 3)
    expect(hook.said).toEqual(['task submitted', 'input-required', 'completed'])
  })

  it('is delivered also when the store fails for a while', async () => {
    const hook = await receiver()
    const { lifechart, store, clock } = await house.open()
    const handler = serve(lifechart, works)
    hook.behaviour = (received, count) => {
      if (count === 3) store.fail('commit', busy(), 5)
      answers(200)(received, count)
    }
    await handler.sendMessage(sends('go', config(hook.url())), caller())
    const delivered = dealtWith(handler, everything.length)
    let over = false
    void delivered.then(() => {
      over = true
    })
    while (!over) await clock.advance(10)
    expect(once(hook.said)).toEqual(everything)
    expect(hook.said.length).toBe(everything.length)
  })

  it('is no more after a delete by another process than the one that is under way', async () => {
    const hook = await receiver()
    hook.behaviour = hangs
    const [first, second] = [await house.open(), await house.open()]
    const [one, other] = [serve(first.lifechart, works), serve(second.lifechart, works)]
    const task = await one.sendMessage(sends('go', config(hook.url(), { id: 'one' })), caller())
    await until(() => hook.received.length === 1)
    await other.deleteTaskPushNotificationConfig({ tenant: '', taskId: 'id' in task ? task.id : '', id: 'one' }, caller())
    hook.behaviour = answers(200)
    hook.received[0]?.answer.writeHead(200).end()
    await until(() => one.pushStats().held === 0)
    await house.clock.advance(30_000)
    expect(hook.said).toEqual(['task submitted'])
  })

  it('goes where another process has sent it meanwhile', async () => {
    const [old, young] = [await receiver(), await receiver()]
    old.behaviour = hangs
    const [first, second] = [await house.open(), await house.open()]
    const [one, other] = [serve(first.lifechart, works), serve(second.lifechart, works)]
    const task = await one.sendMessage(sends('go', config(old.url(), { id: 'one' })), caller())
    const taskId = 'id' in task ? task.id : ''
    await until(() => old.received.length === 1)
    await other.createTaskPushNotificationConfig(config(young.url(), { taskId, id: 'one' }), caller())
    await dealtWith(other, everything.length)
    old.received[0]?.answer.writeHead(200).end()
    await until(() => one.pushStats().held === 0)
    await house.clock.advance(30_000)
    expect([old.said, young.said]).toEqual([['task submitted'], everything])
  })

  it('goes on with a new session when that of its process has lapsed', async () => {
    const hook = await receiver()
    hook.behaviour = hangs
    const { lifechart, clock } = await house.open()
    const handler = serve(lifechart, works)
    await handler.sendMessage(sends('go', config(hook.url())), caller())
    await until(() => hook.received.length === 1)
    const session = lifechart.kernel.session
    clock.jump(60_000)
    await clock.advance(9_000)
    expect(lifechart.kernel.session).not.toBe(session)
    const owner = async () => (await lifechart.kernel.adapter.query({ kinds: ['push'], limit: 1 })).items[0]?.session
    await until(async () => (await owner()) === lifechart.kernel.session)
    hook.behaviour = answers(200)
    await clock.advance(30_000)
    await dealtWith(handler, everything.length)
    expect(once(hook.said)).toEqual(everything)
  })

  it('is forgotten with its task', async () => {
    const hook = await receiver()
    const { lifechart, clock } = await house.open({ retention: { stored: 3_600_000 } })
    const handler = serve(lifechart, works)
    await handler.sendMessage(sends('go', config(hook.url())), caller())
    await dealtWith(handler, everything.length)
    const kinds = async () => (await lifechart.kernel.adapter.query({ limit: 9 })).items.map(({ kind }) => kind).sort()
    expect(await kinds()).toEqual(['push', 'push-list', 'task'])
    await clock.advance(3_590_000)
    expect(await kinds()).toEqual(['push', 'push-list', 'task'])
    await clock.advance(200_000)
    expect(await kinds()).toEqual([])
  })
})
