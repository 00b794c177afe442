import { describe, expect, it } from 'vitest'
import { processes } from '../runs/support.ts'
import { agent, all, deferred, nameOf, says, state, taskOf, textOf } from './support.ts'

const house = processes()
const completed = state.TASK_STATE_COMPLETED
const asking = state.TASK_STATE_INPUT_REQUIRED
const ann = { user: 'ann' }

/** Ends at once as the message says. */
const obedient = agent(script => {
  const said = textOf(script.context.userMessage.parts)
  script.artifact('result', said)
  script.status(said === 'ask' ? asking : completed, said)
})

async function opened() {
  const one = await house.open()
  one.lifechart.tasks.define('agent', obedient)
  const send = async (text: string, more = {}, caller: object = ann) =>
    taskOf(await one.lifechart.tasks.send('agent', says(text, more), { caller }))
  return { ...one, tasks: one.lifechart.tasks, send }
}

describe('getting a task', () => {
  it('has all of the history, none of it, or the most recent messages', async () => {
    const { tasks, send } = await opened()
    const { id } = await send('ask')
    await send('ask', { taskId: id })
    const history = async (historyLength?: number) =>
      (await tasks.get(id, { caller: ann, historyLength })).history.map(({ parts }) => textOf(parts))
    expect(await history()).toEqual(['ask', 'ask', 'ask'])
    expect(await history(0)).toEqual([])
    expect((await tasks.get(id, { caller: ann, historyLength: 2 })).history).toEqual(
      (await tasks.get(id, { caller: ann })).history.slice(-2),
    )
    await expect(tasks.get(id, { caller: ann, historyLength: -1 })).rejects.toMatchObject({ code: 'REQUEST_INVALID' })
  })
})

describe('listing tasks', () => {
  it('is ordered by the time of the status, newest first, whatever else is written', async () => {
    const { tasks, clock, lifechart } = await opened()
    const gate = deferred()
    tasks.define(
      'chatty',
      agent(async script => {
        script.task()
        await gate.promise
        await script.artifact('a', 'much later')
        await deferred().promise
      }),
    )
    const old = taskOf(await tasks.send('chatty', says('x'), { caller: ann, returnImmediately: true }))
    await clock.advance(1_000)
    const recent = taskOf(await tasks.send('agent', says('ask'), { caller: ann }))
    await clock.advance(1_000)
    gate.resolve()
    await expect.poll(async () => (await tasks.get(old.id, { caller: ann })).artifacts.length).toBe(1)
    const listed = await tasks.list({ caller: ann })
    expect(listed.tasks.map(({ id }) => id)).toEqual([recent.id, old.id])
    await clock.advance(1_000)
    await lifechart.tasks.cancel(recent.id, { caller: ann })
    const renewed = await tasks.list({ caller: ann })
    const times = renewed.tasks.map(({ status }) => status?.timestamp ?? '')
    expect(times).toEqual([...times].sort().reverse())
  })

  it('comes in pages of 1 to 100, with all tasks on exactly one of them', async () => {
    const { tasks, send, clock } = await opened()
    for (let i = 0; i < 7; i++) {
      await send(`task ${i}`)
      await clock.advance(10)
    }
    const seen: string[] = []
    let pageToken: string | undefined
    let pages = 0
    do {
      const page = await tasks.list({ caller: ann, pageSize: 3, pageToken })
      expect([page.pageSize, page.totalSize]).toEqual([3, 7])
      seen.push(...page.tasks.map(({ status }) => textOf(status?.message?.parts ?? [])))
      pageToken = page.nextPageToken
      pages++
    } while (pageToken !== '')
    expect([pages, seen]).toEqual([3, [6, 5, 4, 3, 2, 1, 0].map(i => `task ${i}`)])
    expect((await tasks.list({ caller: ann })).pageSize).toBe(50)
    for (const wrong of [
      { pageSize: 0 },
      { pageSize: 101 },
      { pageSize: 1.5 },
      { pageToken: 'forged' },
      { state: 99 },
      { statusAfter: Number.NaN },
    ]) {
      await expect(tasks.list({ caller: ann, ...wrong })).rejects.toMatchObject({ code: 'REQUEST_INVALID' })
    }
  })

  it('leaves artifacts out unless they are asked for, and filters by context, state and time (inclusive)', async () => {
    const { tasks, send, clock } = await opened()
    await send('first', { contextId: 'mine' })
    await clock.advance(1_000)
    const asked = await send('ask')
    const texts = async (options: object) =>
      (await tasks.list({ caller: ann, ...options })).tasks.map(({ history }) => textOf(history[0]?.parts ?? []))
    expect((await tasks.list({ caller: ann })).tasks.map(({ artifacts }) => artifacts)).toEqual([[], []])
    expect((await tasks.list({ caller: ann, includeArtifacts: true })).tasks.map(({ artifacts }) => artifacts.length)).toEqual([1, 1])
    expect((await tasks.list({ caller: ann, historyLength: 0 })).tasks.map(({ history }) => history)).toEqual([[], []])
    expect(await texts({ contextId: 'mine' })).toEqual(['first'])
    expect(await texts({ state: asking })).toEqual(['ask'])
    const at = Date.parse(asked.status?.timestamp ?? '')
    expect(await texts({ statusAfter: at })).toEqual(['ask'])
    expect(await texts({ statusAfter: at + 1 })).toEqual([])
    expect(await tasks.list({ caller: ann, statusAfter: at })).toMatchObject({ totalSize: 1, nextPageToken: '' })
  })
})

