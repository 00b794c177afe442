import { execFileSync } from 'node:child_process'
import { symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { nothing } from '../../examples/surveyor/totals.ts'
import { plant, survey, temporary, todo } from './tree.ts'

const { tree, directory } = temporary()

describe('a survey', () => {
  it('finds exactly what is there, directory by directory', async () => {
    const files = {
      'readme.md': '# Title\n\nno newline at the end',
      'src/main.ts': `import { a } from './a.ts'\nimport { rxjs } from 'rxjs'\nimport fs from 'fs'\n// ${todo}: go on\n`,
      'src/a.ts': "export const a = 1\n\nimport '@scope/name/deep'\n",
      'src/picture.png': Uint8Array.of(137, 80, 0, 10, 10),
      'docs/': '',
    }
    const root = tree(files)
    const { findings, report } = await survey(root)
    expect(findings.map(({ totals, ...finding }) => finding)).toEqual([
      { directory: '', files: 1, lines: 3, marks: 0, longest: { path: 'readme.md', lines: 3 }, problems: [], place: 'readme.md' },
      { directory: 'docs', files: 0, lines: 0, marks: 0, problems: [], place: 'docs/' },
      {
        directory: 'src',
        files: 3,
        lines: 7,
        marks: 1,
        longest: { path: 'src/main.ts', lines: 4 },
        problems: [],
        place: 'src/picture.png',
      },
    ])
    expect(report).toEqual({
      root,
      directories: 3,
      files: 4,
      bytes: Object.values(files).reduce((sum, content) => sum + Buffer.byteLength(content), 0),
      lines: 10,
      binary: 1,
      large: 0,
      links: 0,
      problems: 0,
      marks: 1,
      imports: { builtin: 1, package: 2, relative: 1 },
      kinds: [
        { name: '.md', count: 1, lines: 3 },
        { name: '.ts', count: 2, lines: 7 },
        { name: '.png', count: 1, lines: 0 },
      ],
      modules: [
        { name: '@scope/name', count: 1, lines: 0 },
        { name: 'rxjs', count: 1, lines: 0 },
        { name: 'node:fs', count: 1, lines: 0 },
      ],
      longest: [
        { path: 'src/main.ts', lines: 4 },
        { path: 'readme.md', lines: 3 },
        { path: 'src/a.ts', lines: 3 },
      ],
      firstMarks: [{ path: 'src/main.ts', line: 4, text: `${todo}: go on` }],
      firstProblems: [],
    })
    expect(findings.at(-1)?.totals).toEqual({ ...report, root: undefined })
  })

  it('of an empty directory has one finding, and nothing in it', async () => {
    const root = directory()
    const { findings, report } = await survey(root)
    expect(findings).toHaveLength(1)
    expect(report).toEqual({ ...nothing, root, directories: 1 })
  })

  it('does not enter what was installed, built or stored', async () => {
    const names = ['node_modules', '.git', 'dist', '.build', '.data']
    const { report } = await survey(
      tree(
        Object.fromEntries(
          names.flatMap(name => [
            [`${name}/x.ts`, 'x\n'],
            [`a/${name}/x.ts`, 'x\n'],
          ]),
        ),
      ),
    )
    expect(report).toMatchObject({ directories: 2, files: 0 })
  })

  it('tells a large directory in several findings, in the order of the names', async () => {
    const { findings } = await survey(tree(Object.fromEntries(Array.from({ length: 130 }, (_, i) => [`f${i}`, '\n']))))
    expect(findings.map(({ files }) => files)).toEqual([64, 64, 2])
    expect(findings.map(({ place }) => place)).toEqual(['f39', 'f97', 'f99'])
    expect(findings.at(-1)?.totals).toMatchObject({ directories: 1, files: 130, lines: 130 })
  })

  it('stays small however many kinds, modules, marks and strange things there are', async () => {
    const files = Array.from({ length: 300 }, (_, i) => [`f${i}.x${i}.ts`, `import 'package-${i}'\n// ${todo} ${i}\n`])
    const kinds = Array.from({ length: 100 }, (_, i) => [`f.kind${i}`, ''])
    const root = tree(Object.fromEntries([...files, ...kinds]))
    for (let i = 0; i < 100; i++) symlinkSync('/', join(root, `link-${i}`))
    const { findings, report } = await survey(root)
    expect(report).toMatchObject({ files: 400, marks: 300, problems: 100, imports: { package: 300 } })
    expect(report?.modules).toHaveLength(65)
    expect(report?.modules.find(({ name }) => name === '')).toMatchObject({ count: 300 - 64 })
    expect(report?.kinds.reduce((sum, { count }) => sum + count, 0)).toBe(400)
    expect(Math.max(...findings.map(finding => JSON.stringify(finding).length))).toBeLessThan(16_384)
  })

  it('counts under names of the language as under any other', async () => {
    const { report } = await survey(tree({ 'a.__proto__': '', 'b.constructor': '', 'c.ts': "import '__proto__'\nimport 'constructor'\n" }))
    expect(report?.kinds.map(({ name }) => name)).toEqual(['.__proto__', '.constructor', '.ts'])
    expect(report?.modules.map(({ name }) => name)).toEqual(['__proto__', 'constructor'])
  })
})

describe('a survey meets', () => {
  it('links that lead out, refuses them and reads nothing of what they lead to', async () => {
    const outside = tree({ 'secret.ts': 'secret\n', 'below/secret.ts': 'secret\n' })
    const parent = tree({ 'root/a.ts': 'a\n' })
    const root = join(parent, 'root')
    symlinkSync(outside, join(root, 'directory'))
    symlinkSync(join(outside, 'secret.ts'), join(root, 'file.ts'))
    symlinkSync('../../../../../../../../etc', join(root, 'relative'))
    // A neighbour whose path begins with the same letters.
    plant(`${root}-neighbour`, { 'secret.ts': 'secret\n' })
    symlinkSync(`${root}-neighbour`, join(root, 'neighbour'))
    const { findings, report } = await survey(root)
    const why = 'leads out'
    const problems = ['directory', 'file.ts', 'neighbour', 'relative'].map(path => ({ path, why }))
    expect(findings.map(finding => finding.problems)).toEqual([problems])
    expect(report).toMatchObject({ files: 1, lines: 1, problems: 4, firstProblems: problems })
  })

  it('links that stay inside, and counts what they lead to once', async () => {
    const root = tree({ 'a/one.ts': 'x\n' })
    symlinkSync('a', join(root, 'b'))
    symlinkSync('.', join(root, 'a', 'circle'))
    symlinkSync('one.ts', join(root, 'a', 'two.ts'))
    const { report } = await survey(root)
    expect(report).toMatchObject({ directories: 2, files: 1, lines: 1, links: 3, problems: 0 })
  })

  it('a root that is a link, and surveys where it leads', async () => {
    const root = tree({ 'a.ts': 'x\n' })
    const link = join(directory(), 'link')
    symlinkSync(root, link)
    expect((await survey(link)).report).toMatchObject({ root, files: 1 })
  })

  it('what can not be read, says so and goes on', async () => {
    const root = tree({ 'a.ts': 'x\n', 'z.ts': 'x\n' })
    symlinkSync('nowhere', join(root, 'broken'))
    symlinkSync('circle', join(root, 'circle'))
    execFileSync('mkfifo', [join(root, 'pipe')])
    const { report } = await survey(root)
    expect(report).toMatchObject({ files: 2, lines: 2 })
    expect(report?.firstProblems).toEqual([
      { path: 'broken', why: 'ENOENT' },
      { path: 'circle', why: 'ELOOP' },
      { path: 'pipe', why: 'no file' },
    ])
  })

  it('names that are no text, or that no text should have', async () => {
    const root = tree({ 'a\u001b[31m\n.ts': 'x\n', '\u202e.ts': 'x\n' })
    for (const byte of [0xfe, 0xff]) writeFileSync(Buffer.concat([Buffer.from(join(root, 'b')), Buffer.of(byte)]), 'x\n')
    const { findings, report } = await survey(root)
    expect(report).toMatchObject({ files: 2, problems: 1, firstProblems: [{ path: 'b\ufffd', why: 'ENOENT' }] })
    expect(JSON.parse(JSON.stringify(findings))).toEqual(findings)
  })

  it('no directory at all, and fails', async () => {
    await expect(survey(join(tree({ 'a.ts': '' }), 'a.ts'))).rejects.toThrow('Only a directory')
    await expect(survey(join(directory(), 'missing'))).rejects.toThrow('ENOENT')
  })
})
