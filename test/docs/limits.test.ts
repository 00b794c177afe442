import { defaultLimits } from 'lifechart'
import { defaultHttpLimits } from 'lifechart/http'
import { portLimits } from 'lifechart/port'
import { describe, expect, it } from 'vitest'
import { page, source, tableBelow } from './pages.ts'

const limits = page('docs/limits.md')

describe('docs/limits.md', () => {
  it('has every limit of a runtime with its default, and no other', () => {
    expect(defaultsIn('## Of a runtime')).toEqual(defaultLimits)
  })

  it('has every limit of a handler with its default, and no other', () => {
    expect(defaultsIn('## Of a handler')).toEqual(defaultHttpLimits)
  })

  it('has every limit of the port, and no other', () => {
    expect(defaultsIn('## Of every store')).toEqual(portLimits)
  })

  it('says for each what happens at the bound, and names no code that there is not', async () => {
    const codes = await source('src/errors.ts')
    for (const [name, , unit, effect = '', code = ''] of [
      ...tableBelow(limits, '## Of a runtime'),
      ...tableBelow(limits, '## Of a handler'),
      ...tableBelow(limits, '## Of every store'),
    ]) {
      expect(unit, name).toMatch(/\w/)
      expect(effect.length, name).toBeGreaterThan(20)
      if (code !== '–') expect(codes, name).toContain(`'${code}'`)
    }
  })
})

function defaultsIn(heading: string): Record<string, number> {
  return Object.fromEntries(tableBelow(limits, heading).map(([name = '', value = '']) => [name, Number(value.replaceAll(',', ''))]))
}
