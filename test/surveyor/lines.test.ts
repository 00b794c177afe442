import { describe, expect, it } from 'vitest'
import { importIn, markIn, moduleOf } from '../../examples/surveyor/lines.ts'
import { todo } from './tree.ts'

describe('a mark', () => {
  it.each([
    [`// ${todo}: tidy up`, `${todo}: tidy up`],
    [`  const a = 1 // ${todo}(me) later  `, `${todo}(me) later`],
    ['# FIXME', 'FIXME'],
    [' * HACK around it', 'HACK around it'],
    ['/* XXX */', 'XXX */'],
    ['<!-- FIXME: words -->', 'FIXME: words -->'],
    ['-- FIXME in SQL', 'FIXME in SQL'],
    [`// ${todo} ${'x'.repeat(200)}`, `${todo} ${'x'.repeat(75)}`],
  ])('is %j', (line, mark) => {
    expect(markIn(line)).toBe(mark)
  })

  it.each([`const ${todo} = 1`, `// nothing ${todo}`, `// ${todo}S`, `'${todo}'`, `a * FIXME`, ''])('is not %j', line => {
    expect(markIn(line)).toBeUndefined()
  })
})

describe('an import', () => {
  it.each([
    ["import { a } from 'a'", 'a'],
    ['import type { A } from "a";', 'a'],
    ["} from './a.ts'", './a.ts'],
    ["export * from 'a'\r", 'a'],
    ["import 'a'", 'a'],
    ["const a = await import('a')", 'a'],
    ["const a = require('a')", 'a'],
    ["import{a}from'a'", 'a'],
  ])('is %j', (line, specifier) => {
    expect(importIn(line)).toBe(specifier)
  })

  it.each([
    "// import { a } from 'a'",
    "select('a') from 'b'",
    "const from = 'a'",
    'import { a } from',
    "reimport('a')",
    "import(name + 'a')",
  ])('is not %j', line => {
    expect(importIn(line)).toBeUndefined()
  })

  it.each([
    ['fs', 'builtin', 'node:fs'],
    ['node:fs/promises', 'builtin', 'node:fs/promises'],
    ['./a.ts', 'relative', './a.ts'],
    ['#inner', 'relative', '#inner'],
    ['/a', 'relative', '/a'],
    ['rxjs/operators', 'package', 'rxjs'],
    ['@scope/name/deep', 'package', '@scope/name'],
    ['@scope', 'package', '@scope'],
  ])('of %j is %s: %s', (specifier, origin, name) => {
    expect(moduleOf(specifier)).toEqual({ origin, name })
  })
})
