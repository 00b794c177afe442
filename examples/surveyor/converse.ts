import type { StreamResponse, Task } from '@a2a-js/sdk'
import { ClientFactory, type RequestOptions } from '@a2a-js/sdk/client'
import { startLiving } from './lives.ts'
import { printable } from './printable.ts'
import type { Tell } from './story.ts'
import { says, Told } from './told.ts'

export interface Conversation {
  /** The directory of the store. */
  store: string
  dir: string
  /** How many there are to be found. */
  findings: number
}

/** What a client of the agent was told. */
export interface Conversed {
  /** Behind the first message, which names no directory. */
  question: Told
  /** The survey, as its client knows it at the end. */
  survey: Told
  /** The same, as the server has it. */
  stored: Told
  cancelled: Told
  outside: Told
}

/** Milliseconds in which all of it is over: what does not come to an end fails. */
const deadlineOf = (findings: number) => 40_000 + 100 * findings

/** Talks with the agent over JSON-RPC, through a stream that is cut and a server that is killed. */
export async function converse({ store, dir, findings }: Conversation, tell: Tell): Promise<Conversed> {
  const start = (port: string) => startLiving(['--dir', dir, '--data', store, '--port', port])
  const over = AbortSignal.timeout(deadlineOf(findings))
  // Long enough to be cut and killed in the middle.
  const pace = Math.round(Math.min(5_000 / findings, 1_000))
  let server = await start('0')
  const client = await new ClientFactory().createFromUrl(server.url)

  const question = await read(options => client.sendMessageStream(says(''), options), over)
  tell('cyan', question.status, printable(question.said.slice(0, question.said.indexOf('?') + 1)))
  const { taskId, contextId } = question
  const survey = new Told()
  const subscribe = (options: RequestOptions) => client.resubscribeTask({ tenant: '', id: taskId }, options)

  const cut = Math.max(1, Math.floor(findings / 4))
  tell('cyan', 'answered', '"."')
  const answer = says('.', { taskId, contextId, metadata: { pace } })
  await read(options => client.sendMessageStream(answer, options), over, survey, cut)
  tell('yellow', 'cut off', `behind finding ${survey.findings.length}`)
  await read(subscribe, over, survey, Math.max(1, Math.floor(findings / 2)))
  await server.end('SIGKILL')
  tell('red', 'killed', `behind finding ${survey.findings.length}`, `SIGKILL to process ${server.pid}`)
  server = await start(server.port)
  tell('cyan', 'resumed', `process ${server.pid}`)
  await read(subscribe, over, survey)
  const stored = taskOf(await client.getTask({ tenant: '', id: taskId }))
  tell(survey.status === 'completed' ? 'green' : 'red', survey.status, `${survey.findings.length} findings`, 'and a report')

  const second = await read(options => client.sendMessageStream(says('.', { metadata: { pace: 10_000 } }), options), over, new Told(), 1)
  const cancelled = taskOf(await client.cancelTask({ tenant: '', id: second.taskId, metadata: undefined }))
  tell('yellow', cancelled.status, 'a second task')
  const outside = await read(options => client.sendMessageStream(says('..'), options), over)
  tell('yellow', outside.status, '".."', printable(outside.said))
  await server.end('SIGTERM')
  return { question, survey, stored, cancelled, outside }
}

/** Reads to the end, or until there are so many findings: then the connection is cut. */
async function read(
  open: (options: RequestOptions) => AsyncIterable<StreamResponse>,
  over: AbortSignal,
  told = new Told(),
  most = Number.POSITIVE_INFINITY,
): Promise<Told> {
  const enough = new AbortController()
  try {
    for await (const event of open({ signal: AbortSignal.any([over, enough.signal]) })) {
      told.take(event)
      if (told.findings.length >= most) break
    }
  } catch (cause) {
    if (over.aborted) throw new Error('The agent does not come to an end.', { cause })
    throw cause
  } finally {
    enough.abort()
  }
  return told
}

const taskOf = (task: Task) => new Told().takeTask(task)
