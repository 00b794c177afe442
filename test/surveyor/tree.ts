import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach } from 'vitest'
import { type Finding, type Report, surveyor } from '../../examples/surveyor/surveyor.ts'

/** Put together, so that no reader of this repository takes it for a mark of ours. */
export const todo = 'TO' + 'DO'

/** Makes directories for the tests of a file; each is gone behind its test. */
export function temporary(): { directory(): string; tree(files: Record<string, string | Uint8Array>): string } {
  const made: string[] = []
  afterEach(() => {
    for (const path of made.splice(0)) rmSync(path, { recursive: true, force: true })
  })
  const directory = () => {
    const path = realpathSync(mkdtempSync(join(tmpdir(), 'lifechart-test-')))
    made.push(path)
    return path
  }
  return {
    directory,
    tree(files) {
      const root = directory()
      plant(root, files)
      return root
    },
  }
}

/** Writes files below a directory; a name that ends with a slash is an empty directory. */
export function plant(root: string, files: Record<string, string | Uint8Array>): void {
  for (const [name, content] of Object.entries(files)) {
    const path = join(root, name)
    mkdirSync(name.endsWith('/') ? path : dirname(path), { recursive: true })
    if (!name.endsWith('/')) writeFileSync(path, content)
  }
}

/** Directories of every kind: with a few files and with several batches, without any, and deep below others. */
export const variedTree: Record<string, string> = {
  'a.ts': `import { b } from './b.ts'\n// ${todo}: more\n`,
  'b.ts': 'export const b = 1\n',
  'empty/': '',
  'many/below/deep/x.ts': "import fs from 'fs'\n",
  'z/last.md': 'the end',
  ...Object.fromEntries(Array.from({ length: 150 }, (_, i) => [`many/f${i}.ts`, `import 'p${i}'\n`.repeat(i % 7)])),
  ...Object.fromEntries(Array.from({ length: 5 }, (_, i) => [`nested/n${i}/`, ''])),
}

/** All that a survey finds, and what it reports; from the beginning, or behind an earlier finding. */
export async function survey(dir: string, lastChunk?: Finding): Promise<{ findings: Finding[]; report: Report | undefined }> {
  const survey = surveyor({ input: { dir }, signal: new AbortController().signal, lastChunk })
  const findings: Finding[] = []
  for (;;) {
    const step = await survey.next()
    if (step.done) return { findings, report: step.value }
    findings.push(step.value)
  }
}
