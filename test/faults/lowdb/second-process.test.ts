import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { lowdbAdapter } from '../../../src/adapters/lowdb/index.ts'
import { nodeFiles } from '../../../src/adapters/lowdb/node-files.ts'
import { isLifechartError } from '../../../src/errors.ts'
import type { PersistenceAdapter } from '../../../src/kernel/port.ts'
import { realEnvironment } from '../../children/lowdb-environment.ts'
import { withFaults } from './failpoints.ts'
import { field, type Program, start } from './processes.ts'

// Long, and longer on a busy machine.
vi.setConfig({ testTimeout: 300_000 })

let dir: string
let programs: Program[]
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'lifechart-lock-'))
  programs = []
})
afterEach(async () => {
  await Promise.all(programs.map(program => program.kill()))
  await rm(dir, { recursive: true })
})

function run(name: string, ...options: string[]): Program {
  const program = start(name, dir, ...options)
  programs.push(program)
  return program
}

const open = () => lowdbAdapter({ dir }).open(realEnvironment)
const opened = field('open')

async function refusalOf(work: Promise<unknown>) {
  const error = await work.then(
    () => assert.fail('it was not refused'),
    (error: unknown) => error,
  )
  assert.ok(isLifechartError(error), `${error}`)
  return error
}

describe('a store that another process has open for writing', () => {
  it('is refused with STORE_LOCKED, which names the holder', async () => {
    const holder = run('lowdb-opener')
    holder.input.write('go')
    await holder.says(opened)
    const refusal = await refusalOf(open())
    expect(refusal.code).toBe('STORE_LOCKED')
    expect(refusal.message).toContain(String(holder.pid))
    expect(refusal.message).toContain(dir)
  })

  it('is free when the holder was killed, also while its parent has not asked how it ended', async () => {
    const script = fileURLToPath(new URL('../../../.build/test/children/lowdb-opener.js', import.meta.url))
    // The shell becomes a sleep, which never waits for the child that it inherits.
    const parent = spawn('sh', ['-c', 'exec 3<&0; "$0" "$@" <&3 & echo "$!"; exec sleep 300', process.execPath, script, dir], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const lines = createInterface(parent.stdout)[Symbol.asyncIterator]()
    const line = async () => String((await lines.next()).value)
    try {
      const pid = Number(await line())
      parent.stdin.write('go')
      while (!(await line()).includes('"open"'));
      process.kill(pid, 'SIGKILL')
      while (!/^State:\s+Z/m.test(await readFile(`/proc/${pid}/status`, 'utf8')));
      await (await open()).close()
    } finally {
      parent.kill('SIGKILL')
    }
  })

  it('is free when the holder has closed it', async () => {
    const holder = run('lowdb-opener')
    holder.input.write('go')
    await holder.says(opened)
    holder.input.end()
    await holder.says(field('closed'))
    await (await open()).close()
  })

  it('is taken over when the holder was killed', async () => {
    const holder = run('lowdb-opener')
    holder.input.write('go')
    await holder.says(opened)
    await holder.kill()
    const adapter = await open()
    expect(await adapter.commit({ id: 'c', changes: [{ stream: 's', kind: 'log', expect: 0, events: ['1'] }] })).toEqual([1])
    await adapter.close()
  })

  it('is refused in the same process too', async () => {
    const adapter = await open()
    expect((await refusalOf(open())).code).toBe('STORE_LOCKED')
    await adapter.close()
    await (await open()).close()
  })
})

describe('processes that find the lock of a dead one', () => {
  it('are refused but for one of them', async () => {
    for (let round = 0; round < 5; round++) {
      const racers = [run('lowdb-opener'), run('lowdb-opener'), run('lowdb-opener')]
      await Promise.all(racers.map(racer => racer.says(field('ready'))))
      for (const racer of racers) racer.input.write('go')
      const ends = await Promise.all(racers.map(racer => racer.says(message => opened(message) ?? field('code')(message))))
      expect(ends.filter(end => typeof end === 'number')).toHaveLength(1)
      expect(ends.filter(end => end === 'STORE_LOCKED')).toHaveLength(2)
      // What the next round finds.
      await Promise.all(racers.map(racer => racer.kill()))
    }
  })
})

describe('a reader beside a living writer', () => {
  /** Resolves when the stream has come this far, as `watch` tells. */
  function reached(adapter: PersistenceAdapter, stream: string, version: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = () =>
        adapter.load(stream).then(stored => {
          if ((stored?.version ?? 0) < version) return
          stop()
          resolve()
        }, reject)
      const stop = adapter.watch(look)
      void look()
    })
  }

  async function numbers(adapter: PersistenceAdapter, stream: string): Promise<{ floor: number; numbers: number[] }> {
    for (;;) {
      const stored = await adapter.load(stream)
      if (stored === undefined) return { floor: 0, numbers: [] }
      try {
        const { events } = await adapter.read(stream, { after: stored.floor, limit: 10_000 })
        return { floor: stored.floor, numbers: events.map(event => JSON.parse(event).n) }
      } catch (error) {
        // The writer forgets its older events meanwhile.
        if (!isLifechartError(error, 'GAP')) throw error
      }
    }
  }

  it('sees a consistent, growing prefix and writes nothing', async () => {
    const writer = run('lowdb-writer', 'round')
    await writer.says(opened)
    const { files, trace } = withFaults(nodeFiles, [])
    const reader = await lowdbAdapter({ dir, readOnly: true, files }).open(realEnvironment)
    let before = 0
    for (const version of [1, 5, 50, 200, 500]) {
      await reached(reader, 'run/0', version)
      const inbox = await reader
        .read('inbox', { after: (await reader.load('inbox'))!.floor, limit: 10_000 })
        .catch(() => ({ events: [] as string[] }))
      for (let stream = 0; stream < 8; stream++) {
        const { floor, numbers: found } = await numbers(reader, `run/${stream}`)
        expect(found).toEqual(found.map((_, i) => floor + i + 1))
        // What the inbox told before was committed with what it told of.
        const told = inbox.events
          .map((event): { stream: string; n: number } => JSON.parse(event))
          .filter(event => event.stream === `run/${stream}`)
        expect(floor + found.length).toBeGreaterThanOrEqual(told.at(-1)?.n ?? 0)
      }
      const now = (await reader.load('run/0'))!.version
      expect(now).toBeGreaterThanOrEqual(Math.max(before, version))
      before = now
    }
    const refusal = await refusalOf(reader.commit({ id: 'c', changes: [{ stream: 's', kind: 'log', expect: 0, events: ['1'] }] }))
    expect(refusal.code).toBe('STORE_READ_ONLY')
    expect((await refusalOf(reader.forget('run/0', {}))).code).toBe('STORE_READ_ONLY')
    await reader.close()
    expect(trace).toEqual([])
    // It has disturbed nobody.
    const version = (writer.said.at(-1) as { version: number }).version
    await writer.says(message => ((field('version')(message) as number) > version ? true : undefined))
  })
})
