import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import os, { tmpdir } from 'node:os'
import path from 'node:path'
import { lowdbAdapter } from 'lifechart/adapters/lowdb'
import { isLifechartError } from 'lifechart/port'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Holder, lockName, thisProcess, writeSign } from '../../src/adapters/lowdb/holder.ts'
import { testEnvironment } from '../../src/testing/environment.ts'
import { simulatedClock } from '../../src/testing/simulated-clock.ts'

const now = 1_000_000
let dir: string
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'lifechart-lock-'))
})
afterEach(() => rm(dir, { recursive: true }))

const environment = () => testEnvironment({ clock: simulatedClock({ start: now }) })
const open = () => lowdbAdapter({ dir, lockHeartbeat: 1_000 }).open(environment())
const refusal = () => open().catch((error: unknown) => error)
const locks = async () => (await readdir(dir)).filter(name => name.startsWith('lock'))

/** Leaves a lock as another process would, that gave its last sign of life at this time. */
async function lockedBy(holder: Partial<Holder>, beat: number | undefined): Promise<string> {
  const name = lockName({ ...(await thisProcess()), ...holder })
  await writeFile(path.join(dir, name), beat === undefined ? '' : writeSign(beat))
  return name
}

describe('the lock of a process on another host', () => {
  const elsewhere = { host: 'ffffffff', pid: 77 }

  it('holds as long as signs of life come', async () => {
    await lockedBy(elsewhere, now - 2_999)
    const error = await refusal()
    expect(isLifechartError(error, 'STORE_LOCKED') && error.message).toContain(`process 77 on ${os.hostname()}`)
  })

  it('is taken over after three times the heartbeat', async () => {
    const name = await lockedBy(elsewhere, now - 3_000)
    const adapter = await open()
    expect(await locks()).toHaveLength(1)
    expect(await locks()).not.toContain(name)
    await adapter.close()
    expect(await locks()).toEqual([])
  })

  it('holds while it is only being made', async () => {
    await lockedBy(elsewhere, undefined)
    expect(isLifechartError(await refusal(), 'STORE_LOCKED')).toBe(true)
  })
})

describe('the lock of a process on this host', () => {
  it('is void when the process is gone, however lately it gave a sign of life', async () => {
    // The highest number that a process can have on Linux is far below.
    await lockedBy({ pid: 999_999_999 }, now)
    await (await open()).close()
  })

  it('is void when its number was given to another process', async () => {
    await lockedBy({ start: '1' }, process.platform === 'linux' ? now : now - 3_000)
    await (await open()).close()
  })

  it('holds when another part of this process gives signs of life', async () => {
    await lockedBy({}, now)
    expect(isLifechartError(await refusal(), 'STORE_LOCKED')).toBe(true)
  })
})

describe('a process that slept', () => {
  const commit = { id: 'c', changes: [{ stream: 's', kind: 'log', expect: 0, events: ['1'] }] }

  it('writes on when nobody took the store over', async () => {
    const asleep = environment()
    const adapter = await lowdbAdapter({ dir, lockHeartbeat: 1_000 }).open(asleep)
    asleep.clock.jump(60_000)
    expect(await adapter.commit(commit)).toEqual([1])
    await adapter.close()
  })

  it('writes nothing when somebody did', async () => {
    const asleep = environment()
    const adapter = await lowdbAdapter({ dir, lockHeartbeat: 1_000 }).open(asleep)
    for (const name of await locks()) await rm(path.join(dir, name))
    asleep.clock.jump(60_000)
    const error = await adapter.commit(commit).catch((error: unknown) => error)
    expect(isLifechartError(error, 'STORE_FAILED')).toBe(true)
    await adapter.close()
    const next = await open()
    expect(await next.load('s')).toBeUndefined()
    await next.close()
  })
})
