import { chmod, cp, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { lowdbAdapter } from 'lifechart/adapters/lowdb'
import { type Change, isLifechartError, type PersistenceAdapter } from 'lifechart/port'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Files } from '../../src/adapters/lowdb/files.ts'
import { nodeFiles } from '../../src/adapters/lowdb/node-files.ts'
import { testEnvironment } from '../../src/testing/environment.ts'

let parent: string
let dir: string
beforeEach(async () => {
  parent = await mkdtemp(path.join(tmpdir(), 'lifechart-lowdb-'))
  dir = path.join(parent, 'store')
})
afterEach(() => rm(parent, { recursive: true }))

let openings = 0
const open = (options: { segmentBytes?: number; files?: Files; readOnly?: boolean } = {}) =>
  lowdbAdapter({ dir, ...options }).open(testEnvironment({ seed: ++openings }))

const log = (stream: string, rest: Partial<Change> = {}): Change => ({ stream, kind: 'log', expect: 'any', events: ['1'], ...rest })

async function sizes(): Promise<Record<string, number>> {
  const names = (await readdir(dir, { recursive: true })).sort()
  return Object.fromEntries(await Promise.all(names.map(async name => [name, (await stat(path.join(dir, name))).size])))
}

async function all(adapter: PersistenceAdapter, stream: string): Promise<readonly string[]> {
  const { floor } = (await adapter.load(stream))!
  return (await adapter.read(stream, { after: floor, limit: 10_000 })).events
}

/** The machine's files, with the writes and syncs of the log counted. */
function counting(): { files: Files; writes: () => number; syncs: () => number } {
  let writes = 0
  let syncs = 0
  const files: Files = {
    ...nodeFiles,
    async open(name, mode) {
      const file = await nodeFiles.open(name, mode)
      if (!name.endsWith('.log')) return file
      return {
        ...file,
        write: (bytes, position) => {
          writes++
          return file.write(bytes, position)
        },
        sync: () => {
          syncs++
          return file.sync()
        },
      }
    },
  }
  return { files, writes: () => writes, syncs: () => syncs }
}

describe('the log', () => {
  it('says that it is durable', () => {
    expect(lowdbAdapter({ dir })).toMatchObject({ name: 'lowdb', durable: true })
  })

  it('writes what many streams commit at the same time in one write and one sync', async () => {
    const { files, writes, syncs } = counting()
    const adapter = await open({ files })
    const commits = Array.from({ length: 500 }, (_, n) => adapter.commit({ id: `c${n}`, changes: [log(`s${n}`)] }))
    expect(await Promise.all(commits)).toEqual(commits.map(() => [1]))
    expect([writes(), syncs()]).toEqual([1, 1])
    await adapter.close()
  })

  it('refuses one commit of a batch and keeps the others', async () => {
    const adapter = await open()
    const outcomes = await Promise.allSettled([
      adapter.commit({ id: 'a', changes: [log('s', { expect: 0 })] }),
      adapter.commit({ id: 'b', changes: [log('s', { expect: 0 })] }),
      adapter.commit({ id: 'c', changes: [log('s', { expect: 1, events: ['2', '3'] })] }),
    ])
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(await all(adapter, 's')).toEqual(['1', '2', '3'])
    await adapter.close()
  })

  it('gives back any text byte for byte, also one that looks like a line of the log', async () => {
    const line = `${'0'.repeat(8)} 12 {"n":1,"d":0}`
    const texts = ['{\n  "a": 1\n}', `"\t"\n${line}\n`, '"é😀\u2028"', '', `{"__proto__":{"n":1}}`, '1e3', 'not JSON']
    const first = await open()
    await first.commit({ id: 'c', changes: [log('s', { events: texts, state: texts[1], view: texts[0] }), log('t', { events: texts })] })
    await first.close()
    await rm(path.join(dir, 'index'), { recursive: true })
    const again = await open()
    expect(await all(again, 's')).toEqual(texts)
    expect(await all(again, 't')).toEqual(texts)
    expect(await again.load('s')).toMatchObject({ state: texts[1], view: { data: texts[0] } })
    await again.close()
  })

  it('does not grow by being opened, read and closed', async () => {
    const first = await open()
    await first.commit({ id: 'c', changes: [log('s')] })
    await first.close()
    const before = await sizes()
    for (const readOnly of [false, true]) {
      const again = await open({ readOnly })
      expect(await all(again, 's')).toEqual(['1'])
      await again.close()
    }
    expect(await sizes()).toEqual(before)
  })
})

