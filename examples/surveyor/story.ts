import type { RunEvent } from 'lifechart'
import { type Cell, cutLeft, cutRight, type Page, row } from './fit.ts'
import type { Witness } from './lives.ts'
import { printable } from './printable.ts'
import { counted } from './report.ts'
import { type Screen, sayFolded } from './screen.ts'
import type { Finding } from './surveyor.ts'
import { isFinding } from './verdict.ts'

const symbols = { cyan: '●', green: '✔', red: '✖', yellow: '◌' }

/** One thing that happened, in a line. */
export type Tell = (color: keyof typeof symbols, text: string, ...notes: string[]) => void

export function tellOn(screen: Screen): Tell {
  return (color, text, ...notes) => {
    const cells = notes.map((note): Cell => ({ text: note, color: 'dim' }))
    screen.say(row([{ text: `  ${symbols[color]} ${text}`, color }, ...cells], screen))
  }
}

/** Tells the states of a run and its findings, of which there will be so many, as they come. */
export function storyteller(screen: Screen, findings: number): Witness {
  const { say } = screen
  const bar = screen.bar()
  let last: Finding | undefined
  let seq = 0
  let told = 0
  let attempt = 1

  const state = tellOn(screen)
  const show = (status: string) => {
    const { files, lines } = last?.totals ?? { files: 0, lines: 0 }
    const notes = [`#${seq}`, `attempt ${attempt}`, `${counted(files)} files`, `${counted(lines)} lines`]
    bar.show({ share: told / findings, state: status, notes })
  }

  function tell(event: RunEvent, pid: number): void {
    if (isFinding(event)) {
      told++
      last = event.data as Finding
      for (const line of linesOf(last, seq, screen)) say(line)
    } else if (event.type === 'end') {
      state(event.status === 'done' ? 'green' : 'red', event.status, `#${seq}`)
      if (event.error) sayFolded(screen, event.error.message)
    } else if (event.type === 'state') {
      attempt = event.attempt ?? 1
      state('cyan', event.attempt ? 'resumed' : event.state, `#${seq}`, `attempt ${attempt}`, `process ${pid}`)
    }
  }

  return {
    event(event, pid) {
      if ('seq' in event) seq = event.seq
      tell(event, pid)
      show(event.type === 'end' ? event.status : 'running')
    },
    killed(pid) {
      state('red', 'killed', `behind #${seq}`, `SIGKILL to process ${pid}`)
      show('killed')
    },
    cutOff(at, back) {
      state('yellow', back ? 'is back' : 'cut off', `behind #${at}`, 'the second client')
    },
  }
}

/** A finding, and below it what could not be read. One without either is not worth a line. */
export function linesOf({ directory, files, lines, longest, problems, marks }: Finding, seq: number, page: Page): string[] {
  if (files + problems.length === 0) return []
  const name = Math.max(18, Math.min(40, page.width - 60))
  const file = longest?.path.slice(longest.path.lastIndexOf('/') + 1) ?? ''
  const cells: Cell[] = [
    { text: `#${seq}`.padStart(7), color: 'dim' },
    { text: cutLeft(printable(directory || '.'), name).padEnd(name) },
    { text: `${counted(files).padStart(4)} ${files === 1 ? 'file ' : 'files'}` },
    { text: `${counted(lines).padStart(7)} lines` },
  ]
  if (longest) cells.push({ text: `${cutLeft(printable(file), 20)} ${counted(longest.lines)}`, color: 'dim', least: 12 })
  if (marks > 0) cells.push({ text: `${marks} to do`, color: 'yellow' })
  const refused = problems.map(({ path, why }) => {
    const color = 'yellow'
    const reason = { text: cutRight(printable(why), 20), color } as const
    return row([{ text: '         not read', color }, reason, { text: printable(path), color, least: 8 }], page)
  })
  return [row(cells, page), ...refused]
}

/** Shows how far the same survey is when nobody disturbs it. */
export function comparison(screen: Screen, findings: number): (event: RunEvent) => void {
  const bar = screen.bar()
  let told = 0
  return event => {
    if (event.type === 'chunk') told++
    bar.show({ share: told / findings, state: 'undisturbed', notes: ['the same survey again', 'to compare with'] })
  }
}
