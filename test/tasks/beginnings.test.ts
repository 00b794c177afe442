import { expect, it } from 'vitest'
import { LifechartError } from '../../src/errors.ts'
import { aborted, processes } from '../runs/support.ts'
import { agent, deferred, nameOf, says, state, taskOf, textOf } from './support.ts'

const house = processes()
const caller = { user: 'ann' }

const outcome = (sent: Promise<unknown>) =>
  sent.then(
    () => 'taken',
    error => error.code,
  )

/** Says nothing before it is let go. */
function silent(first: 'task' | 'message' | 'nothing') {
  const gate = deferred()
  let begun = 0
  const executor = agent(async script => {
    begun++
    await gate.promise
    if (first === 'message') script.message('the answer')
    if (first === 'task') script.status(state.TASK_STATE_INPUT_REQUIRED)
    if (first === 'nothing') throw new Error('nothing')
  })
  return { executor, gate, begun: () => begun }
}

it.each(['task', 'message', 'nothing'] as const)(
  'as many tasks of a caller begin at once as may be, and a beginning counts until it has led to: %s',
  async first => {
    const { lifechart } = await house.open({ limits: { tasksPerCaller: 2 } })
    const { executor, gate, begun } = silent(first)
    lifechart.tasks.define('silent', executor)
    const send = (user = 'ann') => outcome(lifechart.tasks.send('silent', says('go'), { caller: { user } }))
    const sends = [send(), send(), send(), send()]
    expect(await Promise.all(sends.slice(2))).toEqual(['TASK_CAPACITY', 'TASK_CAPACITY'])
    const others = send('bob')
    await expect.poll(begun).toBe(3)
    gate.resolve()
    expect(await Promise.all([...sends.slice(0, 2), others])).toEqual(['taken', 'taken', 'taken'])
    await expect.poll(() => lifechart.stats()['tasks.live']).toBe(0)
    expect(await Promise.all([send(), send()])).toEqual(['taken', 'taken'])
  },
)

it('a beginning that the store refuses counts no longer', async () => {
  const { lifechart, store } = await house.open({ limits: { tasksPerCaller: 1 } })
  lifechart.tasks.define(
    'quick',
    agent(script => void script.status(state.TASK_STATE_COMPLETED)),
  )
  const send = () => outcome(lifechart.tasks.send('quick', says('go'), { caller }))
  store.fail('commit', new LifechartError('COMMIT_TOO_LARGE', 'Refused.'))
  expect([await send(), await send()]).toEqual(['COMMIT_TOO_LARGE', 'taken'])
})

it('a task that is being stored counts once', async () => {
  const { lifechart, store } = await house.open({ limits: { tasksPerCaller: 2 } })
  lifechart.tasks.define(
    'asks',
    agent(script => void script.status(state.TASK_STATE_INPUT_REQUIRED)),
  )
  const send = () => outcome(lifechart.tasks.send('asks', says('go'), { caller }))
  store.hold('commit')
  const first = send()
  await expect.poll(() => store.holding).toBe(1)
  const sends = [first, send(), send()]
  await expect.poll(() => store.holding).toBe(2)
  store.release()
  expect(await Promise.all(sends)).toEqual(['taken', 'taken', 'TASK_CAPACITY'])
})

it.each(['wallTimeout', 'idleTimeout'])('an executor that says nothing at all is subject to the %s', async limit => {
  const { lifechart, clock } = await house.open()
  let told = false
  lifechart.tasks.define(
    'silent',
    agent(async script => {
      await aborted(script.context.signal)
      told = true
    }),
    { [limit]: 1_000 },
  )
  const sent = lifechart.tasks.send('silent', says('go'))
  await clock.advance(999)
  expect(told).toBe(false)
  await clock.advance(1)
  const task = taskOf(await sent)
  expect([nameOf(task.status?.state), textOf(task.status?.message?.parts ?? []), told]).toEqual(['failed', 'The task took too long.', true])
})

it('the wall time of an execution counts from its beginning, and not from its first event', async () => {
  const { lifechart, clock } = await house.open()
  const gate = deferred()
  lifechart.tasks.define(
    'slow',
    agent(async script => {
      await gate.promise
      script.status(state.TASK_STATE_WORKING)
      await aborted(script.context.signal)
    }),
    { wallTimeout: 1_000 },
  )
  const sent = lifechart.tasks.send('slow', says('go'))
  await clock.advance(900)
  gate.resolve()
  await clock.advance(100)
  expect(nameOf(taskOf(await sent).status?.state)).toBe('failed')
})

it.each(['stop', 'handover', undefined] as const)(
  'an executor that has said nothing yet is told when the runtime is closed (%s), and its send ends',
  async mode => {
    const { lifechart } = await house.open()
    let told = false
    const { executor } = {
      executor: agent(async script => {
        await aborted(script.context.signal)
        told = true
      }),
    }
    lifechart.tasks.define('silent', executor)
    const sent = outcome(lifechart.tasks.send('silent', says('go')))
    await new Promise(resolve => setImmediate(resolve))
    await lifechart.close(mode ? { mode } : {})
    expect([await sent, told]).toEqual(['RUNTIME_CLOSED', true])
  },
)

it('no timer outlives the runtime, whether the executors have said something or not, and never end', async () => {
  const { lifechart, clock } = await house.open()
  const deaf = agent(async script => {
    if (textOf(script.context.userMessage.parts) === 'task') script.status(state.TASK_STATE_WORKING)
    await new Promise(() => undefined)
  })
  lifechart.tasks.define('deaf', deaf, { wallTimeout: 3_600_000, idleTimeout: 1_800_000, orphan: 'resume' })
  const silent = outcome(lifechart.tasks.send('deaf', says('nothing')))
  await lifechart.tasks.send('deaf', says('task'), { returnImmediately: true })
  await lifechart.close()
  expect(await silent).toBe('RUNTIME_CLOSED')
  expect(clock.pending).toBe(0)
})

it('an executor that has said nothing yet has the time when the runtime drains', async () => {
  const { lifechart } = await house.open()
  const { executor, gate, begun } = silent('task')
  lifechart.tasks.define('silent', executor)
  const sent = lifechart.tasks.send('silent', says('go'))
  await expect.poll(begun).toBe(1)
  const closed = lifechart.close({ mode: 'drain' })
  gate.resolve()
  expect(nameOf(taskOf(await sent).status?.state)).toBe('input-required')
  await closed
})

it('nothing begins while the runtime is being closed', async () => {
  const { lifechart, store } = await house.open()
  const { executor, begun } = silent('nothing')
  lifechart.tasks.define('silent', executor)
  store.hold('load')
  const sent = outcome(lifechart.tasks.send('silent', says('go')))
  await expect.poll(() => store.holding).toBe(1)
  const closed = lifechart.close()
  store.release()
  expect([await sent, begun()]).toEqual(['RUNTIME_CLOSED', 0])
  await closed
})