describe('listing tasks since a time', () => {
  it('has no page behind the last one of them, however many older tasks there are', async () => {
    const { tasks, send, clock } = await opened()
    for (let i = 0; i < 5; i++) {
      await send(`old ${i}`)
      await clock.advance(10)
    }
    const first = await send('new 0')
    await clock.advance(10)
    await send('new 1')
    const statusAfter = Date.parse(first.status?.timestamp ?? '')
    const pages: number[] = []
    let pageToken: string | undefined
    do {
      const page = await tasks.list({ caller: ann, statusAfter, pageSize: 2, pageToken })
      expect(page.totalSize).toBe(2)
      pages.push(page.tasks.length)
      pageToken = page.nextPageToken
    } while (pageToken !== '' && pages.length < 9)
    expect(pages).toEqual([2])
  })
})

describe('another caller', () => {
  it.each([{ user: 'bob' }, { user: 'ann', tenant: 'other' }, {}, { tenant: 'ann' }])('(%j) does not find a task', async caller => {
    const { tasks, send } = await opened()
    const { id } = await send('ask')
    const missing = { code: 'TASK_NOT_FOUND' }
    await expect(tasks.get(id, { caller })).rejects.toMatchObject(missing)
    await expect(tasks.cancel(id, { caller })).rejects.toMatchObject(missing)
    await expect(all(tasks.subscribe(id, { caller }))).rejects.toMatchObject(missing)
    await expect(tasks.send('agent', says('more', { taskId: id }), { caller })).rejects.toMatchObject(missing)
    await expect(all(tasks.stream('agent', says('more', { taskId: id }), { caller }))).rejects.toMatchObject(missing)
    expect((await tasks.list({ caller })).tasks).toEqual([])
    expect(nameOf((await tasks.get(id, { caller: ann })).status?.state)).toBe('input-required')
  })

  it('does not find it while it is executed either', async () => {
    const { tasks } = await opened()
    tasks.define(
      'slow',
      agent(script => Promise.resolve(script.task()).then(() => deferred().promise)),
    )
    const { id } = taskOf(await tasks.send('slow', says('x'), { caller: ann, returnImmediately: true }))
    for (const call of [() => tasks.get(id), () => tasks.cancel(id), () => all(tasks.subscribe(id))]) {
      await expect(call()).rejects.toMatchObject({ code: 'TASK_NOT_FOUND' })
    }
  })

  it('is not given tasks that its message refers to', async () => {
    const { tasks, send } = await opened()
    const { id } = await send('ask')
    const seen: unknown[] = []
    tasks.define(
      'refers',
      agent(script => {
        seen.push(script.context.referenceTasks?.map(task => task.id))
        script.status(completed)
      }),
    )
    for (const caller of [ann, { user: 'bob' }]) await tasks.send('refers', says('see', { referenceTaskIds: [id, 'nothing'] }), { caller })
    expect(seen).toEqual([[id], []])
  })

  it('without a user reaches a task by its id, and by nothing else', async () => {
    const { tasks, send } = await opened()
    const { id } = await send('ask', {}, {})
    expect((await tasks.get(id)).id).toBe(id)
    expect((await tasks.list()).tasks).toEqual([])
    const guessed = says('hello', { messageId: 'one' })
    const [mine, other] = [await tasks.send('agent', guessed), await tasks.send('agent', guessed)].map(taskOf)
    expect(mine?.id).not.toBe(other?.id)
  })
})

