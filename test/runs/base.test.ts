import { afterEach, describe, expect, it } from 'vitest'
import { memoryAdapter } from '../../src/adapters/memory.ts'
import { type Lifechart, openLifechart } from '../../src/lifechart.ts'
import type { RunEvent } from '../../src/runs/events.ts'
import { testEnvironment } from '../../src/testing/environment.ts'
import { settled } from '../../src/testing/simulated-clock.ts'

const open: Lifechart[] = []
async function runtime(store = memoryAdapter(), env = testEnvironment()) {
  const lifechart = await openLifechart({ adapter: store, ...env })
  open.push(lifechart)
  return { lifechart, store, env }
}
afterEach(async () => {
  for (const l of open.splice(0)) await l.close({ mode: 'handover' })
})
async function collect(events: AsyncIterable<RunEvent>) {
  const all: RunEvent[] = []
  for await (const event of events) all.push(event)
  return all
}

describe('a run', () => {
  it('delivers every event and ends', async () => {
    const { lifechart } = await runtime()
    const run = lifechart.runs.start('chat-1', async function* () {
      yield 'a'
      yield { b: 1 }
      return { ok: true }
    })
    const sub = collect(run.subscribe())
    expect(await sub).toEqual([
      { seq: 1, type: 'state', state: 'running' },
      { seq: 2, type: 'chunk', data: 'a' },
      { seq: 3, type: 'chunk', data: { b: 1 } },
      { seq: 4, type: 'end', status: 'done', result: { ok: true } },
    ])
    expect(await collect(lifechart.runs.subscribe('chat-1', { after: 2 }))).toHaveLength(2)
    expect((await run.ended).status).toBe('done')
    expect(run.result).toEqual({ ok: true })
    expect(await lifechart.runs.get('chat-1')).toMatchObject({ status: 'done', head: 4 })
  })
  it('ends a run that was stopped before it began', async () => {
    const { lifechart } = await runtime()
    let opened = false
    const run = lifechart.runs.start('chat-1', async function* () {
      opened = true
      yield 1
    })
    expect(await run.stop()).toBe(true)
    expect(run.status).toBe('stopped')
    expect(opened).toBe(false)
    expect(await collect(run.subscribe())).toEqual([
      { seq: 1, type: 'state', state: 'running' },
      { seq: 2, type: 'state', state: 'stopping' },
      { seq: 3, type: 'end', status: 'stopped', reason: 'user' },
    ])
  })
  it('replaces', async () => {
    const { lifechart } = await runtime()
    const log: string[] = []
    const a = lifechart.runs.start('s', async function* ({ signal }) {
      try {
        yield 'a1'
        await new Promise<void>(r => signal.addEventListener('abort', () => r()))
        yield 'a2'
      } finally {
        log.push('a clean')
      }
    })
    await settled()
    const b = lifechart.runs.start('s', async function* () {
      log.push('b')
      yield 'b'
    })
    const [ea, eb] = await Promise.all([collect(a.subscribe()), collect(b.subscribe())])
    expect(log).toEqual(['a clean', 'b'])
    expect(ea.at(-1)).toMatchObject({ type: 'end', status: 'stopped', reason: 'replaced', by: b.runId })
    expect(eb.map(e => e.type)).toEqual(['state', 'state', 'chunk', 'end'])
  })
  it('forced after the grace', async () => {
    const { lifechart, env } = await runtime()
    const a = lifechart.runs.start('s', () => new Promise(() => undefined))
    await settled()
    const stopped = a.stop()
    await env.clock.advance(4999)
    expect(a.status).toBe('stopping')
    await env.clock.advance(1)
    expect(await stopped).toBe(true)
    expect(await a.ended).toMatchObject({ status: 'stopped', forced: true })
  })
  it('resumes after a crash', async () => {
    const { lifechart, store, env } = await runtime()
    const producer = async function* ({ attempt, chunks, lastChunk, input, signal }: import('../../src/runs/producer.ts').ProducerContext) {
      if (attempt === 1) {
        yield 1
        yield 2
        await new Promise(r => signal.addEventListener('abort', r))
      }
      yield [attempt, chunks, lastChunk, input]
    }
    lifechart.runs.define('count', producer)
    lifechart.runs.start('s', { type: 'count', input: 'in' }, { orphan: 'resume' })
    await settled()
    lifechart.kernel.crash()
    const second = await openLifechart({ adapter: store, ...testEnvironment({ seed: 2, clock: env.clock }) })
    open.push(second)
    second.runs.define('count', producer)
    const sub = collect(second.runs.subscribe('s'))
    await env.clock.advance(30_000)
    expect((await sub).at(-2)).toEqual({ seq: 5, type: 'chunk', data: [2, 2, 2, 'in'] })
  })
})
