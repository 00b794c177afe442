import { Writable } from 'node:stream'
import { stripVTControlCharacters } from 'node:util'
import { describe, expect, it } from 'vitest'
import { sayReport } from '../../examples/surveyor/report.ts'
import { openScreen, type Screen, sayFolded } from '../../examples/surveyor/screen.ts'
import { comparison, storyteller } from '../../examples/surveyor/story.ts'
import type { Finding } from '../../examples/surveyor/surveyor.ts'
import { nothing, type Totals } from '../../examples/surveyor/totals.ts'
import { todo } from './tree.ts'

/** A terminal of a width, and what was written to it. */
function terminal(columns: number): { screen: Screen; written(): string } {
  const written: string[] = []
  const stream = new Writable({
    write(chunk, _encoding, done) {
      written.push(String(chunk))
      done()
    },
  })
  return {
    screen: openScreen(Object.assign(stream, { isTTY: true, columns }) as unknown as NodeJS.WriteStream),
    written: () => written.join(''),
  }
}

/** As they stood on the terminal, one after the other. */
const linesOf = (text: string) => stripVTControlCharacters(text.replaceAll(toLineStart, '\n')).split('\n')
const toLineStart = '\u001b[1G'

describe('a terminal', () => {
  it('shows what was said last before the bars settle, above them', () => {
    const { screen, written } = terminal(80)
    const story = storyteller(screen, 1)
    story.event({ seq: 1, type: 'state', state: 'running' }, 7)
    story.event({ seq: 2, type: 'end', status: 'done' }, 7)
    screen.settle()
    screen.say('below')
    const text = stripVTControlCharacters(written())
    const order = ['● running  #1', '✔ done  #2', 'done         ', 'below'].map(part => text.indexOf(part))
    expect(order).not.toContain(-1)
    expect(order).toEqual(order.toSorted((a, b) => a - b))
  })

  it.each([30, 40, 60, 80, 100, 200])('of %i columns has room for every line', columns => {
    const lines = everythingOn(columns)
    expect(Math.max(...lines.map(line => [...line].length))).toBeLessThan(columns)
  })

  it('of 60 columns leaves out what matters least', () => {
    const lines = everythingOn(60)
    expect(lines).toContain('     #2  …below/directories     1 file        29 lines')
    expect(lines).toContain('         not read  leads out  a/link/that/leads/out')
    expect(lines).toContain('  ✖ killed  behind #2  SIGKILL to process 12345')
    expect(lines).toContain('  error        ████░░░░   50 %  #4  attempt 2  1,234 files')
    expect(lines).toContain('    …p/below/directories/main.test.ts         29')
  })

  it('of 40 columns still tells what is found, where it is and how far the survey is', () => {
    const lines = everythingOn(40)
    expect(lines).toContain('     #2  …below/directories     1 file ')
    expect(lines).toContain('  ✖ killed  behind #2')
    expect(lines).toContain('  error        ████░░░░   50 %  #4')
    expect(lines).toContain('    …main.test.ts         29')
  })
})

const directory = 'a/path/that/lies/deep/below/directories'
const longest = { path: `${directory}/main.test.ts`, lines: 29 }
const totals: Totals = {
  ...nothing,
  directories: 12,
  files: 1_234,
  bytes: 12_345_678,
  lines: 123_456,
  marks: 2,
  problems: 1,
  imports: { builtin: 1_000, package: 2_000, relative: 3_000 },
  kinds: [{ name: '.ts', count: 1_234, lines: 123_456 }],
  modules: [{ name: '@scope/with-a-name/that-is-rather-long', count: 2_000, lines: 0 }],
  longest: [longest],
  firstMarks: [{ path: longest.path, line: 7, text: `${todo}: say in many words what is left to be done in this file` }],
  firstProblems: [{ path: 'a/link/that/leads/out', why: 'leads out' }],
}
const finding: Finding = {
  ...{ directory, files: 1, lines: 29, marks: 2, longest, problems: totals.firstProblems },
  place: longest.path,
  totals,
}

/** Every line that a survey can bring to a terminal. */
function everythingOn(columns: number): string[] {
  const { screen, written } = terminal(columns)
  const story = storyteller(screen, 2)
  story.event({ seq: 1, type: 'state', state: 'running' }, 12_345)
  story.event({ seq: 2, type: 'chunk', data: finding }, 12_345)
  story.killed(12_345)
  story.cutOff(2, false)
  story.cutOff(2, true)
  story.event({ seq: 3, type: 'state', state: 'running', attempt: 2 }, 12_346)
  story.event(
    { seq: 4, type: 'end', status: 'error', error: { code: 'PRODUCER_FAILED', message: 'The producer failed, and nobody knows why.' } },
    12_346,
  )
  screen.settle()
  const other = comparison(screen, 2)
  other({ seq: 1, type: 'chunk', data: finding })
  screen.settle()
  sayReport(screen, { root: `/home/somebody/${directory}`, ...totals })
  sayFolded(screen, 'the report: the same as of an undisturbed survey', { text: '✔', color: 'green' })
  return linesOf(written())
}
