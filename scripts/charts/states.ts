import { inset, lineHeight, tagGap, tagPadding, tagWidth } from './boxes.ts'
import type { PlacedState } from './layout.ts'
import { at, drawBar, drawBorder, drawBox, drawText, type Shape } from './strokes.ts'
import { fonts } from './text.ts'
import type { Theme } from './theme.ts'

const corner = 10

/** The boxes of a state and of everything inside it; regions of a parallel state have a line between them instead. */
export function drawFrames(placed: PlacedState, theme: Theme, isRegion = false, path: readonly string[] = []): string[] {
  const isParallel = placed.state.kind === 'parallel'
  const name = path.join('.')
  const frame = isRegion ? [] : placed.state.kind === 'final' ? finalFrame(placed, theme, name) : plainFrame(placed, theme, name)
  const separators = isParallel ? separate(placed, theme) : []
  const inner = placed.children.flatMap(child => drawFrames(child, theme, isParallel, [...path, child.state.name]))
  return [...frame, ...separators, ...inner]
}

/** What is written in a state and in everything inside it. */
export function drawTexts(placed: PlacedState, theme: Theme): string[] {
  return [...heading(placed, theme), ...body(placed, theme), ...placed.children.flatMap(child => drawTexts(child, theme))]
}

function plainFrame(placed: PlacedState, theme: Theme, path: string): string[] {
  if (placed.depth === 0) return [drawBox(placed, 16, theme.canvas, theme.frame)]
  const surface = theme.surfaces[Math.min(placed.depth, theme.surfaces.length) - 1] ?? theme.canvas
  return [
    drawBox(placed, corner, surface, 'none'),
    nameBar(placed, placed.box.barHeight, corner, theme.bar),
    drawBorder(placed, corner, theme.border, 1.25, path),
  ]
}

function finalFrame(placed: PlacedState, theme: Theme, path: string): string[] {
  const gap = 3.5
  const inner = { x: placed.x + gap, y: placed.y + gap, width: placed.width - 2 * gap, height: placed.height - 2 * gap }
  return [
    drawBox(placed, corner, theme.canvas, theme.finalBorder),
    nameBar(inner, placed.box.barHeight - gap, corner - gap, theme.finalBar),
    drawBorder(inner, corner - gap, theme.finalBorder, 1, path),
  ]
}

/** Behind the name; a state that has nothing but its name is all bar. */
function nameBar(inner: Shape, height: number, radius: number, fill: string): string {
  return height < inner.height ? drawBar({ ...inner, height }, radius, fill) : drawBox(inner, radius, fill, 'none')
}

function heading({ state, box, depth, x, y, width }: PlacedState, theme: Theme): string[] {
  const font = depth === 0 ? fonts.heading : fonts.title
  const title = drawText({ x: x + inset, y: y + box.barHeight / 2 + font.size * 0.36 }, [{ text: state.name, fill: theme.text }], font)
  let right = x + width - inset + 4
  const tags = [...state.tags].reverse().flatMap(tag => {
    const shape = { x: right - tagWidth(tag), y: y + (box.barHeight - 18) / 2, width: tagWidth(tag), height: 18 }
    right = shape.x - tagGap
    return [
      drawBox(shape, 9, theme.canvas, theme.labelBorder, 1),
      drawText({ x: shape.x + tagPadding, y: shape.y + 12.7 }, [{ text: tag, fill: theme.muted }], fonts.tag),
    ]
  })
  return [title, ...tags]
}

function body({ box, x, y }: PlacedState, theme: Theme): string[] {
  let line = y + box.barHeight + box.bodyGap
  const texts = box.description.map(text =>
    drawText({ x: x + inset, y: (line += lineHeight.text) }, [{ text, fill: theme.muted }], fonts.text),
  )
  if (texts.length > 0) line += 5
  const notes = box.notes.map(text => drawText({ x: x + inset, y: (line += lineHeight.code) }, [{ text, fill: theme.accent }], fonts.code))
  return [...texts, ...notes]
}

/** Dashed lines between regions that stand beside each other, or on top of each other. */
function separate({ children, box, x, y, width, height }: PlacedState, theme: Theme): string[] {
  return children.slice(1).map((region, index) => {
    const before = children[index] ?? region
    const beside = before.x + before.width <= region.x
    const middle = beside ? (before.x + before.width + region.x) / 2 : (before.y + before.height + region.y) / 2
    const line = beside ? `M${at(middle)} ${at(y + box.height)}V${at(y + height - 1)}` : `M${at(x + 1)} ${at(middle)}H${at(x + width - 1)}`
    return `<path d="${line}" fill="none" stroke="${theme.border}" stroke-width="1.5" stroke-dasharray="6 6"/>`
  })
}
