import { type Cell, cutLeft, cutRight, row } from './fit.ts'
import { printable } from './printable.ts'
import type { Screen } from './screen.ts'
import type { Report } from './surveyor.ts'
import type { Tally } from './totals.ts'

export const counted = (count: number) => count.toLocaleString('en-US')

/** The report of a survey, as tables. */
export function sayReport(screen: Screen, report: Report): void {
  const { say, paint, width } = screen
  const title = (text: string, ...notes: string[]) => {
    say()
    const cells = notes.map((note): Cell => ({ text: note, color: 'dim' }))
    say(row([{ text: `  ${text.padEnd(12)}`, color: 'bold' }, ...cells], screen))
  }
  const path = Math.max(8, Math.min(56, width - 26))
  const line = (name: string, ...columns: (number | string)[]) => {
    const cells = columns.map(column => (typeof column === 'number' ? counted(column).padStart(9) : cutRight(column, 18)))
    say(row([`    ${cutLeft(printable(name), path).padEnd(path)}`, ...cells], screen))
  }

  title('Report', cutLeft(printable(report.root), width - 16))
  line('directories', report.directories)
  line('files', report.files)
  line('lines', report.lines)
  line('bytes', report.bytes)
  if (report.binary > 0) line('binary files', report.binary)
  if (report.large > 0) line('large files, not read', report.large)
  if (report.links > 0) line('links within', report.links)

  title('Kinds', 'files and lines')
  for (const { name, count, lines } of most(report.kinds, 8)) line(name, count, lines)

  title('Longest', 'lines')
  for (const { path, lines } of report.longest) line(path, lines)

  const { builtin, package: packages, relative } = report.imports
  title('Imports', `${counted(relative)} relative`, `${counted(packages)} of packages`, `${counted(builtin)} built in`)
  for (const { name, count } of most(report.modules, 8)) line(name, count)

  title('Marks', report.marks === 0 ? 'nothing is left to do' : `${counted(report.marks)} left to do`)
  for (const { path: file, line: number, text } of report.firstMarks) {
    const place = `    ${cutLeft(printable(`${file}:${number}`), path)}`
    say(`${place}  ${paint('yellow', cutRight(printable(text), width - place.length - 2))}`)
  }

  if (report.problems === 0) return
  title('Not read', counted(report.problems))
  for (const { path, why } of report.firstProblems) line(path, printable(why))
}

function most(tallies: readonly Tally[], rows: number): Tally[] {
  return tallies
    .map(tally => (tally.name === '' ? { ...tally, name: 'others' } : tally))
    .sort((a, b) => b.count - a.count)
    .slice(0, rows)
}
