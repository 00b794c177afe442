import { memoryAdapter } from 'lifechart/adapters/memory'
import type { AdapterSource } from 'lifechart/port'
import { openTestLifechart } from 'lifechart/testing'
import { describe, expect, it } from 'vitest'
import { settled } from '../../src/testing/simulated-clock.ts'
import { processes } from '../runs/support.ts'
import { all, deferred, nameOf, type Script, state } from '../tasks/support.ts'
import { answers, caller, config, dealtWith, hangs, receivers, sends, serve, until } from './push-receiver.ts'

const house = processes()
const receiver = receivers()

const everything = ['task submitted', 'working', 'artifact a: one', 'artifact a+: two', 'completed']

function works(script: Script): void {
  script.task()
  script.status(state.TASK_STATE_WORKING)
  script.artifact('a', 'one')
  script.artifact('a', 'two', true)
  script.status(state.TASK_STATE_COMPLETED)
}

describe('push notifications of a task', () => {
  it('are everything that its stream says, in order, as the stream says it', async () => {
    const hook = await receiver()
    const { lifechart } = await house.open()
    const handler = serve(lifechart, works)
    const streamed = await all(handler.sendMessageStream(sends('go', config(hook.url('/hook?room=1'))), caller()) as never)
    await dealtWith(handler, everything.length)
    expect(streamed).toEqual(everything)
    expect(hook.said).toEqual(everything)
    expect(hook.received.map(({ path }) => path)).toEqual(everything.map(() => '/hook?room=1'))
    expect(hook.received[0]?.headers['content-type']).toBe('application/a2a+json')
    const [first] = hook.received
    expect(JSON.parse(first?.body ?? '').task.metadata).toEqual({ 'lifechart/seq': 1, 'lifechart/attempt': 1 })
  })

  it('carry the token, and the credentials as well', async () => {
    const hook = await receiver()
    const { lifechart } = await house.open()
    const handler = serve(lifechart, works)
    const authentication = { scheme: 'Bearer', credentials: 'abc' }
    await handler.sendMessage(sends('go', config(hook.url(), { token: 'secret', authentication })), caller())
    await dealtWith(handler, everything.length)
    expect(hook.received.length).toBe(everything.length)
    for (const { headers } of hook.received) {
      expect([headers['x-a2a-notification-token'], headers.authorization]).toEqual(['secret', 'Bearer abc'])
    }
  })

  it('are the task and its status alone if that is asked for', async () => {
    const hook = await receiver()
    const { lifechart } = await house.open()
    const handler = serve(lifechart, works, { push: { allowPrivateHosts: true, lifecycleOnly: true } })
    await handler.sendMessage(sends('go', config(hook.url())), caller())
    await dealtWith(handler, 3)
    expect(hook.said).toEqual(['task submitted', 'working', 'completed'])
  })

  it('are none for an answer that makes no task', async () => {
    const hook = await receiver()
    const { lifechart } = await house.open()
    const handler = serve(lifechart, script => void script.message('hello'))
    await handler.sendMessage(sends('go', config(hook.url())), caller())
    expect(hook.said).toEqual([])
    expect((await lifechart.kernel.adapter.query({ kinds: ['push', 'push-list'], limit: 10 })).items).toEqual([])
  })

  it('may be long', async () => {
    const hook = await receiver()
    const { lifechart } = await house.open()
    const text = 'ü'.repeat(10_000)
    const handler = serve(lifechart, script => {
      script.task()
      script.artifact('a', text)
      script.status(state.TASK_STATE_COMPLETED)
    })
    await handler.sendMessage(sends('go', config(hook.url())), caller())
    await dealtWith(handler, 3)
    expect(hook.said).toEqual(['task submitted', `artifact a: ${text}`, 'completed'])
  })

  it('are sent after their commit, never before it', async () => {
    const hook = await receiver()
    const { lifechart, store } = await house.open()
    const gate = deferred()
    const handler = serve(lifechart, async script => {
      script.task()
      await gate.promise
      script.status(state.TASK_STATE_COMPLETED)
    })
    const sent = handler.sendMessage(sends('go', config(hook.url())), caller())
    await until(() => handler.pushStats().delivered === 1 && hook.received.length === 1)
    store.hold()
    gate.resolve()
    await until(() => store.holding > 0)
    for (let turn = 0; turn < 200; turn++) await new Promise(resolve => setImmediate(resolve))
    expect(hook.said).toEqual(['task submitted'])
    store.release()
    await sent
    await dealtWith(handler, 2)
    expect(hook.said).toEqual(['task submitted', 'completed'])
  })

  it('begin where the task is when a configuration is created', async () => {
    const hook = await receiver()
    const { lifechart } = await house.open()
    const gate = deferred()
    const handler = serve(lifechart, async script => {
      script.task()
      script.status(state.TASK_STATE_WORKING)
      await gate.promise
      script.artifact('a', 'one')
      script.status(state.TASK_STATE_COMPLETED)
    })
    const stream = handler.sendMessageStream(sends('go'), caller())
    const first = (await stream.next()).value?.payload
    await stream.next()
    const taskId = first?.$case === 'task' ? first.value.id : ''
    await handler.createTaskPushNotificationConfig(config(hook.url(), { taskId }), caller())
    gate.resolve()
    await until(() => handler.pushStats().delivered === 2)
    expect(hook.said).toEqual(['artifact a: one', 'completed'])
  })

  it('begin with the effects of the message that brought the configuration to a task that waited', async () => {
    const hook = await receiver()
    const { lifechart } = await house.open()
    let turn = 0
    const handler = serve(lifechart, script => {
      if (turn++ === 0) {
        script.task()
        script.status(state.TASK_STATE_INPUT_REQUIRED, 'which?')
      } else {
        script.status(state.TASK_STATE_WORKING)
        script.status(state.TASK_STATE_COMPLETED)
      }
    })
    const asked = await handler.sendMessage(sends('go'), caller())
    const taskId = 'id' in asked ? asked.id : ''
    await handler.sendMessage(sends('that', config(hook.url()), { taskId }), caller())
    await dealtWith(handler, 2)
    expect(hook.said).toEqual(['working', 'completed'])
  })

  it('go on across the turns of a task, which costs nothing while it waits', async () => {
    const hook = await receiver()
    const { lifechart, clock } = await house.open()
    let turn = 0
    const handler = serve(lifechart, script => {
      if (turn++ === 0) {
        script.task()
        script.status(state.TASK_STATE_INPUT_REQUIRED)
      } else script.status(state.TASK_STATE_COMPLETED)
    })
    await clock.advance(5_000)
    const timers = clock.pending
    const asked = await handler.sendMessage(sends('go', config(hook.url())), caller())
    await dealtWith(handler, 2)
    await clock.advance(5_000)
    expect([clock.pending, lifechart.kernel.size, lifechart.kernel.scheduler.size]).toEqual([timers, 0, 0])
    await handler.sendMessage(sends('that', undefined, { taskId: 'id' in asked ? asked.id : '' }), caller())
    await dealtWith(handler, 3)
    expect(hook.said).toEqual(['task submitted', 'input-required', 'completed'])
  })

  it('cost nothing either when the task is given back by a store that answers late', async () => {
    const hook = await receiver()
    const memory = memoryAdapter()
    const [returns, releasing, answered] = [deferred(), deferred(), deferred()]
    const adapter: AdapterSource = {
      ...memory,
      async open(environment) {
        const opened = await memory.open(environment)
        return {
          ...opened,
          async commit(commit) {
            const versions = await opened.commit(commit)
            if (commit.changes.some(({ kind, own }) => kind === 'task' && own === 'release')) {
              releasing.resolve()
              await answered.promise
            }
            return versions
          },
        }
      },
    }
    const { lifechart } = await openTestLifechart({ adapter })
    const handler = serve(lifechart, async script => {
      script.task()
      script.status(state.TASK_STATE_INPUT_REQUIRED)
      await returns.promise
    })
    const sent = handler.sendMessage(sends('go', config(hook.url())), caller())
    await until(() => handler.pushStats().delivered === 2)
    returns.resolve()
    await sent
    await releasing.promise
    await settled(50)
    expect(handler.pushStats().held).toBe(1)
    answered.resolve()
    await until(() => handler.pushStats().held === 0)
    await lifechart.close()
  })

  it('go to each configuration on its own: one that hangs delays no other', async () => {
    const [slow, quick] = [await receiver(), await receiver()]
    slow.behaviour = hangs
    const { lifechart } = await house.open()
    const gate = deferred()
    const handler = serve(lifechart, async script => {
      script.task()
      await gate.promise
      script.status(state.TASK_STATE_COMPLETED)
    })
    const sent = handler.sendMessage(sends('go', config(slow.url())), caller())
    await until(() => slow.received.length === 1)
    const taskId = JSON.parse(slow.received[0]?.body ?? '').task.id
    await handler.createTaskPushNotificationConfig(config(quick.url(), { taskId }), caller())
    gate.resolve()
    await sent
    await until(() => quick.received.length === 1)
    expect([quick.said, slow.received.length]).toEqual([['completed'], 1])
  })
})

