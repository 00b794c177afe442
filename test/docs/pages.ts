import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The root of the repository. */
export const root = fileURLToPath(new URL('../..', import.meta.url))

/** Every page of documentation, by its path below the root. */
export const pages: ReadonlyMap<string, string> = new Map(
  await Promise.all(
    [
      'README.md',
      'CHANGELOG.md',
      'CONTRIBUTING.md',
      ...(await readdir(join(root, 'docs'))).filter(name => name.endsWith('.md')).map(name => `docs/${name}`),
    ]
      .sort()
      .map(async (path): Promise<[string, string]> => [path, await readFile(join(root, path), 'utf8')]),
  ),
)

export function page(path: string): string {
  const text = pages.get(path)
  if (text === undefined) throw new Error(`There is no page ${path}.`)
  return text
}

export const source = (path: string): Promise<string> => readFile(join(root, path), 'utf8')

/** The rows of the table below a heading, as cells without their back-ticks. */
export function tableBelow(text: string, heading: string): string[][] {
  const lines = text.split('\n')
  const at = lines.indexOf(heading)
  if (at < 0) throw new Error(`There is no heading "${heading}".`)
  const next = lines.findIndex((line, i) => i > at && /^#{1,6} /.test(line))
  return lines
    .slice(at, next < 0 ? undefined : next)
    .filter(line => line.startsWith('|'))
    .slice(2)
    .map(line =>
      line
        .slice(1, -1)
        .split(/(?<!\\)\|/)
        .map(cell => cell.trim().replaceAll('`', '')),
    )
}
