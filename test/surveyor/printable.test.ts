import { describe, expect, it } from 'vitest'
import { printable } from '../../examples/surveyor/printable.ts'

describe('foreign text on a terminal', () => {
  it('commands nothing', () => {
    expect(printable('a\u001b[2J\u009b31m\u0007\r\n\u0000\u007f')).toBe('a\\u{1b}[2J\\u{9b}31m\\u{7}\\u{d}\\u{a}\\u{0}\\u{7f}')
    expect(printable('\u202egnp.exe\u2066\u200b\u2028\ufeff')).toBe('\\u{202e}gnp.exe\\u{2066}\\u{200b}\\u{2028}\\u{feff}')
    expect(printable('\ud800')).toBe('\\u{d800}')
  })

  it('stays as it is when it is text', () => {
    for (const text of ['src/a b.ts', 'grüße', '日本語', '🙂', 'a\\b']) expect(printable(text)).toBe(text)
  })
})
