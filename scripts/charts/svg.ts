import { lineHeight } from './boxes.ts'
import { dotSize, type Point } from './graph.ts'
import type { Layout, PlacedArrow } from './layout.ts'
import { drawFrames, drawTexts } from './states.ts'
import { at, drawText } from './strokes.ts'
import { escapeXml, fonts } from './text.ts'
import type { Theme } from './theme.ts'

const bend = 8

/**
 * The picture as text: self-contained, scalable, without scripts or references. Where several stand in one document, the ids of each need
 * a beginning of their own.
 */
export function drawSvg(layout: Layout, theme: Theme, ids = ''): string {
  const { state, width, height } = layout.root
  const [w, h] = [Math.ceil(width) + 2, Math.ceil(height) + 2]
  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="-1 -1 ${w} ${h}" width="${w}" height="${h}" role="img" aria-labelledby="${ids}title ${ids}desc">`,
    `<title id="${ids}title">${escapeXml(state.name)}</title>`,
    `<desc id="${ids}desc">${escapeXml(state.description)}</desc>`,
    '<defs>',
    `<marker id="${ids}head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto">`,
    `<path d="M1 1 9 5 1 9Z" fill="${theme.line}" stroke="${theme.line}" stroke-linejoin="round"/>`,
    '</marker>',
    '</defs>',
    ...drawFrames(layout.root, theme),
    ...layout.arrows.map(({ points }) => drawLine(points, theme, ids)),
    ...layout.dots.map(({ x, y }) => `<circle cx="${at(x)}" cy="${at(y)}" r="${dotSize / 2}" fill="${theme.accent}"/>`),
    // On top of the lines, so that one that has to pass below a name leaves it readable.
    ...drawTexts(layout.root, theme),
    ...layout.arrows.flatMap(arrow => drawLabel(arrow, theme)),
    '</svg>',
  ]
  return `${lines.join('\n')}\n`
}

function drawLine(points: readonly Point[], theme: Theme, ids: string): string {
  const steps = points.map((point, index) => {
    const [before, after] = [points[index - 1], points[index + 1]]
    if (!before) return `M${at(point.x)} ${at(point.y)}`
    if (!after) return `L${at(point.x)} ${at(point.y)}`
    const [from, to] = [towards(point, before), towards(point, after)]
    return `L${at(from.x)} ${at(from.y)}Q${at(point.x)} ${at(point.y)} ${at(to.x)} ${at(to.y)}`
  })
  return `<path d="${steps.join('')}" fill="none" stroke="${theme.line}" stroke-width="1.5" marker-end="url(#${ids}head)"/>`
}

/** Where the rounding of a corner begins: never beyond the middle of the way to the neighbour. */
function towards(corner: Point, neighbour: Point): Point {
  const [dx, dy] = [neighbour.x - corner.x, neighbour.y - corner.y]
  const length = Math.hypot(dx, dy)
  const part = length === 0 ? 0 : Math.min(bend, length / 2) / length
  return { x: corner.x + dx * part, y: corner.y + dy * part }
}

function drawLabel({ label }: PlacedArrow, theme: Theme): string[] {
  if (!label) return []
  const { x, y, width, height, lines } = label
  return [
    `<rect x="${at(x)}" y="${at(y)}" width="${at(width)}" height="${at(height)}" rx="7" fill="${theme.label}" stroke="${theme.labelBorder}"/>`,
    ...lines.map(({ trigger, guard }, index) => {
      const spans = [
        { text: trigger, fill: theme.text },
        { text: guard && ` [${guard}]`, fill: theme.muted },
      ]
      return drawText({ x: x + width / 2, y: y + 16 + index * lineHeight.label }, spans, fonts.code, 'middle')
    }),
  ]
}
