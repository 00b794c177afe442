import { readFile, writeFile } from 'node:fs/promises'
import process from 'node:process'
import { markedBlock } from './code-blocks.ts'

// Writes the README's example to the file that is named, or prints it: a program that is complete as it stands.
const [file] = process.argv.slice(2)
const { code } = markedBlock(await readFile('README.md', 'utf8'), 'example')

if (file === undefined) process.stdout.write(code)
else await writeFile(file, code)
