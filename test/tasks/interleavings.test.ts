import fc from 'fast-check'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { memoryAdapter } from '../../src/adapters/memory.ts'
import { isLifechartError } from '../../src/errors.ts'
import { type Lifechart, openLifechart } from '../../src/lifechart.ts'
import type { TaskFeed } from '../../src/tasks/feed.ts'
import type { StreamResponse } from '../../src/tasks/model.ts'
import { isTerminal } from '../../src/tasks/states.ts'
import { testEnvironment } from '../../src/testing/environment.ts'
import { simulatedClock } from '../../src/testing/simulated-clock.ts'
import { type Fate, scheduledStore } from '../runs/scheduled-store.ts'
import { fold, plain, seqOf } from './reference.ts'
import { agent, brief, says, state, taskOf, textOf } from './support.ts'

const schedules = Number(process.env.LIFECHART_SCHEDULES ?? 800)
/** Of a failure that was printed: plays that one schedule again. */
const path = process.env.LIFECHART_PATH
const seed = Number(process.env.LIFECHART_SEED ?? Date.now() % 2 ** 31)

/** What an execution does behind its chunks. */
type Manner = 'asks' | 'needs a login' | 'completes' | 'throws' | 'ignores the signal' | 'returns'

type Step =
  | { do: 'send'; manner: Manner; chunks: number; streams: boolean; at: 0 | 1 }
  | { do: 'subscribe'; kind: 'reads' | 'leaves' | 'folds'; at: 0 | 1 }
  | { do: 'cancel'; at: 0 | 1 }
  | { do: 'get'; at: 0 | 1 }
  | { do: 'time'; passes: number }
  | { do: 'crash' }

const does = <T extends Step['do']>(name: T) => fc.constant(name)
const at = fc.constantFrom(0 as const, 1 as const)
const manner = fc.constantFrom<Manner>('asks', 'asks', 'asks', 'needs a login', 'completes', 'throws', 'ignores the signal', 'returns')
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: does('send'), manner, chunks: fc.nat(3), streams: fc.boolean(), at }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: does('subscribe'), kind: fc.constantFrom('reads' as const, 'leaves' as const, 'folds' as const), at }),
  },
  { weight: 2, arbitrary: fc.record({ do: does('cancel'), at }) },
  { weight: 2, arbitrary: fc.record({ do: does('get'), at }) },
  { weight: 2, arbitrary: fc.record({ do: does('time'), passes: fc.constantFrom(20, 1_000, 2_001, 6_000) }) },
  { weight: 1, arbitrary: fc.record({ do: does('crash') }) },
)
const fates = fc.array(fc.constantFrom<Fate>('answered', 'answered', 'answered', 'refused', 'unanswered'), { maxLength: 24 })
const policies = fc.record({
  orphan: fc.constantFrom('fail' as const, 'resume' as const, 'requeue' as const),
  returnOpen: fc.constantFrom('fail' as const, 'leave' as const),
})
const limits = { windowRecords: 3, sessionTtl: 60_000, storeGrace: 5_000, commandPatience: 8_000 }

/** What the world saw of one schedule. */
interface Seen {
  trace: string[]
  waiting: Set<string>
  readers: { name: string; events: StreamResponse[]; error: unknown; whole: boolean }[]
  /** Texts of messages by what became of their sends. */
  sends: Map<string, string>
  atWork: Map<Lifechart, Set<string>>
  overlaps: string[]
}

const unheard: unknown[] = []
const listen = (reason: unknown) => unheard.push(reason)
beforeEach(() => process.on('unhandledRejection', listen))
afterEach(() => {
  process.off('unhandledRejection', listen)
  expect(unheard).toEqual([])
})

const turn = () => new Promise<void>(resolve => setImmediate(resolve))

