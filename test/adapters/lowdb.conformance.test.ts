import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { lowdbAdapter } from '../../src/adapters/lowdb/index.ts'
import { nodeFiles } from '../../src/adapters/lowdb/node-files.ts'
import type { AdapterSource, PersistenceAdapter } from '../../src/kernel/port.ts'
import {
  adapterConformance,
  type ConformanceStore,
  type ConformanceSubject,
  randomOperations,
} from '../../src/testing/conformance/index.ts'
import { mortalFiles } from './mortal-files.ts'

/** Stores in temporary directories; `segmentBytes` is the size at which a log rolls. */
function lowdb({ segmentBytes }: { segmentBytes?: number } = {}): ConformanceSubject {
  return { name: 'lowdb', readOnly: true, crashes: true, create: () => createStore(segmentBytes) }
}

async function createStore(segmentBytes: number | undefined): Promise<ConformanceStore> {
  const dir = await mkdtemp(path.join(tmpdir(), 'lifechart-conformance-'))
  const deaths = new Map<PersistenceAdapter, () => Promise<void>>()
  return {
    source({ readOnly }): AdapterSource {
      const { files, die } = mortalFiles(nodeFiles)
      const source = lowdbAdapter({ dir, readOnly, files, segmentBytes })
      return {
        ...source,
        async open(environment) {
          const adapter = await source.open(environment)
          deaths.set(adapter, die)
          return adapter
        },
      }
    },
    // The next one to open finds the lock of a holder that it does not know, and gives no sign of life.
    crash: adapter => deaths.get(adapter)!(),
    dispose: () => rm(dir, { recursive: true }),
  }
}

adapterConformance({ describe, it }, lowdb())

describe('the lowdb adapter, beside a plain reference', () => {
  it('gives the same answers to random operations', () => randomOperations(fc, lowdb(), { runs: 40 }))

  it('gives the same answers to random operations when its log rolls every few commits', () =>
    randomOperations(fc, lowdb({ segmentBytes: 2000 }), { runs: 40 }))
})
