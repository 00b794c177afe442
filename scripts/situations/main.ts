import { readFile, writeFile } from 'node:fs/promises'
import process from 'node:process'
import { situationsTable } from './table.ts'

// Writes what both handlers do into docs/a2a.md; with --print only says it.
const page = 'docs/a2a.md'
const markers = ['<!-- situations -->', '<!-- /situations -->'] as const

// The SDK's handler warns here of what it is asked to show.
console.warn = console.error = () => {}

const table = await situationsTable()
if (process.argv.includes('--print')) process.stdout.write(`${table}\n`)
else {
  const text = await readFile(page, 'utf8')
  const [from, to] = markers.map(marker => text.indexOf(marker))
  if (from === undefined || to === undefined || from < 0 || to < from) throw new Error(`${page} has no ${markers.join(' … ')}.`)
  await writeFile(page, `${text.slice(0, from)}${markers[0]}\n${table}\n${text.slice(to)}`)
}
// What was made to hang still does.
process.exit()
