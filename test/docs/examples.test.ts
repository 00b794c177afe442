import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { codeBlocks, markedBlock } from '../../scripts/code-blocks.ts'
import { page, pages, root } from './pages.ts'

const run = promisify(execFile)

/** Below the package, so that it finds itself by its name. */
let directory: string
beforeAll(async () => {
  await mkdir(join(root, '.build'), { recursive: true })
  directory = await mkdtemp(join(root, '.build', 'docs-'))
})
afterAll(() => rm(directory, { recursive: true }))

describe('the examples of the documentation', () => {
  it('compile', async () => {
    const files = ['ambient.ts', ...(await writeExamples())]
    expect(files.length).toBeGreaterThan(20)
    await writeFile(join(directory, 'ambient.ts'), ambient)
    const compilerOptions = { noUnusedLocals: false, noUnusedParameters: false }
    await writeFile(
      join(directory, 'tsconfig.json'),
      JSON.stringify({ extends: join(root, 'tsconfig.json'), compilerOptions, include: [], files }),
    )
    expect(await complaints()).toBe('')
  })

  it('begin with one that runs as it stands and prints what the README says', async () => {
    const readme = page('README.md')
    await writeFile(join(directory, 'example.mjs'), markedBlock(readme, 'example').code)
    const { stdout } = await run(process.execPath, ['example.mjs'], { cwd: directory })
    const shown = codeBlocks(readme).find(({ language }) => language === 'js')
    expect(stdout).toBe(shown?.code)
  })

  it('go on with one that is killed and started again, and told to end and started again', async () => {
    await writeFile(join(directory, 'restart.mjs'), markedBlock(page('README.md'), 'restart').code)
    const killed = await running('restart.mjs', 'data: 2', 'SIGKILL')
    expect(killed.end).toEqual([null, 'SIGKILL'])
    const told = await running('restart.mjs', 'data: 5', 'SIGTERM')
    expect(told.end).toEqual([0, null])
    const { end, lines } = await running('restart.mjs')
    expect(end).toEqual([0, null])
    expect(lines.slice(0, told.lines.length)).toEqual(told.lines)
    expect(told.lines.slice(0, killed.lines.length)).toEqual(killed.lines)
    expect(lines.map(line => Number(/seq: (\d+)/.exec(line)?.[1]))).toEqual(lines.map((_, i) => i + 1))
    expect(lines.flatMap(line => /data: (\d+)/.exec(line)?.[1] ?? []).map(Number)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    expect(lines.filter(line => line.includes('attempt'))).toHaveLength(2)
    expect(lines.at(-1)).toContain("status: 'done', result: 'counted'")
  })
})

/** Runs a program to its end, and sends it a signal when it prints a text. Its end is its code and the signal it died of. */
async function running(program: string, text?: string, signal?: NodeJS.Signals): Promise<{ end: unknown[]; lines: string[] }> {
  const child = spawn(process.execPath, [program], { cwd: directory, stdio: ['ignore', 'pipe', 'inherit'] })
  const closed = once(child, 'close')
  const lines: string[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line)
    if (text !== undefined && line.includes(text)) child.kill(signal)
  }
  return { end: await closed, lines }
}

/** What most examples take for granted: a runtime that is open. */
const ambient = `
import type { Lifechart } from 'lifechart'
declare global { const lifechart: Lifechart }
`

/** A file for each block, in a directory for each page; a block that is marked with a file name can be imported by others. */
async function writeExamples(): Promise<string[]> {
  const files: string[] = []
  for (const [path, text] of pages) {
    for (const { language, marks, line, code } of codeBlocks(text)) {
      if (language !== 'ts') continue
      const file = join(path.replaceAll('/', '-'), marks.find(mark => mark.endsWith('.ts')) ?? `line-${line}.ts`)
      await mkdir(join(directory, file, '..'), { recursive: true })
      // Moved down, so that a complaint names the line of the page.
      await writeFile(join(directory, file), `${'\n'.repeat(line - 1)}${code}export {}\n`)
      files.push(file)
    }
  }
  return files
}

async function complaints(): Promise<string> {
  try {
    await run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', directory, '--pretty', 'false'], { cwd: directory })
    return ''
  } catch (error) {
    return (error as { stdout: string }).stdout
  }
}
