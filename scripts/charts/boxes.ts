import type { ChartLabel, ChartState } from './chart.ts'
import { type Font, fonts, widthOf, wrap } from './text.ts'

/** A state's own text, broken into lines, and the space it takes. */
export interface Box {
  width: number
  height: number
  barHeight: number
  /** Between the bar and the text below it. */
  bodyGap: number
  description: readonly string[]
  notes: readonly string[]
}

/** The text on an arrow, and the space it takes. */
export interface ArrowLabel {
  lines: readonly ChartLabel[]
  width: number
  height: number
}

export const lineHeight = { text: 18, code: 17, label: 18 } as const
export const inset = 14
export const tagPadding = 7
export const tagGap = 5

const textWidth = 190
const wideTextWidth = 420

/** `bare`: without a frame and a bar of its own, as the whole chart and the regions of a parallel state are. */
export function stateBox(state: ChartState, bare: boolean, titleFont: Font): Box {
  const wide = state.states.length > 0
  const available = wide ? wideTextWidth : textWidth
  const description = wrap(state.description, available, fonts.text)
  const notes = state.notes.flatMap(note => wrap(note, available + 60, fonts.code))
  const barHeight = 2 * titleFont.size + 6
  const bodyGap = bare ? -4 : 6
  const widths = [
    widthOf(state.name, titleFont) + tagsWidth(state.tags) + 2 * inset,
    ...description.map(line => widthOf(line, fonts.text) + 2 * inset),
    ...notes.map(line => widthOf(line, fonts.code) + 2 * inset),
  ]
  const body = description.length * lineHeight.text + notes.length * lineHeight.code
  const padding = body === 0 ? 0 : bodyGap + (notes.length > 0 && description.length > 0 ? 5 : 0) + 14
  return { width: Math.max(96, ...widths), height: barHeight + body + padding, barHeight, bodyGap, description, notes }
}

function tagsWidth(tags: readonly string[]): number {
  return tags.reduce((sum, tag) => sum + tagWidth(tag) + tagGap, tags.length > 0 ? 10 : 0)
}

export function tagWidth(tag: string): number {
  return widthOf(tag, fonts.tag) + 2 * tagPadding
}

export function arrowLabel(lines: readonly ChartLabel[]): ArrowLabel {
  const widths = lines.map(line => widthOf(labelText(line), fonts.code))
  return { lines, width: Math.max(...widths) + 18, height: lines.length * lineHeight.label + 8 }
}

export function labelText({ trigger, guard }: ChartLabel): string {
  return guard ? `${trigger} [${guard}]` : trigger
}