async function play(scheduler: fc.Scheduler, steps: readonly Step[], dealt: readonly Fate[], policy: object): Promise<void> {
  const clock = simulatedClock()
  const store = scheduledStore(memoryAdapter(), scheduler, dealt)
  store.healed = true
  const seen: Seen = { trace: [], waiting: new Set(), readers: [], sends: new Map(), atWork: new Map(), overlaps: [] }
  let seeds = 0
  const open = async () => {
    const { ids, logger } = testEnvironment({ seed: ++seeds, clock })
    const lifechart = await openLifechart({ adapter: { ...store, open: store.open }, clock, ids, logger, limits })
    const busy = new Set<string>()
    seen.atWork.set(lifechart, busy)
    const place = seen.atWork.size
    lifechart.transitions$.subscribe(({ event, value, seq }) =>
      seen.trace.push(`at ${place}, ${clock.now() % 1_000_000}: ${seq} ${event.type} → ${JSON.stringify(value)}`),
    )
    const executor = agent(async script => {
      const said = textOf(script.context.userMessage.parts)
      const [, chunks = '0', how = 'asks'] = said.split('/')
      const { signal } = script.context
      for (const others of seen.atWork.values()) for (const other of others) seen.overlaps.push(`${said} beside ${other}`)
      busy.add(said)
      seen.trace.push(`at ${place}: ${said} begins`)
      signal.addEventListener('abort', () => {
        seen.trace.push(`at ${place}: ${said} is aborted`)
        busy.delete(said)
      })
      try {
        if (!script.context.task) script.task()
        script.status(state.TASK_STATE_WORKING)
        for (let i = 0; i < Number(chunks); i++) {
          await scheduler.schedule(Promise.resolve(), `${said} makes a chunk`)
          script.artifact(said, String(i), i > 0)
        }
        await scheduler.schedule(Promise.resolve(), `${said} ends`)
        if (how === 'asks') script.status(state.TASK_STATE_INPUT_REQUIRED, said)
        else if (how === 'needs a login') script.status(state.TASK_STATE_AUTH_REQUIRED, said)
        else if (how === 'completes') script.status(state.TASK_STATE_COMPLETED, said)
        else if (how === 'throws') throw new Error(said)
        else if (how === 'ignores the signal') await new Promise(() => undefined)
      } finally {
        busy.delete(said)
      }
    })
    lifechart.tasks.define('agent', executor, { cancelGrace: 2_000, ...policy })
    return lifechart
  }
  const keeper = await open()
  const places: [Lifechart, Lifechart] = [keeper, await open()]
  const first = says('0/1/asks')
  const { id: taskId } = taskOf(await keeper.tasks.send('agent', first, { returnImmediately: true }))
  seen.sends.set('0/1/asks', 'committed')
  store.healed = false

  const waits = (what: string, answer: Promise<unknown>, place: Lifechart) => {
    const name = `${what} #${seen.trace.length}`
    seen.trace.push(name)
    seen.waiting.add(name)
    const done = (outcome: string) => {
      seen.waiting.delete(name)
      seen.trace.push(`${name}: ${outcome}`)
      return outcome
    }
    return answer.then(
      value => done(JSON.stringify(value)?.slice(0, 60) ?? 'done'),
      error => {
        if (!isLifechartError(error) && !place.kernel.closed) throw error
        return done(isLifechartError(error) ? error.code : String(error))
      },
    )
  }
  const read = async (name: string, feed: TaskFeed, whole: boolean, leaves = false) => {
    const reader: Seen['readers'][number] = { name, events: [], error: undefined, whole }
    seen.readers.push(reader)
    try {
      for await (const event of feed) {
        reader.events.push(event)
        if (leaves) break
      }
    } catch (error) {
      reader.error = error
      throw error
    }
  }
  let number = 0
  const perform = async (next: Step): Promise<void> => {
    seen.trace.push(JSON.stringify(next))
    if (next.do === 'time') clock.tick(next.passes)
    else if (next.do === 'crash') {
      const second = places[1]
      if (second === keeper) return
      second.kernel.crash()
      seen.atWork.delete(second)
      places[1] = keeper
    } else {
      const { tasks } = places[next.at]
      const place = places[next.at]
      if (next.do === 'cancel') void waits('cancel', tasks.cancel(taskId), place)
      else if (next.do === 'get') void waits('get', tasks.get(taskId), place)
      else if (next.do === 'subscribe') {
        const feed = tasks.subscribe(taskId, next.kind === 'folds' ? { after: 0, statusAsTask: true } : { after: 0 })
        void waits(next.kind, read(next.kind, feed, next.kind === 'reads', next.kind === 'leaves'), place)
      } else {
        const said = `${++number}/${next.chunks}/${next.manner}`
        const request = says(said, { taskId })
        const sent = next.streams ? read(said, tasks.stream('agent', request), false) : tasks.send('agent', request)
        seen.sends.set(said, 'pending')
        void waits(`send ${said}`, sent, place).then(outcome => seen.sends.set(said, place.kernel.closed ? 'unknown' : outcome))
      }
    }
  }
  scheduler.scheduleSequence(steps.map(next => ({ builder: () => perform(next), label: JSON.stringify(next) })))
  for (let idle = 0; idle < 3; idle = scheduler.count() > 0 ? 0 : idle + 1) {
    while (scheduler.count() > 0) await scheduler.waitOne()
    await turn()
  }
  // Everything settles: the store is well, time passes, what is still at work is cancelled.
  store.healed = true
  for (let i = 0; i < 40; i++) {
    if (i === 25) keeper.tasks.cancel(taskId).catch(() => undefined)
    while (scheduler.count() > 0) await scheduler.waitOne()
    await clock.advance(3_000)
    await turn()
  }
  await judge(seen, keeper, taskId, scheduler)
  for (const place of new Set(places)) place.kernel.crash()
}

