import { printable } from './printable.ts'
import { counted } from './report.ts'
import type { Report } from './surveyor.ts'

/** What was found in a directory, in short, `untold` of it nowhere else. Names are other people's: nothing in them is markup. */
export function markdownOf(directory: string, report: Report, untold = 0): string {
  const { directories, files, lines, bytes, marks, firstMarks, problems, firstProblems } = report
  const rows = Object.entries({ Directories: directories, Files: files, Lines: lines, Bytes: bytes, Marks: marks, 'Not read': problems })
  const text = [
    `# Survey of ${plain(directory)}`,
    '',
    '| | |',
    '| --- | ---: |',
    ...rows.map(([name, count]) => `| ${name} | ${counted(count)} |`),
  ]
  if (untold > 0) text.push('', `The last ${counted(untold)} findings are counted here, and not told one by one.`)
  if (firstMarks.length > 0)
    text.push('', '## Left to do', '', ...firstMarks.map(mark => `- ${plain(`${mark.path}:${mark.line}: ${mark.text}`)}`))
  if (firstProblems.length > 0) text.push('', '## Not read', '', ...firstProblems.map(({ path, why }) => `- ${plain(`${path}: ${why}`)}`))
  return `${text.join('\n')}\n`
}

const plain = (text: string) => printable(text).replace(/[\\`*_[\]<>|#&~]/g, '\\$&')
