import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createReader, largeBytes, type Measured } from '../../examples/surveyor/measure.ts'
import { temporary, todo } from './tree.ts'

const { tree } = temporary()

async function measure(content: string | Uint8Array, name = 'file.ts'): Promise<Measured> {
  return createReader(new AbortController().signal)(join(tree({ [name]: content }), name), name)
}

describe('a file', () => {
  it.each([
    ['', 0],
    ['a', 1],
    ['a\n', 1],
    ['a\nb', 2],
    ['\n\n\n', 3],
    ['a\r\nb\r\n', 2],
    ['x'.repeat(200_000), 1],
    [`${'x'.repeat(200_000)}\ny`, 2],
    ['x\n'.repeat(100_000), 100_000],
    [`${'x'.repeat(65_535)}\n`, 1],
    [`${'x'.repeat(65_536)}\n`, 1],
    [`${'é'.repeat(50_000)}\n${'é'.repeat(50_000)}`, 2],
  ])('has as many lines as it shows (%#)', async (content, lines) => {
    expect(await measure(content)).toEqual({ bytes: Buffer.byteLength(content), content: 'text', lines, marks: [], imports: [] })
  })

  it('tells marks and imports with their lines, also across the end of a buffer', async () => {
    const lines = Array.from({ length: 20_000 }, (_, i) => (i % 100 === 99 ? `import 'p${i}' // ${todo}: é${i}` : `const é${i} = ${i}`))
    const { marks, imports } = await measure(lines.join('\n'))
    const numbers = Array.from({ length: 200 }, (_, i) => i * 100 + 99)
    expect(imports).toEqual(numbers.map(i => `p${i}`))
    expect(marks).toEqual(numbers.map(i => ({ line: i + 1, text: `${todo}: é${i}` })))
  })

  it('looks at the beginning of a long line, and at no piece of it a second time', async () => {
    const { marks, lines } = await measure(`// ${todo} first${' '.repeat(100_000)}// ${todo} far\n// ${todo} next`)
    expect(marks).toEqual([
      { line: 1, text: `${todo} first` },
      { line: 2, text: `${todo} next` },
    ])
    expect(lines).toBe(2)
  })

  it('tells no imports where nothing is imported', async () => {
    expect((await measure("import 'a'\n", 'file.md')).imports).toEqual([])
  })

  it('is binary from the first zero on, wherever it is', async () => {
    const late = Buffer.concat([Buffer.from(`// ${todo}\n`.repeat(20_000)), Buffer.of(0)])
    expect(await measure(late)).toEqual({ bytes: late.length, content: 'binary', lines: 0, marks: [], imports: [] })
  })

  it('is not read when it is large', async () => {
    expect(await measure('\n'.repeat(largeBytes))).toMatchObject({ content: 'text', lines: largeBytes })
    expect(await measure('\n'.repeat(largeBytes + 1))).toMatchObject({ content: 'large', lines: 0, bytes: largeBytes + 1 })
  })

  it('is not read through a link that took its place', async () => {
    const root = tree({ 'a.ts': 'secret\n' })
    symlinkSync(join(root, 'a.ts'), join(root, 'b.ts'))
    await expect(createReader(new AbortController().signal)(join(root, 'b.ts'), 'b.ts')).rejects.toThrow('ELOOP')
  })
})
