import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import process from 'node:process'
import { drawAll, findStale } from './charts/pictures.ts'

// Draws every chart into docs/charts; with --check only says whether that would change anything.
const directory = resolve('docs/charts')
const pictures = await drawAll()

if (process.argv.includes('--check')) {
  const stale = await findStale(directory, pictures)
  for (const line of stale) console.error(`docs/charts: ${line}`)
  if (stale.length > 0) {
    console.error('Run "npm run charts" and commit the result.')
    process.exitCode = 1
  }
} else {
  await rm(directory, { recursive: true, force: true })
  await mkdir(directory, { recursive: true })
  for (const { file, svg } of pictures) await writeFile(join(directory, file), svg)
  console.log(`docs/charts: ${pictures.map(({ file }) => file).join(', ')}`)
}
