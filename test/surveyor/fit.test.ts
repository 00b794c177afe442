import { describe, expect, it } from 'vitest'
import { cutLeft, cutRight, folded, type Page, row } from '../../examples/surveyor/fit.ts'

const page = (width: number): Page => ({ width, paint: (color, text) => `<${color}>${text}</>` })

describe('a text', () => {
  it('is cut where it says least', () => {
    expect(cutLeft('src/kernel/host.ts', 18)).toBe('src/kernel/host.ts')
    expect(cutLeft('src/kernel/host.ts', 8)).toBe('…host.ts')
    expect(cutLeft('🙂🙂🙂', 2)).toBe('…🙂')
    expect(cutRight('one after the other', 19)).toBe('one after the other')
    expect(cutRight('one after the other', 10)).toBe('one after…')
    expect(cutRight('🙂🙂🙂', 2)).toBe('🙂…')
  })

  it('that has no room is not there', () => {
    for (const width of [0, -20]) expect([cutLeft('text', width), cutRight('text', width)]).toEqual(['', ''])
  })

  it('is folded between its words, and in a word that is too long', () => {
    expect(folded('nothing was lost', 16)).toEqual(['nothing was lost'])
    expect(folded('nothing was lost', 15)).toEqual(['nothing was', 'lost'])
    expect(folded('it is {"a":[1,2]} now', 5)).toEqual(['it is', '{"a":', '[1,2]', '}', 'now'])
    expect(folded('', 5)).toEqual([''])
  })
})

describe('a row', () => {
  const cells = ['first', 'second', { text: 'path/of/a/file', least: 6 }, { text: 'last', color: 'red' as const }]

  it('shows everything where there is room', () => {
    expect(row(cells, page(40))).toBe('first  second  path/of/a/file  <red>last</>')
  })

  it('cuts the cell that may be cut, as far as it may, and leaves it out then', () => {
    expect(row(cells, page(29))).toBe('first  second  …/a/file  <red>last</>')
    expect(row(cells, page(27))).toBe('first  second  …/file  <red>last</>')
    expect(row(cells, page(26))).toBe('first  second  <red>last</>')
  })

  it('leaves out what finds no room, the first cell last, which is cut', () => {
    expect(row(cells, page(18))).toBe('first  second')
    expect(row(cells, page(12))).toBe('first  <red>last</>')
    expect(row(cells, page(5))).toBe('first')
    expect(row(cells, page(3))).toBe('…st')
  })
})
