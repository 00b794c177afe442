import { UnauthenticatedUser } from '@a2a-js/sdk/server'
import { connectionAware } from 'lifechart/a2a'
import { describe, expect, it } from 'vitest'
import type { Lifechart } from '../../src/lifechart.ts'
import { upTo } from '../runs/support.ts'
import { all, brief, deferred, nameOf, state } from '../tasks/support.ts'
import { does } from './executors.ts'
import { byId, send, servers, taskIn, transports } from './servers.ts'

const house = servers()

/** How many follow the tasks that are held here. */
const followers = ({ kernel }: Lifechart) => [...kernel.hosts()].reduce((sum, { stream }) => sum + stream.audience, 0)

/** Publishes an artifact, then nothing until it is told to end. */
const pauses = (until: Promise<void>) =>
  does(async script => {
    script.task()
    script.artifact('result', 'half')
    await until
    script.status(state.TASK_STATE_COMPLETED)
  })

describe.each(transports)('over %s,', transport => {
  it('50 subscribers that leave while nothing happens leave no cursor, and the task goes on', async () => {
    const gate = deferred()
    const { client, lifechart } = await house.serve(transport, pauses(gate.promise))
    const { id } = taskIn(await client.sendMessage(send('go', { returnImmediately: true })))
    const stays = client.resubscribeTask(byId(id))
    await stays.next()
    const leaving = upTo(50).map(() => new AbortController())
    const streams = leaving.map(({ signal }) => client.resubscribeTask(byId(id), { signal }))
    for (const first of await Promise.all(streams.map(stream => stream.next()))) expect(brief(first.value!)).toBe('task submitted')
    expect(followers(lifechart)).toBe(51)
    const cut = Promise.allSettled(streams.map(all))
    for (const controller of leaving) controller.abort()
    await cut
    await expect.poll(() => followers(lifechart)).toBe(1)
    gate.resolve()
    expect((await all(stays)).at(-1)).toBe('completed')
    await expect.poll(() => followers(lifechart)).toBe(0)
  })

  it('50 clients that leave in mid-stream leave no cursor, and all that they began goes on', async () => {
    let over = false
    const { client, lifechart } = await house.serve(
      transport,
      does(async script => {
        script.task()
        for (let n = 0; !over; n++) {
          script.artifact('count', `${n}`)
          await new Promise(resolve => setImmediate(resolve))
        }
        script.status(state.TASK_STATE_COMPLETED)
      }),
    )
    const ids = await Promise.all(
      upTo(50).map(async n => {
        let [id, seen] = ['', 0]
        for await (const { payload } of client.sendMessageStream(send('go'))) {
          if (payload?.$case === 'task') id = payload.value.id
          if (++seen > n) break
        }
        return id
      }),
    )
    await expect.poll(() => followers(lifechart)).toBe(0)
    expect(nameOf((await client.getTask(byId(ids[0]!))).status?.state)).toBe('submitted')
    over = true
    for (const id of ids) await expect.poll(async () => nameOf((await client.getTask(byId(id))).status?.state)).toBe('completed')
  })

  it('a client that leaves before there is anything to tell has its message executed all the same', async () => {
    const begun = deferred()
    const gate = deferred()
    const { client, lifechart } = await house.serve(
      transport,
      does(async script => {
        begun.resolve()
        await gate.promise
        script.task()
        script.status(state.TASK_STATE_INPUT_REQUIRED)
      }),
    )
    const leaving = new AbortController()
    const told = all(client.sendMessageStream(send('go'), { signal: leaving.signal }))
    await begun.promise
    leaving.abort()
    await expect(told).rejects.toThrow()
    gate.resolve()
    await expect.poll(() => lifechart.stats()).toMatchObject({ 'tasks.created': 1, 'tasks.live': 0 })
  })
})

describe('a user from a builder that is aware of connections', () => {
  it('is the one that was built, of its class and with all that it has', async () => {
    class Account extends UnauthenticatedUser {
      readonly #name = 'ann'
      readonly roles = ['admin']
      override get isAuthenticated() {
        return true
      }
      override get userName() {
        return this.#name
      }
      greeting() {
        return `Hello ${this.#name}.`
      }
    }
    const built = new Account()
    const build = connectionAware(async (_source: object) => built)
    const connection = { writableNeedDrain: false }
    for (const user of [await build({ res: connection }), await build(connection)]) {
      expect(user).not.toBe(built)
      expect(user).toBeInstanceOf(Account)
      expect([user.isAuthenticated, user.userName, user.roles, user.greeting()]).toEqual([true, 'ann', ['admin'], 'Hello ann.'])
    }
    expect(await build({})).toBe(built)
  })
})
