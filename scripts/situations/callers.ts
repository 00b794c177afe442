import { outcomeOf, settled, tell } from './outcomes.ts'
import { agent, state } from './script.ts'
import { ann, begin, calledBy, says, taskOf } from './server.ts'
import type { Situation } from './situation.ts'

const asks = () =>
  agent(script => {
    script.begin()
    script.status(state.inputRequired)
  })

const stranger: Situation = {
  title: 'another user knows the id of a task',
  async observe(subject) {
    const server = await subject.open(asks())
    const { id } = await begin(server)
    await settled()
    const { handler } = server
    const bob = calledBy('bob')
    const got = await outcomeOf(taskOf(server, id, bob))
    const cancel = await outcomeOf(handler.cancelTask({ tenant: '', id, metadata: undefined }, bob))
    const followed = await outcomeOf(handler.resubscribe({ tenant: '', id }, bob).next())
    const sent = await outcomeOf(handler.sendMessage(says('more', { taskId: id }), bob))
    const { tasks } = await handler.listTasks(listing(), bob)
    const answers = [got, cancel, followed, sent].map(outcome => tell<unknown>(outcome, () => 'succeeds'))
    const [one = '', ...others] = [...new Set(answers)]
    return `getting, cancelling, following and sending ${[one, ...others].join(' or ').replaceAll('rejects', 'reject')}; its list has ${tasks.length} tasks`
  },
}

const since: Situation = {
  title: 'tasks are listed since the very time of the last status',
  async observe(subject) {
    const server = await subject.open(asks())
    const { id } = await begin(server)
    await settled()
    const statusTimestampAfter = (await taskOf(server, id)).status?.timestamp
    const { tasks } = await server.handler.listTasks({ ...listing(), statusTimestampAfter }, ann)
    return tasks.length > 0 ? 'the task is listed' : 'the task is not listed'
  },
}

function listing() {
  return {
    tenant: '',
    contextId: '',
    status: 0 as const,
    pageSize: undefined,
    pageToken: '',
    historyLength: undefined,
    statusTimestampAfter: undefined as string | undefined,
    includeArtifacts: undefined,
  }
}

export const callers: readonly Situation[] = [stranger, since]
