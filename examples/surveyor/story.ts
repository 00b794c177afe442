import type { RunEvent } from 'lifechart'
import type { Witness } from './lives.ts'
import { cutLeft, printable } from './printable.ts'
import { counted } from './report.ts'
import type { Screen } from './screen.ts'
import type { Finding } from './surveyor.ts'

/** So that the bars are below each other. */
const stateWidth = 11

/** Tells the states of a run and its findings, of which there will be so many, as they come. */
export function storyteller(screen: Screen, findings: number): Witness {
  const { say, paint } = screen
  const bar = screen.bar()
  let last: Finding | undefined
  let seq = 0
  let told = 0
  let attempt = 1

  const state = (symbol: string, text: string, note: string) => say(`  ${symbol} ${text}  ${paint('dim', note)}`)
  const show = (status: string) => {
    const { files, lines } = last?.totals ?? { files: 0, lines: 0 }
    bar.show(told / findings, status.padEnd(stateWidth), `#${seq}  attempt ${attempt}  ${counted(files)} files  ${counted(lines)} lines`)
  }

  function tell(event: RunEvent, pid: number): void {
    if (event.type === 'chunk') {
      told++
      last = event.data as Finding
      for (const line of linesOf(last, seq, screen)) say(line)
    } else if (event.type === 'end') {
      const good = event.status === 'done'
      state(paint(good ? 'green' : 'red', good ? '✔' : '✖'), event.status, event.error ? event.error.message : `#${seq}`)
    } else if (event.type === 'state') {
      attempt = event.attempt ?? 1
      state(paint('cyan', '●'), event.attempt ? 'resumed' : event.state, `#${seq}, attempt ${attempt}, process ${pid}`)
    }
  }

  return {
    event(event, pid) {
      if ('seq' in event) seq = event.seq
      tell(event, pid)
      show(event.type === 'end' ? event.status : 'running')
    },
    killed(pid) {
      state(paint('red', '✖'), 'killed', `behind #${seq}: SIGKILL to process ${pid}`)
      show('killed')
    },
  }
}

/** A finding, and below it what could not be read. One without either is not worth a line. */
function linesOf({ directory, files, lines, longest, problems, marks }: Finding, seq: number, { paint, width }: Screen): string[] {
  if (files + problems.length === 0) return []
  const name = Math.min(40, width - 60)
  const file = longest?.path.slice(longest.path.lastIndexOf('/') + 1) ?? ''
  const cells = [
    paint('dim', `#${seq}`.padStart(7)),
    cutLeft(printable(directory || '.'), name).padEnd(name),
    `${counted(files).padStart(4)} ${files === 1 ? 'file ' : 'files'}`,
    `${counted(lines).padStart(7)} lines`,
    ...(longest ? [paint('dim', `${cutLeft(printable(file), 20)} ${counted(longest.lines)}`)] : []),
    ...(marks > 0 ? [paint('yellow', `${marks} to do`)] : []),
  ]
  const refused = problems.map(({ path, why }) =>
    paint('yellow', `         not read: ${cutLeft(printable(path), name)}: ${printable(why)}`),
  )
  return [cells.join('  '), ...refused]
}

/** Shows how far the same survey is when nobody disturbs it. */
export function comparison(screen: Screen, findings: number): Witness {
  const bar = screen.bar()
  let told = 0
  return {
    event(event) {
      if (event.type === 'chunk') told++
      bar.show(told / findings, 'undisturbed'.padEnd(stateWidth), 'the same survey again, to compare with')
    },
    killed() {},
  }
}
