import process from 'node:process'
import type { StreamResponse } from '@a2a-js/sdk'
import { chunksOf, eventually, heard, outcomeOf, partsOf, plural, returned, settled, statesOf, tell } from './outcomes.ts'
import { agent, gate, nameOf, state } from './script.ts'
import { ann, begin, type Server, type Subject, says, taskOf, textOf } from './server.ts'
import type { Situation } from './situation.ts'

const three = ['0', '1', '2']

/** Begins, and goes on with three chunks to the end when it is let on. */
function held() {
  const { opened, open } = gate()
  const executor = agent(async script => {
    script.begin()
    await opened
    for (const text of three) script.artifact('a', text, { append: text !== '0' })
    script.status(state.completed)
  })
  return { executor, open }
}

function streamOf({ handler }: Server) {
  return handler.sendMessageStream(says('go'), ann)
}

function idOf({ value }: IteratorResult<StreamResponse>): string {
  const { payload } = value as StreamResponse
  return payload?.$case === 'task' ? payload.value.id : ''
}

async function storedAs(server: Server, id: string): Promise<string> {
  const task = await eventually(
    () => taskOf(server, id),
    ({ status }) => status?.state === state.completed,
  )
  return `${nameOf(task)} with ${partsOf(task).length} of 3 chunks`
}

const leaves: Situation = {
  title: 'the client leaves its stream, then the executor does its work',
  async observe(subject) {
    const { executor, open } = held()
    const server = await subject.open(executor)
    const stream = streamOf(server)
    const id = idOf(await stream.next())
    await stream.return()
    open()
    return `the task is stored as ${await storedAs(server, id)}`
  },
}

const pauses: Situation = {
  title: 'the client reads nothing while the executor does its work',
  async observe(subject) {
    const { executor, open } = held()
    const server = await subject.open(executor)
    const stream = streamOf(server)
    const id = idOf(await stream.next())
    open()
    const stored = await storedAs(server, id)
    const { events, end } = await heard(stream)
    return `meanwhile the task is stored as ${stored}; then the stream gives ${plural(chunksOf(events).length, 'chunk')} and ${end}`
  },
}

/** Subscribes while the store is slow, in either way, with five chunks before that and five behind it. */
async function subscribed(subject: Subject, slow: (server: Server) => { subscribing: () => void; later: () => void }): Promise<string> {
  const [first, second, third] = [gate(), gate(), gate()]
  const executor = agent(async script => {
    script.begin()
    for (const [at, turn] of [first, second].entries()) {
      await turn.opened
      for (let n = 5 * at; n < 5 * at + 5; n++) script.artifact('a', `${n}`, { append: n > 0 })
    }
    await third.opened
    script.status(state.completed)
  })
  const server = await subject.open(executor)
  const { id } = await begin(server)
  await settled()
  const { subscribing, later } = slow(server)
  first.open()
  await settled()
  const stream = server.handler.resubscribe({ tenant: '', id }, ann)
  subscribing()
  const opening = stream.next()
  await settled()
  second.open()
  await settled()
  later()
  const opened = await opening
  third.open()
  const { events } = await heard(stream)
  const seen = chunksOf([...(opened.done ? [] : [opened.value]), ...events])
  return `${10 - new Set(seen).size} of 10 chunks are lost, ${seen.length - new Set(seen).size} come twice`
}

const slowWrites: Situation = {
  title: 'a client subscribes while what was published is not stored yet',
  observe: subject =>
    subscribed(subject, ({ store }) => {
      const release = store.holdWrites()
      return { subscribing: () => void setImmediate(release), later: () => {} }
    }),
}

const slowReads: Situation = {
  title: 'a client subscribes, and the store takes its time to read the task',
  observe: subject =>
    subscribed(subject, ({ store }) => {
      let release = () => {}
      return { subscribing: () => (release = store.holdNextRead()), later: () => release() }
    }),
}

const late: Situation = {
  title: 'a client subscribes to a task that has ended, and gets it',
  async observe(subject) {
    const { executor, open } = held()
    open()
    const server = await subject.open(executor)
    const sent = await server.handler.sendMessage(says('go'), ann)
    const id = 'id' in sent ? sent.id : ''
    const subscribing = await outcomeOf(server.handler.resubscribe({ tenant: '', id }, ann).next())
    const task = await taskOf(server, id)
    return `subscribing ${tell(subscribing, () => 'gives an event')}; getting it ${returned(task)} with ${partsOf(task).length} of 3 chunks`
  },
}

const abandoned: Situation = {
  title: '50 subscribers leave while they wait for an event',
  async observe(subject) {
    const server = await subject.open(held().executor)
    const { id } = await begin(server)
    await settled()
    const before = await server.followers(id)
    const streams = Array.from({ length: 50 }, () => server.handler.resubscribe({ tenant: '', id }, ann))
    for (const stream of streams) await stream.next()
    const leaving = streams.map(stream => {
      stream.next().catch(() => undefined)
      return stream.return()
    })
    const left = await outcomeOf(Promise.all(leaving))
    await settled()
    return `leaving ${tell(left, () => 'is done at once')}; ${(await server.followers(id)) - before} still follow`
  },
}

const mutated: Situation = {
  title: 'one subscriber changes an event that another one gets too',
  async observe(subject) {
    const { executor, open } = held()
    const server = await subject.open(executor)
    const { id } = await begin(server)
    const [one, other] = [1, 2].map(() => server.handler.resubscribe({ tenant: '', id }, ann))
    if (!one || !other) throw new Error('There are two.')
    await Promise.all([one.next(), other.next()])
    open()
    const { value } = await one.next()
    const part = value?.payload?.$case === 'artifactUpdate' ? value.payload.value.artifact?.parts[0] : undefined
    if (part) part.content = { $case: 'text', value: 'forged' }
    const got = await other.next()
    const seen = got.value?.payload?.$case === 'artifactUpdate' ? textOf(got.value.payload.value.artifact?.parts) : 'nothing'
    return `the other one gets ${seen === '0' ? 'what was published' : `"${seen}"`}`
  },
}

const burst: Situation = {
  title: 'the executor publishes 1,000 chunks without waiting',
  async observe(subject) {
    const streamed = async (count: number) => {
      const server = await subject.open(
        agent(script => {
          script.begin()
          for (let n = 0; n < count; n++) script.artifact('a', `${n}`, { append: n > 0 })
          script.status(state.completed)
        }),
      )
      const began = process.cpuUsage()
      const { events } = await heard(streamOf(server))
      const { user, system } = process.cpuUsage(began)
      return { chunks: chunksOf(events), states: statesOf(events), each: (user + system) / count }
    }
    const few: number[] = []
    for (let i = 0; i < 4; i++) few.push((await streamed(100)).each)
    const { chunks, states, each } = await streamed(1_000)
    const ordered = chunks.every((text, n) => text === `${n}`)
    const cost = each > 3 * Math.min(...few) ? 'grows' : 'does not grow'
    return `${chunks.length === 1_000 ? 'all' : 'not all'} are delivered, ${ordered ? 'in order' : 'out of order'}, up to ${states.at(-1)}; what each costs ${cost} with their number`
  },
}

export const streams: readonly Situation[] = [leaves, pauses, slowWrites, slowReads, late, abandoned, mutated, burst]
