import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { temporary } from './tree.ts'

const child = fileURLToPath(new URL('../../.build/test/children/surveyor.js', import.meta.url))
const { directory } = temporary()
const megabyte = 1024 * 1024
const second = 1_000

it('a survey of 100,000 files stays below 200 MB, finds something within a second, and stops within a second', { timeout: 300_000 }, () => {
  const dir = directory()
  for (let d = 0; d < 100; d++) {
    mkdirSync(join(dir, `d${d}`))
    for (let f = 0; f < 1_000; f++) writeFileSync(join(dir, `d${d}`, `f${f}.ts`), `import { a } from 'p${f % 90}'\nexport const b = ${f}\n`)
  }
  const taken = JSON.parse(execFileSync(process.execPath, [child, join(directory(), 'store'), dir], { encoding: 'utf8' }))
  console.log(taken)
  expect(taken).toMatchObject({ files: 100_000, findings: 1_601, stopped: true, status: 'stopped' })
  expect(taken.first).toBeLessThan(second)
  expect(taken.stop).toBeLessThan(second)
  expect(taken.memory).toBeLessThan(200 * megabyte)
})
