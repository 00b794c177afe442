import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { lowdbAdapter } from 'lifechart/adapters/lowdb'
import { memoryAdapter } from 'lifechart/adapters/memory'
import { afterEach, describe, expect, it } from 'vitest'
import { createMachine } from 'xstate'
import { LifechartError } from '../../src/errors.ts'
import type { AdapterSource } from '../../src/kernel/port.ts'
import { type LifechartOptions, openLifechart } from '../../src/lifechart.ts'
import { testEnvironment } from '../../src/testing/environment.ts'
import { settled } from '../../src/testing/simulated-clock.ts'
import { codeOf, emits, errorOf, latch } from '../runs/support.ts'
import { busy } from '../support/faulty-adapter.ts'

/** A source that writes down when it is opened and closed, and lets others decide when that is done and how it ends. */
function observed(source: AdapterSource = memoryAdapter()) {
  const seen: string[] = []
  const gates: { opening?: Promise<void>; closing?: Promise<void> } = {}
  return {
    seen,
    gates,
    name: source.name,
    durable: true,
    async open(environment: Parameters<AdapterSource['open']>[0]) {
      seen.push('opening')
      await gates.opening
      const adapter = await source.open(environment)
      seen.push('open')
      return {
        ...adapter,
        async close() {
          seen.push('closing')
          await adapter.close()
          await gates.closing
          seen.push('closed')
        },
      }
    },
  }
}

let seed = 0
const open = (adapter: AdapterSource, options: LifechartOptions = {}) =>
  openLifechart({ ...testEnvironment({ seed: ++seed }), ...options, adapter })

describe('an adapter that several runtimes use', () => {
  it('is opened by the first and closed by the last of them', async () => {
    const source = observed()
    const first = await open(source)
    const second = await open(source)
    await first.close()
    const third = await open(source)
    await third.close()
    expect(source.seen).toEqual(['opening', 'open'])
    expect(await second.runs.start('chat', emits('a')).ended).toMatchObject({ status: 'done' })
    await second.close()
    expect(source.seen).toEqual(['opening', 'open', 'closing', 'closed'])
  })

  it('is opened once by those that open at the same time', async () => {
    const source = observed()
    const gate = latch()
    source.gates.opening = gate.opened
    const opening = [open(source), open(source), open(source)]
    await settled()
    gate.open()
    const [first, ...others] = await Promise.all(opening)
    expect(source.seen).toEqual(['opening', 'open'])
    await Promise.all(others.map(other => other.close()))
    expect(await first?.runs.start('chat', emits('a')).ended).toMatchObject({ status: 'done' })
    await first?.close()
    expect(source.seen).toEqual(['opening', 'open', 'closing', 'closed'])
  })

  it('and that can not be opened says so to all who wait; the next one tries again, also at once', async () => {
    const source = observed()
    source.gates.opening = Promise.reject(busy())
    const next = async () => {
      source.gates.opening = undefined
      return open(source)
    }
    const first = open(source)
    const second = open(source)
    // The one who hears of it first does not wait until the other one has heard of it too.
    const third = first.catch(next)
    expect(await errorOf(() => first)).toEqual(codeOf('STORE_BUSY'))
    expect(await errorOf(() => second)).toEqual(codeOf('STORE_BUSY'))
    const lifechart = await third
    expect(await lifechart.runs.start('chat', emits('a')).ended).toMatchObject({ status: 'done' })
    await lifechart.close()
    expect(source.seen).toEqual(['opening', 'opening', 'open', 'closing', 'closed'])
  })

  it('is not taken from the others by one that closes twice', async () => {
    const source = observed()
    const first = await open(source)
    const second = await open(source)
    await Promise.all([first.close(), first.close()])
    await first.close()
    expect(source.seen).toEqual(['opening', 'open'])
    expect(await second.runs.start('chat', emits('a')).ended).toMatchObject({ status: 'done' })
    await second.close()
    expect(source.seen).toEqual(['opening', 'open', 'closing', 'closed'])
  })

  it('is opened anew by one that comes while the last one closes it, and not before it is closed', async () => {
    const source = observed()
    const first = await open(source)
    await first.runs.start('chat', emits('a')).ended
    const gate = latch()
    source.gates.closing = gate.opened
    const closing = first.close()
    await settled()
    const opening = [open(source), open(source)]
    await settled()
    expect(source.seen).toEqual(['opening', 'open', 'closing'])
    gate.open()
    await closing
    const [second, third] = await Promise.all(opening)
    expect(source.seen).toEqual(['opening', 'open', 'closing', 'closed', 'opening', 'open'])
    await second?.close()
    expect(await third?.runs.get('chat')).toMatchObject({ status: 'done' })
    await third?.close()
    expect(source.seen.slice(6)).toEqual(['closing', 'closed'])
  })

  it('and that could not be closed is opened anew; the one that closed it is told', async () => {
    const source = observed()
    const first = await open(source)
    source.gates.closing = Promise.reject(new LifechartError('STORE_FAILED', 'The disk is gone.'))
    const closing = first.close()
    const opening = errorOf(() => closing).then(() => open(source))
    expect(await errorOf(() => closing)).toEqual(codeOf('STORE_FAILED'))
    source.gates.closing = undefined
    await (await opening).close()
    expect(source.seen).toEqual(['opening', 'open', 'closing', 'opening', 'open', 'closing', 'closed'])
  })

  it.each<[string, LifechartOptions]>([
    ['its retention is refused', { retention: { window: -1 } }],
    ['its charts are refused', { charts: [createMachine({ id: 'twin' }), createMachine({ id: 'twin', initial: 'a', states: { a: {} } })] }],
  ])('is let go of by a runtime that can not begin because %s', async (_because, options) => {
    const source = observed()
    const environment = testEnvironment({ seed: ++seed })
    expect(await errorOf(() => open(source, { ...environment, ...options }))).toEqual(codeOf('INVALID_OPTION'))
    expect(source.seen).toEqual(['opening', 'open', 'closing', 'closed'])
    expect(environment.clock.pending).toBe(0)
  })
})

describe('a store of files', () => {
  const parents: string[] = []
  afterEach(async () => {
    for (const parent of parents.splice(0)) await rm(parent, { recursive: true })
  })

  it('is never found locked by a runtime of the process that has just begun to close it', async () => {
    const parent = await mkdtemp(path.join(tmpdir(), 'lifechart-shared-'))
    parents.push(parent)
    const source = lowdbAdapter({ dir: path.join(parent, 'store') })
    let former = await open(source)
    for (let i = 0; i < 5; i++) {
      await former.runs.start(`chat-${i}`, emits('a')).ended
      const closing = former.close()
      former = await open(source)
      await closing
      expect(await former.runs.get(`chat-${i}`)).toMatchObject({ status: 'done' })
    }
    await former.close()
  })
})
