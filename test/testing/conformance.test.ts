import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { memoryAdapter } from '../../src/adapters/memory.ts'
import { adapterConformance, type ConformanceSubject, randomOperations } from '../../src/testing/conformance/index.ts'
import { type Defect, defects } from './defects.ts'

describe('the conformance suite', () => {
  it.each(Object.entries(defects))('notices an adapter that %s', async (_, { notices, defect }) => {
    const rules = casesOf(flawed(defect)).filter(([sentence]) => notices.test(sentence))
    const outcomes = await Promise.allSettled(rules.map(([, body]) => body()))
    expect(outcomes.map(outcome => outcome.status)).toContain('rejected')
  })

  it('fails random operations on an adapter that writes the changes of a commit one by one, and prints the seed', async () => {
    const { defect } = defects['writes the changes of a commit one by one']!
    await expect(randomOperations(fc, flawed(defect), { runs: 500 })).rejects.toThrow(/seed: -?\d+/)
  })

  it('has one case less for each capability that an adapter does not have', () => {
    const sentences = (subject: Partial<ConformanceSubject>) => casesOf({ ...flawed(() => ({})), ...subject }).map(([sentence]) => sentence)
    const all = sentences({ shared: true, crashes: true, readOnly: true })
    expect(new Set(all).size).toBe(all.length)
    for (const capability of ['shared', 'crashes', 'readOnly'] as const) {
      expect(sentences({ shared: true, crashes: true, readOnly: true, [capability]: false }).length).toBeLessThan(all.length)
    }
  })
})

function flawed(defect: Defect): ConformanceSubject {
  return {
    name: 'flawed',
    shared: true,
    async create() {
      const { open, ...source } = memoryAdapter()
      let opened = 0
      const flawedOpen: typeof open = async environment => {
        const sound = await open(environment)
        return { ...sound, ...defect(sound, ++opened) }
      }
      return { source: () => ({ ...source, open: flawedOpen }), dispose: async () => undefined }
    },
  }
}

function casesOf(subject: ConformanceSubject): [string, () => Promise<void>][] {
  const cases: [string, () => Promise<void>][] = []
  adapterConformance({ describe: (_, body) => body(), it: (sentence, body) => cases.push([sentence, body]) }, subject)
  return cases
}
