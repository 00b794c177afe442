import { describe, expect, it } from 'vitest'
import { processes, upTo } from '../runs/support.ts'
import { state } from '../tasks/support.ts'
import { answers, caller, config, dealtWith, hangs, type Receiver, receivers, sends, serve, until } from './push-receiver.ts'

const house = processes()
const receiver = receivers()
const limits = { pushPosts: 6, pushPostsPerHost: 4 }

async function served() {
  const { lifechart, clock } = await house.open({ limits })
  const handler = serve(lifechart, script => void script.status(state.TASK_STATE_COMPLETED))
  const tell = async (to: Receiver, tasks: number) => {
    for (const _ of upTo(tasks)) await handler.sendMessage(sends('go', config(to.url())), caller())
  }
  return { handler, clock, tell }
}

/** Lets everything happen that can. */
async function settled(): Promise<void> {
  for (const _ of upTo(200)) await new Promise(resolve => setImmediate(resolve))
}

const answerAll = ({ received }: Receiver) => {
  for (const { answer } of received) if (!answer.writableEnded) answer.writeHead(200).end()
}

describe('notifications', () => {
  it('of many tasks to a receiver that hangs are no more at once than limits.pushPostsPerHost, and all of them come in the end', async () => {
    const slow = await receiver()
    slow.behaviour = hangs
    const { handler, tell } = await served()
    await tell(slow, 20)
    await until(() => slow.received.length === 4)
    await settled()
    expect([slow.received.length, handler.pushStats().held]).toEqual([4, 20])
    slow.behaviour = answers(200)
    answerAll(slow)
    await dealtWith(handler, 40)
    expect(slow.said.filter(said => said === 'completed')).toHaveLength(20)
  })

  it('to other receivers do not wait for the one that hangs', async () => {
    const [slow, quick] = [await receiver(), await receiver()]
    slow.behaviour = hangs
    const { tell } = await served()
    await tell(slow, 20)
    await until(() => slow.received.length === 4)
    await tell(quick, 5)
    await until(() => quick.received.length === 10)
    expect(slow.received.length).toBe(4)
  })

  it('are no more at once than limits.pushPosts, whoever receives them', async () => {
    const slow = [await receiver(), await receiver(), await receiver()]
    const { handler, tell } = await served()
    for (const one of slow) {
      one.behaviour = hangs
      await tell(one, 5)
    }
    const under = () => slow.reduce((sum, { received }) => sum + received.length, 0)
    await until(() => under() === 6)
    await settled()
    expect(under()).toBe(6)
    for (const one of slow) {
      one.behaviour = answers(200)
      answerAll(one)
    }
    await dealtWith(handler, 30)
  })

  it('get their turn receiver by receiver when all turns are taken', async () => {
    const [greedy, second, late] = [await receiver(), await receiver(), await receiver()]
    greedy.behaviour = hangs
    second.behaviour = hangs
    const { tell } = await served()
    await tell(greedy, 20)
    await tell(second, 20)
    await until(() => greedy.received.length + second.received.length === 6)
    await tell(late, 1)
    greedy.behaviour = answers(200)
    const before = greedy.received.length
    answerAll(greedy)
    await until(() => late.received.length > 0)
    // Not behind all of those that had come before.
    expect(greedy.received.length - before).toBeLessThan(12)
  })

  it('that wait for their turn have their whole time when it comes', async () => {
    const slow = await receiver()
    slow.behaviour = hangs
    const { handler, tell, clock } = await served()
    await tell(slow, 5)
    await until(() => slow.received.length === 4)
    await clock.advance(9_000)
    answerAll(slow)
    await until(() => slow.received.length > 4)
    await clock.advance(9_000)
    expect(handler.pushStats().failed).toBe(0)
  })

  it('of a configuration that is deleted while they wait are not sent, and their turn goes to the next', async () => {
    const slow = await receiver()
    slow.behaviour = hangs
    const { handler, tell } = await served()
    await tell(slow, 4)
    await until(() => slow.received.length === 4)
    const doomed = upTo(6).map(() => handler.sendMessage(sends('go', config(slow.url('/deleted'), { id: 'one' })), caller()))
    const tasks = await Promise.all(doomed)
    await tell(slow, 1)
    await settled()
    for (const task of tasks)
      await handler.deleteTaskPushNotificationConfig({ tenant: '', taskId: 'status' in task ? task.id : '', id: 'one' }, caller())
    slow.behaviour = answers(200)
    answerAll(slow)
    // Were a turn lost for each of them, there were none left.
    await dealtWith(handler, 10)
    expect(slow.received.filter(({ path }) => path === '/deleted')).toEqual([])
  })
})
