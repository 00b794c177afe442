// The document: whatever came over the wire becomes text in it, and nothing else.

import { counted } from './fold.ts'

export function filled(tag: string, ...content: (string | Node)[]): HTMLElement {
  const made = document.createElement(tag)
  made.append(...content.map(part => (typeof part === 'string' ? inOrder(part) : part)))
  return made
}

/** With what would turn the order of characters made visible: a name is to look like what it is. */
const inOrder = (text: string) => text.replace(/[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '\ufffd')

/** The page's own elements are there. */
export function element<T extends HTMLElement>(id: string): T {
  const found = document.getElementById(id)
  if (!found) throw new Error(`The page has no #${id}.`)
  return found as T
}

export function write(id: string, text: string): HTMLElement {
  const written = element(id)
  const shown = inOrder(text)
  if (written.textContent !== shown) written.textContent = shown
  return written
}

export function number(id: string, value: number, text: string): void {
  const data = write(id, text) as HTMLDataElement
  data.value = String(value)
  data.title = counted(value)
}

/** Lights the states of these paths in a chart and in what is said of it, with everything around them, and no others. */
export function light(chart: HTMLElement, ...paths: string[]): void {
  for (const state of chart.querySelectorAll<HTMLElement | SVGElement>('[data-state]')) {
    const own = state.dataset.state ?? ''
    const isAround = paths.some(path => path.startsWith(`${own}.`))
    state.classList.toggle('lit', isAround || paths.includes(own))
    state.classList.toggle('around', isAround)
  }
}
