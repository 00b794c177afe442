import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { rolldown } from 'rolldown'
import { expect, it } from 'vitest'

const entry = fileURLToPath(new URL('../../src/client/index.ts', import.meta.url))

it('is one module for a browser, below 3 KB when it is minified and compressed', async () => {
  const bundle = await rolldown({ input: entry, platform: 'browser' })
  const { output } = await bundle.generate({ format: 'esm', minify: true })
  await bundle.close()
  const [{ code, imports }] = output
  expect(output).toHaveLength(1)
  expect(imports).toEqual([])
  expect(code).not.toMatch(/\b(?:Buffer|process|require)\b/)
  expect(gzipSync(code).length).toBeLessThan(3_072)
})
