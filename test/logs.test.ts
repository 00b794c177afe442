import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { inspect } from 'node:util'
import { lowdbAdapter } from 'lifechart/adapters/lowdb'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { assign, fromPromise, setup } from 'xstate'
import { LifechartError } from '../src/errors.ts'
import { lineLogger } from '../src/kernel/logger.ts'
import type { Logger } from '../src/kernel/port.ts'
import { type Lifechart, openLifechart } from '../src/lifechart.ts'
import type { ProducerContext } from '../src/runs/producer.ts'
import { testEnvironment } from '../src/testing/environment.ts'
import { settled } from '../src/testing/simulated-clock.ts'
import { aborted, deaf, emits, emitsAndStays, errorOf, latch, patient, processes } from './runs/support.ts'
import { busy } from './support/faulty-adapter.ts'
import { pausableClock } from './support/pausable-clock.ts'

/** Long enough for a piece of it to show that something was quoted, and the same in base64 wherever one cuts it. */
const secret = 'SECRET'.repeat(20)
const traces = ['SECRET', Buffer.from('SECRET').toString('base64'), Buffer.from('SECRET').join(', '), Buffer.from('SECRET').toString('hex')]

/** Every kind of data: what is said, who says it, and what opens doors. */
const data = { text: secret, authorization: `Bearer ${secret}`, parts: [{ password: secret }] }
const bytes = Buffer.from(secret)

/** A log as two loggers would write it: our own, and one that shows all there is of what it is given, causes included. */
function keptLog() {
  const lines: string[] = []
  const messages = new Set<string>()
  const own = lineLogger(
    line => lines.push(line),
    () => 0,
  )
  const log =
    (level: keyof Logger): Logger['info'] =>
    (message, facts) => {
      messages.add(message)
      own[level](message, facts)
      lines.push(inspect(facts, { depth: null, showHidden: true }))
    }
  const logger: Logger = { info: log('info'), warn: log('warn'), error: log('error') }
  return { logger, lines, messages, telling: () => lines.filter(line => traces.some(trace => line.includes(trace))) }
}

const house = processes({ durable: true })
const thrower = () => {
  throw new Error('of the consumer')
}

type Order = { type: 'pay'; card: string } | { type: 'cancel'; why: string } | { type: 'act' } | { type: 'ship' }

/** A chart that is full of what nobody should read, and fails in every way. */
const order = setup({
  types: {
    context: {} as { card: string; letters: unknown[] },
    events: {} as Order,
    input: {} as typeof data,
  },
  actors: { courier: fromPromise<string, unknown>(() => Promise.reject(new Error('of the courier'))) },
  guards: { unsound: thrower },
  actions: { act: thrower, note: assign({ letters: ({ event }) => [event, secret] }) },
}).createMachine({
  id: 'order',
  context: ({ input }) => ({ card: input.text, letters: [input] }),
  initial: 'open',
  states: {
    open: {
      on: { pay: { guard: ({ event }) => event.card === '', target: 'sent' }, act: { actions: 'act' }, ship: 'sent' },
      after: { 60000: { guard: 'unsound', target: 'sent' } },
    },
    sent: {
      invoke: { src: 'courier', input: ({ context }: { context: unknown }) => context },
      on: { cancel: { guard: 'unsound', target: 'open' } },
    },
  },
})

