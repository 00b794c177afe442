import { describe, expect, it } from 'vitest'
import { page, pages, source, tableBelow } from './pages.ts'

const codes = [...(await source('src/errors.ts')).matchAll(/^ {2}\| '([A-Z_]+)'$/gm)].map(match => match[1] as string)
const errors = page('docs/errors.md')
const headings = errors.split('\n').filter(line => line.startsWith('## '))
const rows = headings.flatMap(heading => tableBelow(errors, heading))

describe('docs/errors.md', () => {
  it('has every code once, and no other', () => {
    expect(codes.length).toBeGreaterThan(40)
    expect(rows.map(([code]) => code).sort()).toEqual([...codes].sort())
  })

  it('says of each what it means and what to do', () => {
    for (const [code, meaning = '', remedy = ''] of rows) {
      expect(meaning.length, code).toBeGreaterThan(15)
      expect(remedy.length, code).toBeGreaterThan(5)
    }
  })
})

describe('the documentation', () => {
  it('names no code that there is not', () => {
    const known = new Set([...codes, ...notOurs])
    const unknown = [...pages].flatMap(([path, text]) =>
      [...text.matchAll(/`([A-Z]+(?:_[A-Z]+)+|GAP|OWNED)`/g)]
        .map(match => match[1] as string)
        .flatMap(code => (known.has(code) ? [] : [`${path}: ${code}`])),
    )
    expect(unknown).toEqual([])
  })
})

/** Words in capitals that are the system's. */
const notOurs = ['SIGTERM', 'ENOSPC', 'CHROMIUM_PATH', 'LIFECHART_BROWSER', 'NEXT_MANUAL_SIG_HANDLE']
