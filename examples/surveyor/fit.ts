// Text that fits: widths are in characters, and a character is taken to be as wide as any other.

export type Color = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'

/** What text is fitted to. */
export interface Page {
  readonly width: number
  paint(color: Color, text: string): string
}

/** A part of a row. */
export interface Cell {
  text: string
  color?: Color
  /** It may be cut, at its left, to as little as this; it takes what the others leave it. */
  least?: number
}

const gap = '  '

/** Cells side by side. Those that find no room are left out, the first one is cut instead: what matters most stands in front. */
export function row(parts: readonly (Cell | string)[], { width, paint }: Page): string {
  const cells = parts.map((part): Cell => (typeof part === 'string' ? { text: part } : part))
  const texts = new Map<Cell, string>()
  let room = width
  const place = (cell: Cell) => {
    const first = texts.size === 0
    const left = first ? room : room - gap.length
    const length = lengthOf(cell.text)
    if (length > left && !first && left < (cell.least ?? length)) return
    const text = cutLeft(cell.text, left)
    texts.set(cell, text)
    room = left - lengthOf(text)
  }
  for (const cell of cells) if (cell.least === undefined) place(cell)
  for (const cell of cells) if (cell.least !== undefined) place(cell)
  return cells
    .filter(cell => texts.has(cell))
    .map(cell => (cell.color ? paint(cell.color, texts.get(cell) ?? '') : texts.get(cell)))
    .join(gap)
}

/** Cut to a width, at the left: the end of a path says more than its beginning. */
export function cutLeft(text: string, width: number): string {
  const characters = [...text]
  if (characters.length <= width) return text
  return width < 1 ? '' : `…${characters.slice(characters.length - width + 1).join('')}`
}

/** Cut to a width, at the right. */
export function cutRight(text: string, width: number): string {
  const characters = [...text]
  if (characters.length <= width) return text
  return width < 1 ? '' : `${characters.slice(0, width - 1).join('')}…`
}

/** In lines of a width, between words where there are any: for what is said in full. */
export function folded(text: string, width: number): string[] {
  const lines = ['']
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? ''
    if (line === '') lines[lines.length - 1] = word
    else if (lengthOf(line) + 1 + lengthOf(word) <= width) lines[lines.length - 1] = `${line} ${word}`
    else lines.push(word)
  }
  return lines.flatMap(line => pieces(line, width))
}

function pieces(text: string, width: number): string[] {
  const characters = [...text]
  const count = Math.max(1, Math.ceil(characters.length / width))
  return Array.from({ length: count }, (_, i) => characters.slice(i * width, (i + 1) * width).join(''))
}

const lengthOf = (text: string) => [...text].length
