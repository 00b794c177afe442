import { styleText } from 'node:util'
import { MultiBar, type SingleBar } from 'cli-progress'
import { type Color, folded, type Page, row } from './fit.ts'

/** Where a bar stands. */
export interface Progress {
  /** From 0 to 1; more is 1. */
  share: number
  state: string
  /** What else there is to say: what matters most first. */
  notes: readonly string[]
}

export interface Bar {
  show(progress: Progress): void
}

/** Where the demo tells what happens: lines that stay, and below them, on a terminal, bars that move. */
export interface Screen extends Page {
  say(line?: string): void
  bar(): Bar
  /** The bars stay as they are, below all that was said; lines come below them from now on. */
  settle(): void
}

export function openScreen(stream: NodeJS.WriteStream): Screen {
  return stream.isTTY ? terminal(stream) : plain(stream)
}

/** A text in full, in as many lines as it takes, below a symbol. */
export function sayFolded({ say, paint, width }: Screen, text: string, symbol?: { text: string; color: Color }, color?: Color): void {
  const indent = symbol ? '    ' : '  '
  for (const [i, line] of folded(text, Math.max(1, width - indent.length)).entries()) {
    const begin = symbol && i === 0 ? `  ${paint(symbol.color, symbol.text)} ` : indent
    say(begin + (color ? paint(color, line) : line))
  }
}

/** So that the bars are below each other. */
const stateWidth = 11

/** The line of a bar. The narrower the page, the shorter the bar, and the less is noted. */
export function barLine({ share, state, notes }: Progress, page: Page): string {
  const length = Math.max(8, Math.min(page.width - 72, 24))
  const part = Math.min(share, 1)
  const full = Math.round(part * length)
  const bar = '█'.repeat(full) + '░'.repeat(length - full)
  const percentage = `${Math.floor(part * 100)} %`.padStart(5)
  return row([`  ${state.padEnd(stateWidth)}`, bar, percentage, ...notes], page)
}

/** A line for each tenth, and no colours: for files and logs. */
function plain(stream: NodeJS.WriteStream): Screen {
  const say = (line = '') => void stream.write(`${line}\n`)
  return {
    width: 100,
    paint: (_color, text) => text,
    say,
    bar() {
      let last = 0
      return {
        show({ share, state, notes }) {
          const tenth = Math.floor(share * 10)
          if (tenth > last) say(`  ${[state.padEnd(stateWidth), `${tenth * 10} %`, ...notes].join('  ')}`)
          last = tenth
        },
      }
    },
    settle() {},
  }
}

function terminal(stream: NodeJS.WriteStream): Screen {
  const colors = !process.env.NO_COLOR
  const page: Page = {
    // Not the last column: what clears the rest of a line would clear a character there.
    get width() {
      return Math.min((stream.columns || 80) - 1, 120)
    },
    paint: (color, text) => (colors ? styleText(color, text) : text),
  }
  let bars: MultiBar | undefined
  const newBars = () =>
    new MultiBar({
      format: (_options, _params, progress: Progress) => barLine(progress, page),
      stream,
      hideCursor: true,
      // A terminal that does not wrap would lose the end of a long line.
      linewrap: true,
      gracefulExit: false,
      fps: 20,
    })
  return {
    get width() {
      return page.width
    },
    paint: page.paint,
    say(line = '') {
      if (bars) bars.log(`${line}\n`)
      else stream.write(`${line}\n`)
    },
    bar() {
      let bar: SingleBar | undefined
      return {
        show(progress) {
          bars ??= newBars()
          bar ??= bars.create(1, 0, progress)
          bar.update(progress.share, progress)
        },
      }
    },
    settle() {
      // What was said last is written with the next drawing, and stopping is none.
      bars?.update()
      bars?.stop()
      bars = undefined
    },
  }
}
