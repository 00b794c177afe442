import { describe, expect, it } from 'vitest'
import { memoryAdapter } from '../../src/adapters/memory.ts'
import type { AdapterSource } from '../../src/kernel/port.ts'
import { openLifechart } from '../../src/lifechart.ts'
import { testEnvironment } from '../../src/testing/environment.ts'
import { settled } from '../../src/testing/simulated-clock.ts'
import { deaf, emits, emitsAndStays, errorOf, latch, type Process, patient, processes, Reader } from './support.ts'

const house = processes({ durable: true })

/** A process whose run of "chat" resumes, gone without a word, and the next one. */
async function afterCrash(producer: Parameters<Process['runs']['define']>[1]) {
  const first = await house.open()
  first.runs.define('work', producer)
  const old = first.runs.start('chat', { type: 'work' }, { orphan: 'resume' })
  await old.started
  await settled()
  first.lifechart.kernel.crash()
  house.clock.jump(60_000)
  const { runs } = await house.open()
  runs.define('work', producer)
  return { old, runs }
}

describe('an attached run that resumes', () => {
  it.each(['close', 'crash'] as const)('goes on behind a %s: its audience did not leave it', async way => {
    const first = await house.open()
    first.runs.define('work', emitsAndStays('a'))
    const run = first.runs.start('chat', { type: 'work' }, { orphan: 'resume', attached: true })
    const reader = new Reader(run.subscribe())
    await run.started
    await settled()
    if (way === 'close') await first.lifechart.close()
    else first.lifechart.kernel.crash()
    await reader.done
    const { runs } = await house.open()
    runs.define('work', emitsAndStays('a'))
    await house.clock.advance(30_000)
    expect(await runs.get('chat')).toMatchObject({ status: 'running' })
  })
})

describe('a start that meets an orphan which resumes', () => {
  it('stops it, and begins when its clean-up is over', async () => {
    const { old, runs } = await afterCrash(patient)
    const run = runs.start('chat', emits('b'))
    await house.clock.advance(30_000)
    expect(run.status).toBe('done')
    expect(await runs.get('chat', { runId: old.runId })).toMatchObject({ status: 'stopped', end: { reason: 'replaced', by: run.runId } })
  })

  it('is the run that the id means from then on, also while it waits for the older one', async () => {
    const { old, runs } = await afterCrash(emitsAndStays('old'))
    const run = runs.start('chat', emitsAndStays('new'), { policy: 'enqueue' })
    await house.clock.advance(30_000)
    expect([run.status, (await runs.get('chat'))?.runId]).toEqual(['waiting', run.runId])
    expect(await runs.stop('chat')).toBe(true)
    expect(run.status).toBe('stopped')
    expect(await runs.get('chat', { runId: old.runId })).toMatchObject({ status: 'running' })
  })
})

describe('a stop while two take the run over', () => {
  /** Both find the orphan; the first to commit has it, the other one does not know that yet. */
  async function contest() {
    const first = await house.open()
    first.runs.define('work', patient)
    const run = first.runs.start('chat', { type: 'work' }, { orphan: 'resume' })
    await run.started
    await settled()
    const [winner, loser] = [await house.open(), await house.open()]
    for (const { runs, store } of [winner, loser]) {
      runs.define('work', patient)
      store.hold()
    }
    first.lifechart.kernel.crash()
    // No longer: who has no answer from the store for a while gives up.
    for (let i = 0; i < 60 && winner.store.holding + loser.store.holding < 2; i++) await house.clock.advance(500)
    expect([winner.store.holding, loser.store.holding]).toEqual([1, 1])
    winner.store.release()
    await settled()
    return { winner, loser, run }
  }

  it.each(['latest', 'exact'])('is told to the one that has it: the %s one', async which => {
    const { winner, loser, run } = await contest()
    const stopping = loser.runs.stop('chat', which === 'exact' ? { runId: run.runId } : {})
    await settled()
    loser.store.release()
    await house.clock.advance(1_000)
    expect(await stopping).toBe(true)
    expect(await winner.runs.get('chat')).toMatchObject({ status: 'stopped', end: { reason: 'user' } })
  })

  it('and what was shared meanwhile ends with it', async () => {
    const { winner, loser } = await contest()
    const { ended } = loser.runs.start('chat', patient, { policy: 'share' })
    loser.store.release()
    await settled()
    await winner.runs.stop('chat')
    await house.clock.advance(1_000)
    expect(await ended).toMatchObject({ status: 'stopped', reason: 'user' })
    expect(loser.lifechart.stats()['streams.followed']).toBe(0)
  })

  it('is answered behind the end when that one stops it anyway', async () => {
    const { winner, loser } = await contest()
    const stopping = loser.runs.stop('chat')
    await settled()
    const first = winner.runs.stop('chat')
    loser.store.release()
    await house.clock.advance(1_000)
    expect([await first, await stopping]).toEqual([true, false])
  })
})

