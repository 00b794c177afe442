import { readdir, readFile, writeFile } from 'node:fs/promises'
import { it } from 'vitest'
import { titlesIn } from './titles.ts'
it('x', async () => {
  let out = ''
  for (const d of ['test', 'src/testing/conformance']) for (const f of (await readdir(d, { recursive: true })).filter(f => d === 'test' ? f.endsWith('.test.ts') : f.endsWith('.ts')).sort()) {
    if (f.startsWith('docs/')) continue
    for (const t of titlesIn(await readFile(`${d}/${f}`, 'utf8'))) out += `${d}/${f} › ${t}\n`
  }
  await writeFile('/tmp/titles.txt', out)
})
