import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { page, root, source } from './pages.ts'
import { titlesIn } from './titles.ts'

const guarantees = page('docs/guarantees.md')
  .split(/^- /m)
  .slice(1)
  .map(text => ({
    sentence: text.split('\n')[0] ?? '',
    tests: [...text.matchAll(/^ {2}- `([^`]+)`$/gm)].map(match => match[1] as string),
  }))

describe('docs/guarantees.md', () => {
  it('names for each guarantee a test that exists', async () => {
    expect(guarantees.length).toBeGreaterThan(50)
    const missing: string[] = []
    const known = new Map<string, readonly string[]>()
    for (const { sentence, tests } of guarantees) {
      if (tests.length === 0) missing.push(`"${sentence}" has no test`)
      for (const test of tests) {
        const [file = '', ...title] = test.split(' › ')
        if (!known.has(file)) known.set(file, existsSync(join(root, file)) ? titlesIn(await source(file)) : [])
        if (!known.get(file)?.includes(title.join(' › '))) missing.push(test)
      }
    }
    expect(missing).toEqual([])
  })

  it('states no guarantee twice', () => {
    const sentences = guarantees.map(({ sentence }) => sentence)
    expect(sentences.filter((sentence, i) => sentences.indexOf(sentence) < i)).toEqual([])
  })
})

describe('the titles of a test file', () => {
  it('are those of its cases, each behind its groups', () => {
    const text = `
      describe('a', () => {
        it('b', () => {})
        describe.each([1])("c's %s", () => { it.each(['x'])('d %s', () => {}) })
        for (const n of some) it(\`e \${n} f\`, () => {})
      })
      test('g', () => { visit('no title') })
      rule('h', async () => {})`
    expect(titlesIn(text)).toEqual(['a › b', "a › c's %s › d %s", 'a › e … f', 'g', 'h'])
  })
})
