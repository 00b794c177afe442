import { describe, expect, it } from 'vitest'
import { seqKey } from '../../src/tasks/events.ts'
import type { StreamResponse } from '../../src/tasks/model.ts'
import { collect, upTo } from '../runs/support.ts'
import { all, brief, deferred, state, textOf } from '../tasks/support.ts'
import { does, threeChunks } from './executors.ts'
import { byId, send, servers, transports } from './servers.ts'

const house = servers()
const turn = () => new Promise(resolve => setImmediate(resolve))

/** The number of an event. */
const seqOf = ({ payload }: StreamResponse) => payload?.value.metadata?.[seqKey]

/** The text of the parts that an event brings. */
function textIn({ payload }: StreamResponse): string {
  if (payload?.$case === 'artifactUpdate') return textOf(payload.value.artifact?.parts ?? [])
  return payload?.$case === 'task' ? payload.value.artifacts.map(({ parts }) => textOf(parts)).join('') : ''
}

function taskIdIn({ payload }: StreamResponse): string {
  return payload?.$case === 'task' ? payload.value.id : ''
}

describe.each(transports)('over %s,', transport => {
  it('a stream gives the task, then what becomes of it, in order, and ends with it', async () => {
    const { client } = await house.serve(transport, threeChunks)
    const events = await collect(client.sendMessageStream(send('go')))
    expect(events.map(brief)).toEqual([
      'task submitted',
      'working',
      'artifact result: one ',
      'artifact result+: two ',
      'artifact result+: three',
      'completed',
    ])
    expect(events.map(seqOf)).toEqual([1, 2, 3, 4, 5, 6])
  })

  it('a client that was cut off in mid-stream gets the task as it is and exactly what follows: together the whole', async () => {
    const followed = deferred()
    const { client } = await house.serve(
      transport,
      does(async script => {
        script.task()
        script.status(state.TASK_STATE_WORKING)
        for (const n of upTo(300)) {
          if (n === 250) await followed.promise
          await script.artifact('count', `${n} `, n > 1)
          await turn()
        }
        script.status(state.TASK_STATE_COMPLETED)
      }),
    )
    const seen: StreamResponse[] = []
    for await (const event of client.sendMessageStream(send('count'))) if (seen.push(event) === 50) break
    expect(seen.map(seqOf)).toEqual(upTo(50))
    const rest: StreamResponse[] = []
    for await (const event of client.resubscribeTask(byId(taskIdIn(seen[0]!)))) {
      if (rest.push(event) === 1) followed.resolve()
    }
    expect(brief(rest[0]!)).toBe('task working')
    expect(brief(rest.at(-1)!)).toBe('completed')
    const from = Number(seqOf(rest[0]!))
    expect(rest.map(seqOf)).toEqual(upTo(303, from))
    expect(rest.map(textIn).join('')).toBe(
      upTo(300)
        .map(n => `${n} `)
        .join(''),
    )
    expect(rest.map(textIn).join('')).toContain(seen.map(textIn).join(''))
  })

  it('everybody who follows sees the same', async () => {
    const gate = deferred()
    const { client } = await house.serve(
      transport,
      does(async script => {
        script.task()
        await gate.promise
        script.status(state.TASK_STATE_WORKING)
        script.artifact('result', 'a')
        script.status(state.TASK_STATE_COMPLETED)
      }),
    )
    const first = client.sendMessageStream(send('go'))
    const { value } = await first.next()
    const followers = upTo(10).map(() => client.resubscribeTask(byId(taskIdIn(value!))))
    const snapshots = await Promise.all(followers.map(follower => follower.next()))
    for (const snapshot of snapshots) expect(snapshot.value).toEqual(value)
    gate.resolve()
    const whole = await collect(first)
    expect(whole.map(brief)).toEqual(['working', 'artifact result: a', 'completed'])
    for (const follower of followers) expect(await collect(follower)).toEqual(whole)
  })

  it('a follower stays until the end of the task, across its requests', async () => {
    const { client } = await house.serve(
      transport,
      does(script => {
        if (!script.context.task) {
          script.task()
          script.status(state.TASK_STATE_INPUT_REQUIRED)
        } else script.status(state.TASK_STATE_COMPLETED)
      }),
    )
    const [task] = await collect(client.sendMessageStream(send('go')))
    const follower = client.resubscribeTask(byId(taskIdIn(task!)))
    expect(brief((await follower.next()).value!)).toBe('task input-required')
    const rest = all(follower)
    await client.sendMessage(send('that', { taskId: taskIdIn(task!) }))
    expect(await rest).toEqual(['completed'])
  })
})
