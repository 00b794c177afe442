import { cutLeft, printable } from './printable.ts'
import type { Screen } from './screen.ts'
import type { Report } from './surveyor.ts'
import type { Tally } from './totals.ts'

export const counted = (count: number) => count.toLocaleString('en-US')

/** The report of a survey, as tables. */
export function sayReport({ say, paint, width }: Screen, report: Report): void {
  const title = (text: string, note = '') => say(`\n  ${paint('bold', text.padEnd(14))}${note}`)
  const path = Math.min(56, width - 30)
  const row = (name: string, ...columns: (number | string)[]) => {
    const cells = columns.map(column => (typeof column === 'number' ? counted(column).padStart(10) : `  ${column}`))
    say(`    ${cutLeft(printable(name), path).padEnd(path)}${cells.join('')}`)
  }

  title('Report', printable(report.root))
  row('directories', report.directories)
  row('files', report.files)
  row('lines', report.lines)
  row('bytes', report.bytes)
  if (report.binary > 0) row('binary files', report.binary)
  if (report.large > 0) row('large files, not read', report.large)
  if (report.links > 0) row('links within', report.links)

  title('Kinds', paint('dim', 'files and lines'))
  for (const { name, count, lines } of most(report.kinds, 8)) row(name, count, lines)

  title('Longest files', paint('dim', 'lines'))
  for (const { path, lines } of report.longest) row(path, lines)

  const { builtin, package: packages, relative } = report.imports
  title('Imports', paint('dim', `${counted(relative)} relative, ${counted(packages)} of packages, ${counted(builtin)} built in`))
  for (const { name, count } of most(report.modules, 8)) row(name, count)

  title('Marks', paint('dim', report.marks === 0 ? 'nothing is left to do' : `${counted(report.marks)} left to do`))
  for (const { path: file, line, text } of report.firstMarks) {
    say(`    ${cutLeft(printable(`${file}:${line}`), path)}  ${paint('yellow', printable(text))}`)
  }

  if (report.problems === 0) return
  title('Not read', paint('dim', counted(report.problems)))
  for (const { path, why } of report.firstProblems) row(path, printable(why))
}

function most(tallies: readonly Tally[], rows: number): Tally[] {
  return tallies
    .map(tally => (tally.name === '' ? { ...tally, name: 'others' } : tally))
    .sort((a, b) => b.count - a.count)
    .slice(0, rows)
}