describe('a stop that waits while the runtime is closed', () => {
  it('does not answer that the run has ended when its end is the next owner’s', async () => {
    const { runs, lifechart } = await house.open()
    runs.define('work', deaf)
    const run = runs.start('chat', { type: 'work' }, { orphan: 'resume' })
    await run.started
    await settled()
    const stopping = errorOf(() => run.stop())
    await settled()
    await lifechart.close({ mode: 'handover' })
    expect(await stopping).toMatchObject({ code: 'RUNTIME_CLOSED', retryable: true })
  })
})

/** A memory whose session does not end, or which does not close. */
function silent(call: 'end of its session' | 'close'): AdapterSource {
  const never = () => new Promise<never>(() => undefined)
  const source = memoryAdapter()
  return {
    ...source,
    async open(environment) {
      const adapter = await source.open(environment)
      if (call === 'close') return { ...adapter, close: never }
      return {
        ...adapter,
        async session(node, ttl) {
          const session = await adapter.session(node, ttl)
          return { id: session.id, renew: () => session.renew(), end: never }
        },
      }
    },
  }
}

describe('close', () => {
  it.each(['end of its session', 'close'] as const)('never hangs on a store that does not answer the %s', async call => {
    const environment = testEnvironment({ seed: 1 })
    const lifechart = await openLifechart({ ...environment, adapter: silent(call) })
    const closing = lifechart.close({ timeout: 500 })
    await environment.clock.advance(5_000)
    await closing
    expect(lifechart.kernel.closed).toBe(true)
    expect(environment.clock.pending).toBe(0)
  })
})

describe('a run that is not stored', () => {
  it('is not lost when this process stood still: nobody else could have it', async () => {
    const { runs, clock } = await house.open()
    const run = runs.start('chat', emitsAndStays('a'), { durability: 'none' })
    const reader = new Reader(run.subscribe())
    await run.started
    clock.jump(60_000)
    await clock.advance(120_000)
    expect(run.status).toBe('running')
    expect(await runs.stop('chat')).toBe(true)
    await reader.done
  })

  it('is still what the id means when a later start was refused', async () => {
    const { runs } = await house.open()
    runs.define('work', patient)
    const run = runs.start('chat', patient, { durability: 'none' })
    await run.started
    const tooLarge = runs.start('chat', { type: 'work', input: 'x'.repeat(9_000_000) }, { policy: 'enqueue' })
    expect(await errorOf(() => tooLarge.started)).toMatchObject({ code: 'COMMIT_TOO_LARGE' })
    expect(await runs.stop('chat')).toBe(true)
    expect(run.status).toBe('stopped')
  })
})

describe('a run whose producer ignored the back-pressure', () => {
  it('ends when that has cleaned up: the next run of the id does not begin before', async () => {
    const { runs, store } = await house.open()
    const log: string[] = []
    const go = latch()
    const first = runs.start('chat', async ({ emit }) => {
      store.hold()
      try {
        for (;;) void emit('x')
      } catch {
        store.release()
      }
      await go.opened
      log.push('the first is through')
    })
    await first.started
    const second = runs.start('chat', () => void log.push('the second begins'), { policy: 'enqueue' })
    await settled(64)
    go.open()
    expect(await first.ended).toMatchObject({ status: 'error', error: { code: 'EMIT_OVERFLOW' } })
    await second.ended
    expect(log).toEqual(['the first is through', 'the second begins'])
  })
})
