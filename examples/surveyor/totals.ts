import { extname } from 'node:path'
import { type Mark, moduleOf, type Origin } from './lines.ts'
import type { Measured } from './measure.ts'

/** A file or directory that was not read. */
export interface Problem {
  path: string
  why: string
}

export interface Longest {
  path: string
  lines: number
}

/** What counts under a name; bounded, so that names beyond the first ones count together under the empty name. */
export interface Tally {
  name: string
  count: number
  lines: number
}

/** Everything found so far. It is part of each chunk, so it stays small however large the tree is. */
export interface Totals {
  directories: number
  files: number
  bytes: number
  lines: number
  binary: number
  large: number
  /** Links that stay below the root: what they lead to is counted where it is. */
  links: number
  /** Not read, or refused. */
  problems: number
  marks: number
  imports: Record<Origin, number>
  /** By ending of the name. */
  kinds: Tally[]
  /** Imported packages and built-in modules. */
  modules: Tally[]
  /** Most lines first. */
  longest: Longest[]
  firstMarks: (Mark & { path: string })[]
  firstProblems: Problem[]
}

const kept = { kinds: 32, modules: 64, longest: 8, marks: 12, problems: 12 }

export const nothing: Totals = {
  directories: 0,
  files: 0,
  bytes: 0,
  lines: 0,
  binary: 0,
  large: 0,
  links: 0,
  problems: 0,
  marks: 0,
  imports: { builtin: 0, package: 0, relative: 0 },
  kinds: [],
  modules: [],
  longest: [],
  firstMarks: [],
  firstProblems: [],
}

/** Totals that can be added to; the ones given stay as they are. */
export function continued(totals: Totals): Totals {
  return structuredClone(totals)
}

export function addFile(totals: Totals, path: string, file: Measured): void {
  totals.files++
  totals.bytes += file.bytes
  count(totals.kinds, kept.kinds, extname(path).toLowerCase() || 'none', file.lines)
  if (file.content !== 'text') {
    totals[file.content]++
    return
  }
  totals.lines += file.lines
  totals.marks += file.marks.length
  for (const mark of file.marks) keepFirst(totals.firstMarks, kept.marks, { path, ...mark })
  for (const specifier of file.imports) {
    const { origin, name } = moduleOf(specifier)
    totals.imports[origin]++
    if (origin !== 'relative') count(totals.modules, kept.modules, name, 0)
  }
  keepLongest(totals.longest, { path, lines: file.lines })
}

export function addProblem(totals: Totals, problem: Problem): void {
  totals.problems++
  keepFirst(totals.firstProblems, kept.problems, problem)
}

function count(tallies: Tally[], most: number, name: string, lines: number): void {
  const known = tallies.find(tally => tally.name === name) ?? (tallies.length < most ? undefined : tallies.find(tally => tally.name === ''))
  if (known) {
    known.count++
    known.lines += lines
  } else tallies.push({ name: tallies.length < most ? name : '', count: 1, lines })
}

function keepFirst<T>(list: T[], most: number, item: T): void {
  if (list.length < most) list.push(item)
}

function keepLongest(longest: Longest[], file: Longest): void {
  const at = longest.findIndex(other => other.lines < file.lines)
  longest.splice(at < 0 ? longest.length : at, 0, file)
  if (longest.length > kept.longest) longest.pop()
}
