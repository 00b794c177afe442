import { execFile } from 'node:child_process'
import process from 'node:process'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { page, root } from './pages.ts'

const run = promisify(execFile)

it('docs/a2a.md tells what both handlers do in every situation, as the program observes it', { timeout: 120_000 }, async () => {
  const { stdout } = await run(process.execPath, ['.build/scripts/situations/main.js', '--print'], { cwd: root })
  const [, told = ''] = /<!-- situations -->\n([\s\S]*?)<!-- \/situations -->/.exec(page('docs/a2a.md')) ?? []
  expect(told.split('\n').length).toBeGreaterThan(20)
  expect(stdout).toBe(told)
})
