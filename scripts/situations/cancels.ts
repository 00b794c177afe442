import type { AgentExecutor } from '@a2a-js/sdk/server'
import { outcomeOf, returned, settled, tell } from './outcomes.ts'
import { agent, gate, nameOf, state } from './script.ts'
import { ann, begin, says, taskOf } from './server.ts'
import type { Situation } from './situation.ts'

/** Works for ever, whatever it is told. */
const deaf = (cancelTask?: AgentExecutor['cancelTask']) =>
  agent(async script => {
    script.begin()
    await gate().opened
  }, cancelTask)

async function cancelled(subject: Parameters<Situation['observe']>[0], executor: AgentExecutor): Promise<string> {
  const server = await subject.open(executor)
  const { id } = await begin(server)
  await settled()
  const cancel = await outcomeOf(server.handler.cancelTask({ tenant: '', id, metadata: undefined }, ann))
  return `the cancel ${tell(cancel, returned)}; the task is ${nameOf(await taskOf(server, id))}`
}

const ignored: Situation = {
  title: 'the executor ignores that its task is cancelled',
  observe: subject => cancelled(subject, deaf()),
}

const throwing: Situation = {
  title: '`cancelTask` of the executor throws',
  observe: subject =>
    cancelled(
      subject,
      deaf(async () => {
        throw new Error('no')
      }),
    ),
}

const queued: Situation = {
  title: 'a task is cancelled while a message for it waits',
  async observe(subject) {
    const { opened, open } = gate()
    let calls = 0
    const server = await subject.open(
      agent(
        async script => {
          calls++
          script.begin()
          await opened
          if (!script.context.task) script.status(state.canceled)
          else script.status(state.completed)
        },
        async () => open(),
      ),
    )
    const { id } = await begin(server)
    const answered = outcomeOf(server.handler.sendMessage(says('more', { taskId: id }), ann))
    await settled()
    const cancel = await outcomeOf(server.handler.cancelTask({ tenant: '', id, metadata: undefined }, ann))
    const answer = await answered
    return (
      `the waiting message is ${calls > 1 ? 'executed' : 'not executed'}, its send ${tell(answer, returned)}; ` +
      `the cancel ${tell(cancel, returned)}`
    )
  },
}

const waiting: Situation = {
  title: 'a task that waits for its user is cancelled, and `cancelTask` publishes nothing',
  async observe(subject) {
    const server = await subject.open(
      agent(script => {
        script.begin()
        script.status(state.inputRequired)
      }),
    )
    const { id } = await begin(server)
    await settled()
    const cancel = await outcomeOf(server.handler.cancelTask({ tenant: '', id, metadata: undefined }, ann))
    return `the cancel ${tell(cancel, returned)}`
  },
}

export const cancels: readonly Situation[] = [ignored, throwing, queued, waiting]