describe('the log says nothing of the data', () => {
  it('of runs: not when producers fail, nor subscribers, nor stops and replacements, nor the bounds', async () => {
    const log = keptLog()
    const { runs, lifechart, clock } = await house.open({ logger: log.logger, limits: { chunkBytes: 100_000, inflightRecords: 4 } })
    const failing = async function* ({ input, emit }: ProducerContext) {
      yield input
      yield bytes
      await emit(data)
      throw new Error('of the producer')
    }
    runs.define('failing', failing)
    runs.start('chat', { type: 'failing', input: data })
    runs.follow('chat', thrower)
    runs.follow('chat', () => undefined, { onClose: thrower })
    runs.follow('nobody', () => undefined, { onClose: thrower })
    runs.events$('chat').subscribe(thrower)
    runs.events$('nobody').subscribe()
    lifechart.transitions$.subscribe(thrower)
    await clock.advance(1_000)
    const bad: unknown[] = [{ text: secret, at: new Date() }, { parts: [data, () => data] }, secret.repeat(10_000)]
    for (const [i, value] of bad.entries()) {
      await runs.start(`yields-${i}`, emits(data, value)).ended
      await runs.start(`returns-${i}`, () => value).ended
      await errorOf(() => runs.start(`given-${i}`, { type: 'failing', input: value }))
    }
    await runs.start('floods', ({ emit }) => {
      for (let i = 0; i < 100; i++) void emit(data)
    }).ended
    runs.start('deaf', async ({ emit }) => {
      await emit(data)
      await deaf()
    })
    await settled()
    runs.start('deaf', emitsAndStays(data, bytes))
    await clock.advance(6_000)
    await runs.stop('deaf')
    runs.start('late', emitsAndStays(data))
    await lifechart.close()
    expect([...log.messages].sort()).toEqual([
      'A producer failed.',
      'A sink threw and was closed.',
      'A subscriber threw and was unsubscribed.',
      'A subscription ended with an error nobody takes.',
      'The onClose of a sink threw.',
    ])
    expect(log.telling()).toEqual([])
  })

  it('of runs: not when the store fails, nor when owners come and go', async () => {
    const log = keptLog()
    const asleep = pausableClock(house.clock)
    const first = await house.open({ logger: log.logger, clock: asleep })
    const second = await house.open({ logger: log.logger })
    const late = latch()
    const working = async function* ({ input, signal, lastChunk }: ProducerContext) {
      yield bytes
      yield { input, lastChunk }
      await Promise.race([aborted(signal), late.opened])
      yield data
      await aborted(signal)
    }
    for (const { runs } of [first, second]) runs.define('working', working)
    const start = ({ runs }: typeof first, id: string) =>
      runs.start(id, { type: 'working', input: data }, { orphan: 'resume' }).started.catch(() => undefined)
    await start(first, 'kept')
    await start(first, 'taken')
    await start(second, 'replaced')
    await settled()
    for (const method of ['commit', 'load', 'read', 'query', 'session'] as const) {
      second.store.fail(method, busy(), Number.POSITIVE_INFINITY)
      void start(second, `during ${method}`)
      void start(second, 'replaced')
      void second.runs.stop('taken').catch(() => undefined)
      await house.clock.advance(20_000)
      second.store.fail(method, busy(), 0)
      await house.clock.advance(20_000)
    }
    first.store.cut()
    await house.clock.advance(10_000)
    asleep.pause()
    await house.clock.advance(60_000)
    late.open()
    await settled()
    first.store.fail('session', busy())
    asleep.resume()
    await house.clock.advance(60_000)
    second.lifechart.kernel.crash()
    await house.clock.advance(60_000)
    await first.lifechart.close({ mode: 'stop' })
    expect([...log.messages]).toEqual(
      expect.arrayContaining([
        'The store does not answer.',
        'The store could not be searched; trying again.',
        'No new session could be opened; trying again.',
        'The session had lapsed; what it owned is taken over like anything else.',
        'A run could not be replaced yet.',
        'A lifecycle was taken over by another runtime.',
      ]),
    )
    expect(log.telling()).toEqual([])
  })

  it('of lifecycles: not of their context, their events or their commands, wherever they are refused or fail', async () => {
    const log = keptLog()
    const first = await house.open({ logger: log.logger, charts: [order] })
    const second = await house.open({ logger: log.logger, charts: [order] })
    const spawn = async (id: string) => {
      const here = first.lifechart.actors.spawn(order, { id, input: data })
      await here.started
      return [here, (await second.lifechart.actors.get(order, id)) as typeof here] as const
    }
    const refused = async ([here, there]: Awaited<ReturnType<typeof spawn>>, event: Order) => {
      for (const place of [here, there]) expect(await errorOf(() => place.dispatch(event))).toBeInstanceOf(LifechartError)
    }
    const acting = await spawn('acting')
    await refused(acting, { type: 'pay', card: secret })
    await refused(acting, { type: secret, data } as never)
    await refused(acting, { type: 'pay', card: secret, at: new Date() } as never)
    for (const place of acting) await place.dispatch({ type: 'act' })
    const shipping = await spawn('shipping')
    await shipping[1].dispatch({ type: 'ship' })
    await errorOf(() => shipping[0].ended)
    const ringing = await spawn('ringing')
    first.store.fail('commit', busy(), Number.POSITIVE_INFINITY)
    ringing[0].dispatch({ type: 'ship' }).catch(() => undefined)
    await house.clock.advance(10_000)
    first.store.fail('commit', busy(), 0)
    await house.clock.advance(60_000)
    await errorOf(() => acting[0].ended)
    expect([...log.messages]).toEqual(
      expect.arrayContaining([
        'A chart failed on an event of its own; the lifecycle ends as an error.',
        'An action threw. It is not repeated; the lifecycle goes on from its committed state.',
        'The store does not answer.',
      ]),
    )
    expect(log.telling()).toEqual([])
  })

  it('of what is stored and can not be read: not of a state, a record or a command that is damaged', async () => {
    const log = keptLog()
    const first = await house.open({ charts: [order] })
    const { adapter } = first.lifechart.kernel
    const damaged = `{"snapshot":{"context":${secret}`
    const model = first.runs.start('model', patient)
    await model.started
    const whole = (await adapter.load(`run/${model.runId}`))?.state ?? ''
    const put = (stream: string, kind: string, texts: { state?: string; events?: string[] }) =>
      adapter.commit({ id: stream, changes: [{ stream, kind, expect: 0, index: { context: stream.slice(4), live: true }, ...texts }] })
    await put('run/state', 'run', { state: damaged, events: [` ${damaged}`] })
    await put('run/record', 'run', { state: whole, events: [` ${damaged}`] })
    await put('run/neither', 'run', { state: whole, events: [JSON.stringify(data)] })
    await put('lifecycle/order/a', 'chart/order', { state: damaged, events: [damaged] })
    const second = await house.open({ logger: log.logger, charts: [order] })
    for (const id of ['state', 'record', 'neither']) {
      await errorOf(() => second.runs.get(id, { runId: id }))
      await errorOf(() => second.runs.subscribe(id, { runId: id }).next())
    }
    const run = second.runs.start('chat', emitsAndStays(data))
    await run.started
    await put(`commands/run/${run.runId}`, 'commands', { events: [damaged] })
    await house.clock.advance(60_000)
    expect([...log.messages].sort()).toEqual([
      'A stored lifecycle could not be taken over.',
      'Commands could not be read; trying again with the next one.',
    ])
    expect(log.telling()).toEqual([])
  })

  it('but for the text of an error that code of the caller throws: the cause of a failed producer goes to the log', async () => {
    const log = keptLog()
    const { runs } = await house.open({ logger: log.logger })
    await runs.start('chat', () => {
      throw new Error(secret)
    }).ended
    expect(log.lines).toHaveLength(2)
    expect(log.telling()).toHaveLength(2)
  })
})

