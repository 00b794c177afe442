import { eventually, outcomeOf, returned, settled, tell } from './outcomes.ts'
import { agent, gate, nameOf, state } from './script.ts'
import { ann, begin, says, taskOf, textOf } from './server.ts'
import type { Situation } from './situation.ts'

const working: Situation = {
  title: 'the process dies while an executor works, and another one opens the store',
  async observe(subject) {
    const executor = agent(async script => {
      script.begin()
      await gate().opened
    })
    const server = await subject.open(executor, { mortal: true })
    const { id } = await begin(server)
    await settled()
    const next = await server.restart(executor)
    const task = await eventually(
      () => taskOf(next, id),
      ({ status }) => status?.state !== state.working,
      1_500,
    )
    return `the task is ${nameOf(task)}`
  },
}

const asking: Situation = {
  title: 'the process dies while a task waits for its user, who answers the next one',
  async observe(subject) {
    const executor = agent(script => {
      const { task } = script.context
      script.begin()
      script.status(task ? state.completed : state.inputRequired)
    })
    const server = await subject.open(executor, { mortal: true })
    const { id: taskId } = await begin(server)
    await settled()
    const next = await server.restart(executor)
    const answered = await outcomeOf(next.handler.sendMessage(says('answer', { taskId }), ann), 1_500)
    const history = (await taskOf(next, taskId)).history.map(({ parts }) => textOf(parts))
    const both = ['go', 'answer'].every(text => history.includes(text))
    return `the send of the answer ${tell(answered, returned)}, ${both ? 'both' : 'not both'} messages in its history`
  },
}

export const restarts: readonly Situation[] = [working, asking]
