import type { Point } from './graph.ts'
import { escapeXml, type Font } from './text.ts'

/** A coordinate as it is written: a tenth of a pixel is finer than anyone sees. */
export function at(value: number): string {
  return String(Math.round(value * 10) / 10)
}

export interface Span {
  text: string
  fill: string
}

export function drawText(point: Point, spans: readonly Span[], font: Font, anchor: 'start' | 'middle' = 'start'): string {
  const written = spans.filter(({ text }) => text).map(({ text, fill }) => `<tspan fill="${fill}">${escapeXml(text)}</tspan>`)
  const style = `font-family="${escapeXml(font.family)}" font-size="${font.size}" font-weight="${font.weight}" text-anchor="${anchor}"`
  return `<text x="${at(point.x)}" y="${at(point.y)}" ${style} xml:space="preserve">${written.join('')}</text>`
}

export interface Shape extends Point {
  width: number
  height: number
}

export function drawBox(shape: Shape, radius: number, fill: string, stroke: string, strokeWidth = 1.25): string {
  return `<rect ${box(shape, radius)} fill="${fill}" stroke="${stroke}" stroke-width="${strokeWidth}"/>`
}

/** The border of a state, which says whose it is, so that those who show the picture can light it. */
export function drawBorder(shape: Shape, radius: number, stroke: string, strokeWidth: number, path: string): string {
  return `<rect ${box(shape, radius)} fill="none" stroke="${stroke}" stroke-width="${strokeWidth}" data-state="${escapeXml(path)}"/>`
}

function box({ x, y, width, height }: Shape, radius: number): string {
  return `x="${at(x)}" y="${at(y)}" width="${at(width)}" height="${at(height)}" rx="${radius}"`
}

/** A bar whose upper corners are round. */
export function drawBar({ x, y, width, height }: Shape, radius: number, fill: string): string {
  const [left, top, right, bottom] = [at(x), at(y), at(x + width), at(y + height)]
  const outline = `M${left} ${bottom}V${at(y + radius)}Q${left} ${top} ${at(x + radius)} ${top}H${at(x + width - radius)}Q${right} ${top} ${right} ${at(y + radius)}V${bottom}Z`
  return `<path d="${outline}" fill="${fill}"/>`
}