describe('the same message, sent again', () => {
  it('by the same caller returns the first outcome, and is executed once', async () => {
    const { tasks, lifechart } = await opened()
    let calls = 0
    tasks.define(
      'counts',
      agent(script => {
        calls++
        if (textOf(script.context.userMessage.parts) === 'answer') return void script.message('an answer')
        script.status(script.context.task ? completed : asking)
      }),
    )
    const message = says('go', { messageId: 'm1' })
    const first = await tasks.send('counts', message, { caller: ann })
    expect(await tasks.send('counts', message, { caller: ann })).toEqual(first)
    expect(await all(tasks.stream('counts', message, { caller: ann }))).toEqual(['task input-required'])
    const [same, again] = await Promise.all([1, 2].map(() => tasks.send('counts', says('x', { messageId: 'm2' }), { caller: ann })))
    expect(same).toEqual(again)
    const answer = says('answer', { messageId: 'm3' })
    expect(await tasks.send('counts', answer, { caller: ann })).toEqual(await tasks.send('counts', answer, { caller: ann }))
    const followUp = says('more', { messageId: 'm4', taskId: taskOf(first).id })
    const ended = await tasks.send('counts', followUp, { caller: ann })
    expect(await tasks.send('counts', followUp, { caller: ann })).toEqual(ended)
    expect(calls).toBe(4)
    expect(taskOf(await tasks.send('counts', message, { caller: { user: 'bob' } })).id).not.toBe(taskOf(first).id)
    expect(lifechart.stats()['tasks.created']).toBe(3)
  })

  it('while the first is under way waits for what becomes of it', async () => {
    const { tasks } = await opened()
    const gate = deferred()
    let calls = 0
    tasks.define(
      'slow',
      agent(async script => {
        calls++
        await gate.promise
        script.status(completed)
      }),
    )
    const message = says('go', { messageId: 'm1' })
    const both = Promise.all([tasks.send('slow', message, { caller: ann }), tasks.send('slow', message, { caller: ann })])
    gate.resolve()
    const [one, other] = await both
    expect([one, calls]).toEqual([other, 1])
  })

  it('is executed again when the policy says so', async () => {
    const { tasks } = await opened()
    let calls = 0
    tasks.define(
      'plain',
      agent(script => {
        calls++
        script.status(completed)
      }),
      { dedupe: false },
    )
    const message = says('go', { messageId: 'm1' })
    await tasks.send('plain', message, { caller: ann })
    await tasks.send('plain', message, { caller: ann })
    expect(calls).toBe(2)
  })

  it('is forgotten with its answer after a day', async () => {
    const { tasks, clock } = await opened()
    let calls = 0
    tasks.define(
      'answers',
      agent(script => void script.message(String(++calls))),
    )
    const message = says('go', { messageId: 'm1' })
    const said = async () => {
      const sent = await tasks.send('answers', message, { caller: ann })
      return 'message' in sent && textOf(sent.message.parts)
    }
    expect([await said(), await said()]).toEqual(['1', '1'])
    await clock.advance(25 * 60 * 60_000)
    expect(await said()).toBe('2')
  })
})

describe('bad input', () => {
  it.each([
    ['no message id', { messageId: '' }],
    ['no parts', { parts: [] }],
    ['a contextId that is too long', { contextId: 'x'.repeat(300) }],
    ['a contextId that no store takes', { contextId: '\ud800' }],
    [
      'a message that is too large',
      { parts: [{ content: { $case: 'text', value: 'x'.repeat(2_000_000) }, metadata: undefined, filename: '', mediaType: '' }] },
    ],
  ])('is refused before anything happens: %s', async (_what, more) => {
    const { tasks, lifechart } = await opened()
    await expect(tasks.send('agent', says('x', more as never))).rejects.toMatchObject({ code: 'REQUEST_INVALID' })
    expect(lifechart.stats()['tasks.created']).toBe(0)
  })

  it('in a definition is refused', async () => {
    const { tasks } = await opened()
    expect(() => tasks.define('agent', obedient)).toThrow(expect.objectContaining({ code: 'AGENT_TAKEN' }))
    for (const policy of [{ cancelGrace: -1 }, { orphan: 'die' }, { unknown: 1 }, { retry: { max: 1.5, backoff: 0 } }, { dedupe: 'yes' }]) {
      expect(() => tasks.define('other', obedient, policy as never)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
    }
    await expect(tasks.send('nobody', says('x'))).rejects.toMatchObject({ code: 'AGENT_UNKNOWN' })
  })
})
