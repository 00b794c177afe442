import { describe, expect, it } from 'vitest'
import { lineLogger } from '../../src/kernel/logger.ts'

function logged(...[message, facts]: [string, Record<string, unknown>?]): string {
  const lines: string[] = []
  lineLogger(
    line => lines.push(line),
    () => 0,
  ).warn(message, facts)
  expect(lines).toHaveLength(1)
  return lines[0] as string
}

describe('the logger', () => {
  it('writes one JSON object a line, with time and level', () => {
    const lines: string[] = []
    const logger = lineLogger(
      line => lines.push(line),
      () => Date.UTC(2026, 0, 1),
    )
    logger.info('Hello.')
    logger.error('Bad.', { code: 'X' })
    expect(lines.map(line => JSON.parse(line))).toEqual([
      { time: '2026-01-01T00:00:00.000Z', level: 'info', message: 'Hello.' },
      { time: '2026-01-01T00:00:00.000Z', level: 'error', message: 'Bad.', code: 'X' },
    ])
  })

  it.each([
    ['a new line', 'a\nb'],
    ['an escape sequence', '\u001b[31mred'],
    ['a C1 control', '\u009b31m'],
    ['delete', '\u007f'],
    ['a line separator', '\u2028'],
    ['a turn of the writing direction', '\u202egnp.exe'],
    ['an isolate', '\u2066'],
  ])('keeps %s from reaching the terminal, and loses nothing of it', (_name, text) => {
    const line = logged(text, { fact: text })
    expect(line).toMatch(/^[\x20-\x7e]*$/)
    expect(JSON.parse(line)).toMatchObject({ message: text, fact: text })
  })

  it('keeps its own fields whatever the facts are called', () => {
    expect(JSON.parse(logged('Real.', { message: 'fake', level: 'info', time: 'never' }))).toMatchObject({
      message: 'Real.',
      level: 'warn',
      time: '1970-01-01T00:00:00.000Z',
    })
  })

  it('never throws: a fact that can not be written is replaced', () => {
    const cycle: Record<string, unknown> = {}
    cycle.self = cycle
    expect(JSON.parse(logged('Odd.', { cycle }))).toMatchObject({ message: 'Odd.' })
    expect(JSON.parse(logged('Odd.', { big: 1n }))).toMatchObject({ message: 'Odd.' })
  })

  it('shows an error as its text', () => {
    expect(logged('Failed.', { error: new TypeError('because') })).toContain('TypeError: because')
  })
})
