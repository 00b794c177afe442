import { isBuiltin } from 'node:module'

/** A note that somebody left in a comment. */
export interface Mark {
  /** Counted from 1. */
  line: number
  text: string
}

/** What is read of a line; the rest of a longer one is not looked at. */
export const longestLine = 400

/** Which of it is kept. */
const longestText = 80

const script = /\.[cm]?[jt]sx?$/

// Both are linear in the length of the line: nothing in them can be matched in two ways.
const mark = /(?:\/\/|\/\*|^\s*\*|#|<!--|--)\s*((?:TODO|FIXME|XXX|HACK)\b.*)/
const from = /from\s?(['"])([^'"]+)\1;?\s*$/
const call = /\b(?:import ?|import\(|require\()(['"])([^'"]+)\1/

export function markIn(line: string): string | undefined {
  return mark.exec(line)?.[1]?.trim().slice(0, longestText)
}

/** True if the imports of a file of this name can be told. */
export function hasImports(name: string): boolean {
  return script.test(name)
}

/** What a line of a script imports: the specifier. */
export function importIn(line: string): string | undefined {
  if (!line.includes("'") && !line.includes('"')) return undefined
  const start = line.trimStart()
  const declares = start.startsWith('import') || start.startsWith('export') || start.startsWith('}')
  return ((declares && from.exec(start)) || call.exec(start))?.[2]
}

export type Origin = 'builtin' | 'package' | 'relative'

/** Whose module a specifier names, and the name of the package. */
export function moduleOf(specifier: string): { origin: Origin; name: string } {
  if (isBuiltin(specifier)) return { origin: 'builtin', name: specifier.startsWith('node:') ? specifier : `node:${specifier}` }
  if (/^[./#]/.test(specifier)) return { origin: 'relative', name: specifier }
  const parts = specifier.split('/', specifier.startsWith('@') ? 2 : 1)
  return { origin: 'package', name: parts.join('/').slice(0, longestText) }
}
