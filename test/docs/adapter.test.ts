import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, it } from 'vitest'
import { codeBlocks } from '../../scripts/code-blocks.ts'
import type { AdapterSource } from '../../src/kernel/port.ts'
import { adapterConformance, type ConformanceSubject, randomOperations } from '../../src/testing/conformance/index.ts'
import { page, root } from './pages.ts'

await mkdir(join(root, '.build'), { recursive: true })
const directory = await mkdtemp(join(root, '.build', 'docs-adapter-'))
afterAll(() => rm(directory, { recursive: true }))

const example = codeBlocks(page('docs/adapters.md')).find(({ marks }) => marks.includes('journal.ts'))
await writeFile(join(directory, 'journal.ts'), example?.code ?? '')
const { journalAdapter } = (await import(join(directory, 'journal.ts'))) as { journalAdapter(path: string): AdapterSource }

const journal: ConformanceSubject = {
  name: 'journal',
  crashes: true,
  async create() {
    const dir = await mkdtemp(join(tmpdir(), 'lifechart-journal-'))
    let life = 0
    const path = () => join(dir, `journal-${life}`)
    return {
      source: () => journalAdapter(path()),
      // The next life has what is written by now; what the dead one goes on to write is its own.
      async crash(adapter) {
        const before = path()
        life++
        await copyFile(before, path())
        await adapter.close()
      },
      dispose: () => rm(dir, { recursive: true }),
    }
  },
}

adapterConformance({ describe, it }, journal)

describe('the adapter of docs/adapters.md, beside a plain reference', () => {
  it('gives the same answers to random operations', () => randomOperations(fc, journal, { runs: 20 }))
})
