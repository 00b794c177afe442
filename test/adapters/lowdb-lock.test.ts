import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import os, { tmpdir } from 'node:os'
import path from 'node:path'
import { crc32 } from 'node:zlib'
import { lowdbAdapter } from 'lifechart/adapters/lowdb'
import { isLifechartError } from 'lifechart/port'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Files } from '../../src/adapters/lowdb/files.ts'
import { type Holder, lockName, thisProcess, writeSign } from '../../src/adapters/lowdb/holder.ts'
import { nodeFiles } from '../../src/adapters/lowdb/node-files.ts'
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
  const name = lockName({ ...(await thisProcess(now)), ...holder })
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

  it('is void when it was made long ago and no sign of life ever came', async () => {
    const { token } = await thisProcess(now - 3_000)
    await lockedBy({ ...elsewhere, token }, undefined)
    await (await open()).close()
  })

  it('of the same name holds though no process here has its number', async () => {
    // Another machine, or a container with process numbers of its own.
    const host = crc32(os.hostname()).toString(16).padStart(8, '0')
    await lockedBy({ host, pid: 999_999_999 }, now)
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

  async function asleep() {
    const sleeper = environment()
    const adapter = await lowdbAdapter({ dir, lockHeartbeat: 1_000 }).open(sleeper)
    return { adapter, clock: sleeper.clock, wrote: () => adapter.commit(commit).catch((error: unknown) => error) }
  }
  const tree = async () => {
    const names = (await readdir(dir, { recursive: true, withFileTypes: true })).filter(entry => entry.isFile())
    return Promise.all(names.map(async ({ parentPath, name }) => [name, await readFile(path.join(parentPath, name), 'utf8')]))
  }

  it('writes on when nobody took the store over', async () => {
    const { adapter, clock } = await asleep()
    clock.jump(60_000)
    expect(await adapter.commit(commit)).toEqual([1])
    await adapter.close()
  })

  for (const [wakes, how] of [
    ['with its next commit', 0],
    ['with its heartbeat', 1_000],
  ] as const) {
    it(`and wakes up ${wakes} writes nothing when somebody took the store over`, async () => {
      const { adapter, clock, wrote } = await asleep()
      clock.jump(60_000)
      for (const name of await locks()) await rm(path.join(dir, name))
      const next = await open()
      await next.commit({ id: 'n', changes: [{ stream: 's', kind: 'log', expect: 0, events: ['"next"'] }] })
      await next.close()
      const before = await tree()

      if (how > 0) await clock.advance(how)
      expect(isLifechartError(await wrote(), 'STORE_FAILED')).toBe(true)
      if (how > 0) await clock.advance(how)
      await adapter.close()
      expect(await tree()).toEqual(before)
      const last = await open()
      expect((await last.read('s', { after: 0, limit: 10 })).events).toEqual(['"next"'])
      await last.close()
    })
  }

  it('seals nothing in a store that was taken over since its last commit', async () => {
    const { adapter, clock } = await asleep()
    await adapter.commit(commit)
    for (const name of await locks()) await rm(path.join(dir, name))
    const before = await tree()
    clock.jump(60_000)
    await adapter.close()
    expect(await tree()).toEqual(before)
  })

  it('waits with its commits while another one decides whether it lives', async () => {
    const { adapter, clock, wrote } = await asleep()
    clock.jump(60_000)
    // It has made its lock, and may have read our last sign of life before we gave a new one.
    const other = await lockedBy({ host: 'ffffffff', pid: 77 }, clock.now())
    const error = await wrote()
    expect(isLifechartError(error, 'STORE_BUSY') && error.retryable).toBe(true)
    await rm(path.join(dir, other))
    expect(await wrote()).toEqual([1])
    await adapter.close()
  })

  it('in the middle of a commit does not know what became of it', async () => {
    const sleeper = environment()
    const files: Files = {
      ...nodeFiles,
      async open(name, mode) {
        const file = await nodeFiles.open(name, mode)
        if (!name.endsWith('.log')) return file
        const sync = async () => {
          await file.sync()
          for (const lock of await locks()) await rm(path.join(dir, lock))
          sleeper.clock.jump(60_000)
        }
        return { ...file, sync }
      },
    }
    const adapter = await lowdbAdapter({ dir, files, lockHeartbeat: 1_000 }).open(sleeper)
    const error = await adapter.commit(commit).catch((error: unknown) => error)
    expect(isLifechartError(error, 'OUTCOME_UNKNOWN')).toBe(true)
    await adapter.close()
  })
})
