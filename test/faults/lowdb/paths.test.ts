import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { lowdbAdapter } from '../../../src/adapters/lowdb/index.ts'
import { realEnvironment } from '../../children/lowdb-environment.ts'
import { contents } from './picture.ts'

let parent: string
beforeEach(async () => {
  parent = await mkdtemp(path.join(tmpdir(), 'lifechart-paths-'))
})
afterEach(() => rm(parent, { recursive: true }))

async function tree(): Promise<string[]> {
  const entries = await readdir(parent, { recursive: true })
  return entries.sort()
}

const strange = [
  '../x',
  '../../x',
  '/etc/x',
  '..',
  '.',
  'a/b/c',
  'C:',
  'CON',
  'nul.txt',
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'store.json',
  'e\u0301',
  '\u00e9',
  ' ',
  '\n',
  '"',
  '\\',
  '\u2028',
  '😀',
  'x'.repeat(512),
]

it('makes no path of any id, key, kind or commit id, and tells them all apart', async () => {
  const dir = path.join(parent, 'a', 'store')
  const options = { dir, segmentBytes: 3_000 }
  const first = await lowdbAdapter(options).open(realEnvironment)
  for (const id of strange) {
    await first.commit({
      id,
      changes: [{ stream: id, kind: id, expect: 0, events: [JSON.stringify(id)], index: { context: id }, claim: [{ key: id }] }],
    })
  }
  await first.close()
  const again = await lowdbAdapter(options).open(realEnvironment)
  for (const id of strange) {
    expect((await again.load({ key: id }))?.stream).toBe(id)
    expect(await again.load(id)).toMatchObject({ stream: id, kind: id, version: 1, index: { context: id } })
    expect((await again.read(id, { after: 0, limit: 1 })).events).toEqual([JSON.stringify(id)])
  }
  await again.close()
  const ours = /^(a|a\/store|a\/store\/(store\.json|lock\.\d+|log|log\/\d+\.log|index|index\/\d+\.json))$/
  expect((await tree()).filter(name => !ours.test(name))).toEqual([])
  expect(({} as Record<string, unknown>).kind).toBeUndefined()
})

it('makes directories that only the owner may enter and files that only the owner may read', async () => {
  const mask = process.umask(0)
  try {
    const dir = path.join(parent, 'store')
    const adapter = await lowdbAdapter({ dir, segmentBytes: 500 }).open(realEnvironment)
    for (let n = 0; n < 5; n++) {
      await adapter.commit({ id: `${n}`, changes: [{ stream: 's', kind: 'log', expect: n, events: [JSON.stringify('x'.repeat(300))] }] })
    }
    const modes = async () => {
      for (const name of await tree()) {
        const found = await stat(path.join(parent, name)).catch((error: NodeJS.ErrnoException) => {
          // A temporary file of the open store, renamed since it was listed.
          if (error.code !== 'ENOENT') throw error
        })
        if (!found) continue
        expect([name, (found.mode & 0o777).toString(8)]).toEqual([name, found.isDirectory() ? '700' : '600'])
      }
    }
    await modes()
    expect((await tree()).length).toBeGreaterThan(4)
    await adapter.close()
    await modes()
    expect(await contents(await lowdbAdapter({ dir, readOnly: true }).open(realEnvironment), [])).toMatchObject({
      streams: { s: { version: 5 } },
    })
  } finally {
    process.umask(mask)
  }
})