describe('segments that are mostly dead', () => {
  const text = JSON.stringify('x'.repeat(400))

  it('give their room back, and what lives in them stays as it was', async () => {
    const adapter = await open({ segmentBytes: 20_000 })
    const kept = [text, '"kept"', text]
    await adapter.commit({
      id: 'kept',
      changes: [log('kept', { events: kept, state: '"state"', view: '"view"', claim: [{ key: 'k' }], index: { scope: 'mine' } })],
    })
    for (let n = 0; n < 300; n++) await adapter.commit({ id: `c${n}`, changes: [log(`s${n}`, { events: [text] })] })
    // One stream in each segment lives on.
    const living = Array.from({ length: 300 }, (_, n) => n).filter(n => n % 25 === 0)
    for (let n = 0; n < 300; n++) if (!living.includes(n)) await adapter.forget(`s${n}`, {})
    // The last segment is full of what was forgotten; the next one follows it.
    for (let n = 0; n < 60; n++) await adapter.commit({ id: `d${n}`, changes: [log('last', { events: [text] })] })
    const before = await adapter.load('kept')
    await adapter.close()

    const left = Object.entries(await sizes()).filter(([name]) => name.endsWith('.log'))
    expect(left.reduce((sum, [, size]) => sum + size, 0)).toBeLessThan(110_000)
    for (const index of ['with', 'without']) {
      if (index === 'without') await rm(path.join(dir, 'index'), { recursive: true })
      const again = await open({ segmentBytes: 20_000 })
      expect(await again.load({ key: 'k' })).toEqual(before)
      expect(await all(again, 'kept')).toEqual(kept)
      for (const n of living) expect(await all(again, `s${n}`)).toEqual([text])
      expect((await again.query({ limit: 100 })).items).toHaveLength(living.length + 2)
      await again.close()
    }
  })

  it('keep the beginning of a long stream whose middle was written beside others', async () => {
    const adapter = await open({ segmentBytes: 8_000 })
    const events: string[] = []
    for (let n = 1; n <= 150; n++) {
      const event = JSON.stringify({ n })
      events.push(event)
      await adapter.commit({ id: `c${n}`, changes: [log('long', { events: [event] }), log(`other${n}`, { events: [text] })] })
      if (n > 10) await adapter.forget(`other${n - 10}`, {})
    }
    expect(await all(adapter, 'long')).toEqual(events)
    await adapter.forget('long', { through: 75 })
    await adapter.close()
    const again = await open({ segmentBytes: 8_000 })
    expect(await all(again, 'long')).toEqual(events.slice(75))
    await again.close()
  })
})

describe('many short lives of a store', () => {
  const segments = async () => (await readdir(path.join(dir, 'log'))).length

  it('leave no segments behind in which nothing lives', async () => {
    for (let n = 0; n < 20; n++) {
      const adapter = await open()
      await adapter.commit({ id: `c${n}`, changes: [log(`s${n}`)] })
      if (n > 0) await adapter.forget(`s${n - 1}`, {})
      await adapter.close()
    }
    expect(await segments()).toBeLessThan(5)
    const adapter = await open()
    expect((await adapter.query({ limit: 100 })).items.map(item => item.stream)).toEqual(['s19'])
    await adapter.close()
  })

  it('leave few segments behind when all that they wrote lives on', async () => {
    for (let n = 0; n < 150; n++) {
      const adapter = await open()
      await adapter.commit({ id: `c${n}`, changes: [log(`s${n}`), log('long', { events: [String(n)] })] })
      await adapter.close()
      expect(await segments()).toBeLessThan(70)
    }
    const adapter = await open()
    expect((await adapter.query({ limit: 1000 })).items).toHaveLength(151)
    expect(await all(adapter, 'long')).toEqual(Array.from({ length: 150 }, (_, n) => String(n)))
    await adapter.close()
  })
})

describe('the directory of a store', () => {
  it('that was there is closed to others, and so is what is in it', async () => {
    await mkdir(path.join(dir, 'log'), { recursive: true })
    for (const name of [dir, path.join(dir, 'log')]) await chmod(name, 0o755)
    await (await open()).close()
    for (const name of ['', 'log', 'index']) expect((await stat(path.join(dir, name))).mode & 0o777).toBe(0o700)
  })

  it('is rid of documents that a former life did not finish, and of nothing else', async () => {
    await (await open()).close()
    const unfinished = [`store.json.${'0a'.repeat(8)}.unfinished`, `index/7.json.${'0a'.repeat(8)}.unfinished`]
    for (const name of [...unfinished, 'poem.unfinished']) await writeFile(path.join(dir, name), 'x')
    await (await open()).close()
    const names = Object.keys(await sizes())
    expect(names.filter(name => name.endsWith('.unfinished'))).toEqual(['poem.unfinished'])
  })
})

describe('the owner of a stream', () => {
  it('lives for one who only reads as long as a process writes', async () => {
    const writer = await open()
    const session = await writer.session('node', 1_000)
    await writer.commit({ id: 'c', session: session.id, changes: [log('s', { own: 'acquire' })] })
    const reader = await open({ readOnly: true })
    expect((await reader.query({ orphaned: true, limit: 1 })).items).toEqual([])
    expect((await reader.query({ free: true, limit: 1 })).items).toEqual([])
    await writer.close()
    expect((await reader.query({ orphaned: true, limit: 1 })).items).toMatchObject([{ stream: 's', session: session.id }])
    expect((await reader.query({ free: true, limit: 1 })).items).toMatchObject([{ stream: 's' }])
    await reader.close()
  })
})

describe('a store that is open', () => {
  it('is refused to a second opening in the same process, which is told who holds it', async () => {
    const adapter = await open()
    const refusal = await open().catch((error: unknown) => error)
    expect(isLifechartError(refusal, 'STORE_LOCKED') && refusal.details.pid).toBe(process.pid)
    await adapter.close()
    await (await open()).close()
  })

  it('can be copied, and the copy opened beside it', async () => {
    const adapter = await open()
    await adapter.commit({ id: 'c', changes: [log('s')] })
    const copy = path.join(parent, 'copy')
    await cp(dir, copy, { recursive: true })
    const beside = await lowdbAdapter({ dir: copy }).open(testEnvironment({ seed: ++openings }))
    expect(await all(beside, 's')).toEqual(['1'])
    await beside.close()
    await adapter.close()
  })
})
