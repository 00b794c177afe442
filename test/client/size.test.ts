import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { bundleOf } from '../../scripts/client-size.ts'

const entry = fileURLToPath(new URL('../../src/client/index.ts', import.meta.url))

it('is one module for a browser, below 3 KB when it is minified and compressed', async () => {
  const { code, imports, modules, bytes } = await bundleOf(entry)
  expect(modules).toBe(1)
  expect(imports).toEqual([])
  expect(code).not.toMatch(/\b(?:Buffer|process|require)\b/)
  expect(bytes).toBeLessThan(3_072)
})
