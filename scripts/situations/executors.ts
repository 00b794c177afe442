import type { AgentExecutor } from '@a2a-js/sdk/server'
import { chunksOf, heard, outcomeOf, partsOf, returned, settled, statesOf, tell } from './outcomes.ts'
import { agent, nameOf, type Script, state } from './script.ts'
import { ann, begin, type Subject, says, taskOf } from './server.ts'
import type { Situation } from './situation.ts'

const secret = 'the secret of the database'

/** What the sender is told, and whether the text of the error is among it. */
async function failing(subject: Subject, executor: AgentExecutor): Promise<string> {
  const { handler } = await subject.open(executor)
  const sent = await outcomeOf(handler.sendMessage(says('go'), ann))
  const { events, end } = await heard(handler.sendMessageStream(says('go'), ann))
  const told = JSON.stringify([sent, events])
  return (
    `a send ${tell(sent, returned)}; a stream tells ${statesOf(events).join(', ') || 'nothing'} and ${end}` +
    (told.includes(secret) ? '; clients are told the text of the error' : '')
  )
}

const throwsAtOnce: Situation = {
  title: '`execute` throws at once, outside of a promise',
  observe: subject =>
    failing(subject, {
      execute: () => {
        throw new Error(secret)
      },
      cancelTask: async () => {},
    }),
}

const rejects: Situation = {
  title: '`execute` rejects before its first event',
  observe: subject =>
    failing(
      subject,
      agent(() => Promise.reject(new Error(secret))),
    ),
}

const rejectsLater: Situation = {
  title: '`execute` rejects behind its first events',
  observe: subject =>
    failing(
      subject,
      agent(script => {
        script.begin()
        throw new Error(secret)
      }),
    ),
}

const silent: Situation = {
  title: '`execute` returns without an event',
  observe: subject =>
    failing(
      subject,
      agent(() => {}),
    ),
}

const leftOpen: Situation = {
  title: '`execute` returns while the task is working',
  observe: subject =>
    failing(
      subject,
      agent(script => script.begin()),
    ),
}

/** The end of the task, and then something more. */
function behindTheEnd(more: (script: Script) => void): Situation['observe'] {
  return async subject => {
    const server = await subject.open(
      agent(script => {
        script.begin()
        script.status(state.completed)
        more(script)
      }),
    )
    const { events } = await heard(server.handler.sendMessageStream(says('go'), ann))
    const { id } = await begin(server)
    await settled()
    const task = await taskOf(server, id)
    return `the stream tells ${statesOf(events).join(', ')}${extra(chunksOf(events))}; the task is ${nameOf(task)}${extra(partsOf(task))}`
  }
}

const extra = (chunks: readonly string[]): string => (chunks.length > 0 ? ' and the artifact' : '')

const lateStatus: Situation = {
  title: 'the executor publishes another status behind the terminal one',
  observe: behindTheEnd(script => script.status(state.failed)),
}

const lateArtifact: Situation = {
  title: 'the executor publishes an artifact behind the terminal status',
  observe: behindTheEnd(script => script.artifact('late', 'x')),
}

const lateTask: Situation = {
  title: 'the executor publishes the whole task anew, as working, behind the terminal status',
  observe: behindTheEnd(script => script.begin()),
}

const foreign: Situation = {
  title: 'the executor publishes an artifact for another task',
  async observe(subject) {
    let other = ''
    const server = await subject.open(
      agent(script => {
        script.begin()
        if (other) script.artifact('a', 'x', { taskId: other })
        script.status(other ? state.completed : state.inputRequired)
      }),
    )
    const first = await begin(server)
    await settled()
    other = first.id
    const { events } = await heard(server.handler.sendMessageStream(says('go'), ann))
    const changed = partsOf(await taskOf(server, other)).length > 0
    return `the other task is ${changed ? 'changed' : 'not changed'}; the client ${chunksOf(events).length > 0 ? 'gets' : 'does not get'} the artifact`
  },
}

const unknownArtifact: Situation = {
  title: 'the executor appends to an artifact that there is not',
  async observe(subject) {
    const server = await subject.open(
      agent(script => {
        script.begin()
        script.artifact('a', 'x', { append: true })
        script.status(state.completed)
      }),
    )
    const { events } = await heard(server.handler.sendMessageStream(says('go'), ann))
    const { id } = await begin(server)
    await settled()
    const kept = (await taskOf(server, id)).artifacts.length > 0
    return `the client ${chunksOf(events).length > 0 ? 'gets' : 'does not get'} it; it is ${kept ? 'stored' : 'not stored'}`
  },
}

const answerLast: Situation = {
  title: 'the executor publishes a message behind a task',
  async observe(subject) {
    const { handler } = await subject.open(
      agent(script => {
        script.begin()
        script.message('answer')
        script.status(state.completed)
      }),
    )
    const sent = await outcomeOf(handler.sendMessage(says('go'), ann))
    const { events, end } = await heard(handler.sendMessageStream(says('go'), ann))
    return `a send ${tell(sent, returned)}; a stream tells ${statesOf(events).join(', ')} and ${end}`
  },
}

const changesIt: Situation = {
  title: 'the executor changes an object that it has published',
  async observe(subject) {
    const { handler } = await subject.open(
      agent(script => {
        const metadata = { said: 'before' }
        script.bus.publish({
          kind: 'task',
          data: {
            id: script.context.taskId,
            contextId: script.context.contextId,
            status: { state: state.working, message: undefined, timestamp: undefined },
            artifacts: [],
            history: [],
            metadata,
          },
        })
        metadata.said = 'afterwards'
        script.status(state.completed)
      }),
    )
    const sent = await handler.sendMessage(says('go'), ann)
    return `the task has what was said ${String(sent.metadata?.said)}`
  },
}

const withoutTask: Situation = {
  title: 'the first event of an execution is an artifact',
  async observe(subject) {
    const { handler } = await subject.open(
      agent(script => {
        script.artifact('a', 'x')
        script.status(state.completed)
      }),
    )
    const { events, end } = await heard(handler.sendMessageStream(says('go'), ann))
    const sent = await outcomeOf(handler.sendMessage(says('go'), ann))
    return `a stream tells ${statesOf(events).join(', ') || 'nothing'} and ${end}; a send ${tell(sent, returned)}`
  },
}

export const executors: readonly Situation[] = [
  throwsAtOnce,
  rejects,
  rejectsLater,
  silent,
  leftOpen,
  lateStatus,
  lateArtifact,
  lateTask,
  withoutTask,
  foreign,
  unknownArtifact,
  answerLast,
  changesIt,
]