async function judge(seen: Seen, keeper: Lifechart, taskId: string, scheduler: fc.Scheduler): Promise<void> {
  const told = (text: string) => [text, ...seen.trace, scheduler.toString().slice(0, 2_000)].join('\n')
  expect([...seen.waiting], told('nobody waits for ever')).toEqual([])
  expect(seen.overlaps, told('one execution at a time')).toEqual([])
  const task = await keeper.tasks.get(taskId)
  expect(isTerminal(task.status?.state ?? 0), told('the task is over')).toBe(true)
  const whole: StreamResponse[] = []
  for await (const event of keeper.tasks.subscribe(taskId, { after: 0 })) whole.push(event)
  expect(plain(task), told('the store has what the events say')).toEqual(fold(whole))
  const terminal = whole.findIndex(
    ({ payload }) => (payload?.$case === 'statusUpdate' || payload?.$case === 'task') && isTerminal(payload.value.status?.state ?? 0),
  )
  expect(terminal, told('nothing comes behind the end')).toBe(whole.length - 1)
  const times = whole.flatMap(({ payload }) => (payload?.$case === 'statusUpdate' ? [payload.value.status?.timestamp ?? ''] : []))
  expect(times, told('the time of the status never goes back')).toEqual([...times].sort())
  const bySeq = new Map(whole.map(event => [seqOf(event), brief(event)]))
  for (const { name, events, error, whole: all } of seen.readers) {
    const numbers = events.map(seqOf)
    expect(numbers, told(`${name}: in order, nothing twice`)).toEqual([...new Set(numbers)].sort((a, b) => a - b))
    // The first may be a snapshot; a folded task stands for the update that it folds.
    for (const event of events.slice(1)) {
      const expected = bySeq.get(seqOf(event))
      const folded = event.payload?.$case === 'task' && expected === brief(event).slice('task '.length)
      if (!folded) expect(brief(event), told(`${name}: the same as everybody`)).toBe(expected)
    }
    const [from = 0, to = 0] = [numbers[0], numbers.at(-1)]
    const between = [...bySeq.keys()].filter(seq => seq > from && seq <= to)
    expect(numbers.slice(1), told(`${name}: nothing is lost`)).toEqual(between)
    if (all && !error) expect(events.map(brief), told('a reader to the end has everything')).toEqual(whole.map(brief))
  }
  const history = task.history.filter(({ role }) => role === 1).map(({ parts }) => textOf(parts))
  expect(history, told('no message is executed twice')).toEqual([...new Set(history)])
  for (const [said, outcome] of seen.sends) {
    if (outcome === 'TASK_TERMINAL') expect(history, told(`${said} was refused`)).not.toContain(said)
    else if (outcome.startsWith('{')) expect(history, told(`${said} was accepted`)).toContain(said)
  }
}

it(`a task keeps its promises in whatever order things happen (${schedules} schedules, seed ${seed})`, { timeout: 240_000 }, async () => {
  const property = fc.asyncProperty(fc.scheduler(), fc.array(step, { minLength: 1, maxLength: 8 }), fates, policies, play)
  await fc.assert(property, { numRuns: schedules, seed, ...(path !== undefined && { path }) })
})
