import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { lowdbAdapter } from '../../../src/adapters/lowdb/index.ts'
import { realEnvironment } from '../../children/lowdb-environment.ts'
import { contents, type Picture } from './picture.ts'

const fixtures = fileURLToPath(new URL('../../fixtures/stores', import.meta.url))

const keys = ['latest/a', 'latest/b', 'latest/c', 'slot']

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'lifechart-fixture-'))
})
afterEach(() => rm(dir, { recursive: true }))

describe.each(await readdir(fixtures))('the store written by version %s', version => {
  const expected = async (): Promise<Picture> => JSON.parse(await readFile(path.join(fixtures, version, 'contents.json'), 'utf8'))
  // What is undefined does not exist in JSON.
  const asJson = (picture: Picture): Picture => JSON.parse(JSON.stringify(picture))

  beforeEach(() => cp(path.join(fixtures, version, 'store'), dir, { recursive: true }))

  it('has several segments, each with its index', async () => {
    const indexes = await readdir(path.join(dir, 'index'))
    expect(indexes.length).toBeGreaterThanOrEqual(2)
  })

  it('opens and shows all that was written, again and again', async () => {
    for (let time = 0; time < 2; time++) {
      const adapter = await lowdbAdapter({ dir }).open(realEnvironment)
      expect(asJson(await contents(adapter, keys))).toEqual(await expected())
      await adapter.close()
    }
  })

  it('opens read-only as well, and without its documents', async () => {
    await rm(path.join(dir, 'index'), { recursive: true })
    await rm(path.join(dir, 'store.json'))
    const adapter = await lowdbAdapter({ dir, readOnly: true }).open(realEnvironment)
    expect(asJson(await contents(adapter, keys))).toEqual(await expected())
    await adapter.close()
  })

  it('can be written on', async () => {
    const adapter = await lowdbAdapter({ dir }).open(realEnvironment)
    const { version: head = 0 } = (await adapter.load('inbox/1'))!
    await adapter.commit({ id: 'now', changes: [{ stream: 'inbox/1', kind: 'inbox', expect: 'any', events: ['"now"'] }] })
    await adapter.close()
    const again = await lowdbAdapter({ dir }).open(realEnvironment)
    expect(await again.read('inbox/1', { after: head, limit: 10 })).toEqual({ events: ['"now"'], head: head + 1 })
    await again.close()
  })
})