describe('a receiver that', () => {
  it('hangs does not delay the task', async () => {
    const hook = await receiver()
    hook.behaviour = hangs
    const { lifechart, clock } = await house.open()
    const before = clock.now()
    const task = await serve(lifechart, works).sendMessage(sends('go', config(hook.url())), caller())
    expect('status' in task && nameOf(task.status?.state)).toBe('completed')
    expect(clock.now()).toBe(before)
  })

  it('hangs is given up after the time for one try, and asked again', async () => {
    const hook = await receiver()
    hook.behaviour = (received, count) => (count === 1 ? hangs : answers(200))(received, count)
    const { lifechart, clock, log } = await house.open()
    const handler = serve(lifechart, works)
    await handler.sendMessage(sends('go', config(hook.url())), caller())
    await until(() => hook.received.length === 1)
    await clock.advance(9_999)
    expect(handler.pushStats().failed).toBe(0)
    await clock.advance(1)
    await until(() => handler.pushStats().failed === 1)
    expect(log.find(({ message }) => message.startsWith('A notification was not taken'))?.facts.failure).toBe('timeout')
    await until(() => lifechart.kernel.scheduler.size > 0)
    await clock.advance(1_000)
    await dealtWith(handler, everything.length)
    expect(hook.said).toEqual(['task submitted', ...everything])
  })

  it('answers late gets it again: at least once', async () => {
    const hook = await receiver()
    hook.behaviour = (received, count) => (count === 1 ? hangs : answers(204))(received, count)
    const { lifechart, clock } = await house.open()
    const handler = serve(lifechart, works)
    await handler.sendMessage(sends('go', config(hook.url())), caller())
    await until(() => hook.received.length === 1)
    await clock.advance(10_000)
    await until(() => handler.pushStats().failed === 1)
    hook.received[0]?.answer.writeHead(200).end()
    await until(() => lifechart.kernel.scheduler.size > 0)
    await clock.advance(1_000)
    await dealtWith(handler, everything.length)
    expect(hook.said).toEqual(['task submitted', ...everything])
    expect(handler.pushStats()).toEqual({ delivered: everything.length, failed: 1, dead: 0, held: 0 })
  })

  it('fails every other time gets everything in order', async () => {
    const hook = await receiver()
    hook.behaviour = (received, count) => answers(count % 2 === 1 ? 503 : 200)(received, count)
    const { lifechart, clock } = await house.open()
    const handler = serve(lifechart, works)
    await handler.sendMessage(sends('go', config(hook.url())), caller())
    for (let failed = 1; failed <= everything.length; failed++) {
      await until(() => handler.pushStats().failed === failed && lifechart.kernel.scheduler.size > 0)
      await clock.advance(1_000)
    }
    await dealtWith(handler, everything.length)
    expect(hook.said).toEqual(everything.flatMap(event => [event, event]))
  })

  it('fails for good is asked after pauses that double, then the notification is a dead letter, and the next one is delivered', async () => {
    const hook = await receiver()
    hook.behaviour = (received, count) => answers(count <= 8 ? 500 : 200)(received, count)
    const { lifechart, clock, log } = await house.open()
    const handler = serve(lifechart, works)
    await handler.sendMessage(sends('go', config(hook.url('/hook?key=s3cret'), { token: 's3cret' })), caller())
    for (let failed = 1; failed < 8; failed++) {
      await until(() => handler.pushStats().failed === failed && lifechart.kernel.scheduler.size > 0)
      const pause = 1_000 * 2 ** (failed - 1)
      await clock.advance(pause - 1)
      expect(hook.received.length).toBe(failed)
      await clock.advance(1)
      await until(() => hook.received.length > failed)
    }
    await dealtWith(handler, everything.length)
    expect(hook.said).toEqual([...everything.slice(0, 1).flatMap(event => Array(8).fill(event)), ...everything.slice(1)])
    expect(handler.pushStats()).toEqual({ delivered: 4, failed: 8, dead: 1, held: 0 })
    const given = log.find(({ level, message }) => level === 'error' && message.includes('given up'))
    expect(given?.facts).toMatchObject({ host: `127.0.0.1:${hook.port}`, seq: 1, attempts: 8, failure: 'status 500' })
    expect(JSON.stringify(log)).not.toContain('s3cret')
  })

  it('redirects has failed: nobody follows it', async () => {
    const [hook, elsewhere] = [await receiver(), await receiver()]
    hook.behaviour = answers(307, { location: elsewhere.url() })
    const { lifechart } = await house.open()
    const handler = serve(lifechart, works, { push: { allowPrivateHosts: true, attempts: 1 } })
    await handler.sendMessage(sends('go', config(hook.url())), caller())
    await dealtWith(handler, everything.length)
    expect(handler.pushStats()).toMatchObject({ delivered: 0, dead: everything.length })
    expect([hook.received.length, elsewhere.received.length]).toEqual([everything.length, 0])
  })

  it('is not there has failed, and is asked again', async () => {
    const hook = await receiver()
    const url = hook.url()
    hook.close()
    const { lifechart, log } = await house.open()
    const handler = serve(lifechart, works)
    await handler.sendMessage(sends('go', config(url)), caller())
    await until(() => handler.pushStats().failed === 1)
    expect(log.find(({ message }) => message.startsWith('A notification was not taken'))?.facts.failure).toBe('ECONNREFUSED')
  })

  it('answers without end is cut off behind 4 KiB', async () => {
    const hook = await receiver()
    let written = 0
    const cut = deferred()
    hook.behaviour = ({ answer }, count) => {
      answer.writeHead(200)
      if (count > 1) return void answer.end()
      answer.once('close', cut.resolve)
      const flow = () => {
        while (!answer.destroyed && answer.write('x'.repeat(1024))) written += 1024
      }
      answer.on('drain', flow)
      flow()
    }
    const { lifechart } = await house.open()
    const handler = serve(lifechart, works)
    await handler.sendMessage(sends('go', config(hook.url())), caller())
    await cut.promise
    await dealtWith(handler, everything.length)
    expect(hook.said).toEqual(everything)
    // What fits between the two is on its way before anybody can say no.
    expect(written).toBeLessThan(16 * 1024 * 1024)
    expect(handler.pushStats().failed).toBe(0)
  })
})
