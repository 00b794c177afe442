/** Escapes for element content and attribute values, and drops what XML 1.0 can not hold at all. */
export function escapeXml(text: string): string {
  return text
    .replace(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, '\uFFFD')
    .replace(/[&<>"']/g, character => `&#${character.charCodeAt(0)};`)
}

export interface Font {
  family: string
  size: number
  weight: number
}

const sans = "ui-sans-serif, system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
const mono = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'Liberation Mono', monospace"

export const fonts = {
  heading: { family: sans, size: 19, weight: 650 },
  title: { family: sans, size: 14, weight: 650 },
  text: { family: sans, size: 12.5, weight: 400 },
  tag: { family: sans, size: 10.5, weight: 600 },
  code: { family: mono, size: 11.5, weight: 500 },
} satisfies Record<string, Font>

/**
 * An estimate that errs on the wide side: the reader's system chooses the font, so the picture must not depend on
 * the metrics of one, and must come out the same on every machine that generates it.
 */
export function widthOf(text: string, font: Font): number {
  let ems = 0
  for (const character of text) ems += font.family === mono ? (character > '\u2fff' ? 1.2 : 0.61) : sansWidth(character)
  return Math.ceil(ems * font.size * (font.weight > 500 && font.family === sans ? 1.08 : 1))
}

function sansWidth(character: string): number {
  if (character > '\u2fff') return 1.05
  if (/[iIjl.,:;'|! ft()[\]r/]/.test(character)) return 0.37
  if (/[mwMW@%…—]/.test(character)) return 0.97
  if (/[A-Z&]/.test(character)) return 0.74
  return 0.62
}

/** Breaks at spaces; a word that is wider than the line is broken where it must be. */
export function wrap(text: string, width: number, font: Font): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(/\s+/).filter(Boolean)) {
    const longer = line ? `${line} ${word}` : word
    if (widthOf(longer, font) <= width) {
      line = longer
      continue
    }
    if (line) lines.push(line)
    line = ''
    for (const character of word) {
      if (line && widthOf(line + character, font) > width) {
        lines.push(line)
        line = ''
      }
      line += character
    }
  }
  return line ? [...lines, line] : lines
}
