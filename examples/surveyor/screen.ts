import { styleText } from 'node:util'
import { MultiBar, Presets, type SingleBar } from 'cli-progress'

type Color = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'

export interface Bar {
  /** `share` from 0 to 1. */
  show(share: number, state: string, note: string): void
}

/** Where the demo tells what happens: lines that stay, and below them, on a terminal, bars that move. */
export interface Screen {
  readonly width: number
  paint(color: Color, text: string): string
  say(line?: string): void
  bar(): Bar
  /** The bars stay as they are; lines come below them from now on. */
  settle(): void
}

export function openScreen(stream: NodeJS.WriteStream): Screen {
  return stream.isTTY ? terminal(stream) : plain(stream)
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
        show(share, state, note) {
          const tenth = Math.floor(share * 10)
          if (tenth > last) say(`  ${state} ${tenth * 10} %  ${note}`)
          last = tenth
        },
      }
    },
    settle() {},
  }
}

function terminal(stream: NodeJS.WriteStream): Screen {
  const colors = !process.env.NO_COLOR
  const paint = (color: Color, text: string) => (colors ? styleText(color, text) : text)
  let bars: MultiBar | undefined
  const newBars = () =>
    new MultiBar(
      {
        format: '  {state} {bar} {percentage} %  {note}',
        stream,
        barsize: 24,
        hideCursor: true,
        autopadding: true,
        gracefulExit: false,
        fps: 20,
      },
      Presets.shades_classic,
    )
  return {
    width: Math.max(60, Math.min(stream.columns, 120)),
    paint,
    say(line = '') {
      if (bars) bars.log(`${line}\n`)
      else stream.write(`${line}\n`)
    },
    bar() {
      bars ??= newBars()
      const bar: SingleBar = bars.create(1_000, 0, { state: '', note: '' })
      return { show: (share, state, note) => bar.update(Math.round(share * 1_000), { state, note }) }
    },
    settle() {
      bars?.stop()
      bars = undefined
    },
  }
}