describe('a store of files', () => {
  let dir: string
  beforeEach(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'lifechart-logs-'))
  })
  afterEach(() => rm(dir, { recursive: true }))

  it('logs nothing of the data in it, whatever is damaged', async () => {
    const log = keptLog()
    let seed = 0
    const open = (readOnly: boolean) => lowdbAdapter({ dir, readOnly }).open({ ...testEnvironment({ seed: ++seed }), logger: log.logger })
    const adapter = await open(false)
    for (let i = 0; i < 20; i++) {
      const events = [JSON.stringify(data)]
      await adapter.commit({ id: `c${i}`, changes: [{ stream: `s${i}`, kind: 'log', expect: 0, events, state: JSON.stringify(data) }] })
    }
    await adapter.close()
    const files = (await readdir(dir, { recursive: true, withFileTypes: true })).filter(entry => entry.isFile())
    for (const { parentPath, name } of files) {
      const file = path.join(parentPath, name)
      const text = await readFile(file, 'latin1')
      await writeFile(
        file,
        text.replace(/"/g, (quote, at: number) => (at > 0.4 * text.length && at < 0.5 * text.length ? '!' : quote)),
        'latin1',
      )
      await appendFile(file, secret)
    }
    expect(await errorOf(() => open(false))).toBeInstanceOf(LifechartError)
    const reader = await open(true)
    for (let i = 0; i < 20; i++) await errorOf(() => reader.read(`s${i}`, { after: 0, limit: 10 }))
    await reader.close()
    expect([...log.messages]).toContain('Acknowledged data is damaged and left out')
    expect(log.telling()).toEqual([])
  })
})

describe('the default log', () => {
  /** What a terminal would obey: it clears the screen, sets its title, turns the direction, and writes a line of its own. */
  const foreign = '\u001b[2J\u001b]0;title\u0007\u009b31m\u202e\u2066\u007f{"level":"info"}'
  let lifechart: Lifechart
  let lines: string[]
  beforeEach(async () => {
    lines = []
    const environment = testEnvironment()
    const logger = lineLogger(line => lines.push(line), environment.clock.now)
    lifechart = await openLifechart({ ...environment, logger })
    lines.length = 0
  })
  afterEach(() => lifechart.kernel.crash())

  it('obeys nothing in the ids and the errors that others made up, and says them to the letter', async () => {
    const text = `${foreign}\r\n\u2028`
    const evil = () => {
      throw Object.assign(new Error(text), { name: text })
    }
    await lifechart.runs.start(foreign, evil).ended
    lifechart.runs.follow(`${foreign}?`, () => undefined, { onClose: evil })
    lifechart.transitions$.subscribe(evil)
    const chart = setup({ actions: { evil } }).createMachine({ id: foreign, on: { [foreign]: { actions: 'evil' } } })
    await lifechart.actors.spawn(chart, { id: foreign }).dispatch({ type: foreign })
    await settled()
    const go = latch()
    lifechart.runs.start('chat', () => go.opened)
    lifechart.runs.follow('chat', evil)
    await settled()
    go.open()
    await settled()
    expect(lines.length).toBeGreaterThanOrEqual(5)
    for (const line of lines) expect(line).toMatch(/^[\x20-\x7e]*$/)
    const facts = lines.map(line => JSON.parse(line) as Record<string, string>)
    const said = (name: string) => facts.flatMap(fact => (name in fact ? [fact[name]] : []))
    expect(said('id')).toEqual([`${foreign}?`])
    expect(said('lifecycle')).toEqual([`lifecycle/${encodeURIComponent(foreign)}/${foreign}`])
    expect(new Set(said('error').map(error => error?.replaceAll('Error: ', '')))).toContain(`${text}: ${text}`)
  })

  it('has nothing to say while all is well', async () => {
    await lifechart.runs.start('chat', patient).stop()
    await lifechart.close()
    expect(lines).toEqual([])
  })
})
