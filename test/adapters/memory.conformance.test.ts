import fc from 'fast-check'
import { describe, it } from 'vitest'
import { memoryAdapter } from '../../src/adapters/memory.ts'
import { adapterConformance, type ConformanceSubject, randomOperations } from '../../src/testing/conformance/index.ts'

const memory: ConformanceSubject = {
  name: 'memory',
  shared: true,
  crashes: true,
  async create() {
    const source = memoryAdapter()
    return {
      source: () => source,
      // Whoever dies leaves memory as it is: it belongs to the source.
      crash: async () => undefined,
      dispose: async () => undefined,
    }
  },
}

adapterConformance({ describe, it }, memory)

describe('the memory adapter, beside a plain reference', () => {
  it('gives the same answers to random operations', () => randomOperations(fc, memory, { runs: 300 }))
})
