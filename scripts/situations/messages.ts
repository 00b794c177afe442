import { outcomeOf, plural, returned, settled, tell } from './outcomes.ts'
import { agent, gate, nameOf, type Script, state } from './script.ts'
import { ann, begin, says, taskOf, textOf } from './server.ts'
import type { Situation } from './situation.ts'

/** Waits for its turn to go on, and remembers how many were at work at once. */
function counted(goesOn: (script: Script) => Promise<void> | void) {
  let atWork = 0
  const seen = { calls: 0, most: 0 }
  const executor = agent(async script => {
    seen.calls++
    seen.most = Math.max(seen.most, ++atWork)
    await goesOn(script)
    atWork--
  })
  return { executor, seen }
}

const atOnce = (most: number): string => (most > 1 ? `${most} executions are under way at once` : 'one execution is under way at a time')

const whileWorking: Situation = {
  title: 'a message comes for a task that is worked on',
  async observe(subject) {
    const { opened, open } = gate()
    const { executor, seen } = counted(async script => {
      script.begin()
      await opened
      script.status(state.inputRequired)
    })
    const server = await subject.open(executor)
    const { id: taskId } = await begin(server)
    const answered = outcomeOf(server.handler.sendMessage(says('more', { taskId }), ann))
    await settled()
    open()
    await answered
    return atOnce(seen.most)
  },
}

const twoFollowUps: Situation = {
  title: 'two messages come at once for a task that waits for its user',
  async observe(subject) {
    const { executor, seen } = counted(async script => {
      script.begin()
      if (script.context.task) await settled()
      script.status(state.inputRequired)
    })
    const server = await subject.open(executor)
    const { id: taskId } = await begin(server)
    await settled()
    const texts = ['one', 'other']
    await Promise.all(texts.map(text => outcomeOf(server.handler.sendMessage(says(text, { taskId }), ann))))
    await settled()
    const history = (await taskOf(server, taskId)).history.map(({ parts }) => textOf(parts))
    const kept = texts.filter(text => history.includes(text)).length
    return `${kept} of 2 messages are in the history; ${atOnce(seen.most)}`
  },
}

async function sentTwice(subject: Parameters<Situation['observe']>[0], together: boolean): Promise<string> {
  const { executor, seen } = counted(async script => {
    script.begin()
    await settled()
    script.status(state.completed)
  })
  const { handler } = await subject.open(executor)
  const message = says('go')
  const send = () => handler.sendMessage(structuredClone(message), ann)
  const sent = together ? await Promise.all([send(), send()]) : [await send(), await send()]
  const tasks = new Set(sent.map(answer => ('id' in answer ? answer.id : 'a message')))
  return `${plural(tasks.size, 'task')}, executed ${seen.calls === 1 ? 'once' : `${seen.calls} times`}`
}

const again: Situation = {
  title: 'the same message is sent again when the task is over',
  observe: subject => sentTwice(subject, false),
}

const againAtOnce: Situation = {
  title: 'the same message is sent twice at the same time',
  observe: subject => sentTwice(subject, true),
}

const authorisation: Situation = {
  title: 'a send waits, the task comes to need an authorisation, and the executor goes on',
  async observe(subject) {
    const { opened, open } = gate()
    const server = await subject.open(
      agent(async script => {
        script.begin()
        script.status(state.authRequired)
        await opened
        script.status(state.completed)
      }),
    )
    const sent = await outcomeOf(server.handler.sendMessage(says('go'), ann))
    open()
    await settled()
    const id = 'value' in sent && 'id' in sent.value ? sent.value.id : ''
    const then = await outcomeOf(taskOf(server, id))
    return `the send ${tell(sent, returned)}; then the task is ${tell(then, nameOf)}`
  },
}

export const messages: readonly Situation[] = [whileWorking, twoFollowUps, again, againAtOnce, authorisation]
