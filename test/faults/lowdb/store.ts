import assert from 'node:assert/strict'
import type { Files } from '../../../src/adapters/lowdb/files.ts'
import { lowdbAdapter } from '../../../src/adapters/lowdb/index.ts'
import { isLifechartError } from '../../../src/errors.ts'
import type { PersistenceAdapter } from '../../../src/kernel/port.ts'
import { type TestEnvironment, testEnvironment } from '../../../src/testing/environment.ts'
import { simulatedClock } from '../../../src/testing/simulated-clock.ts'
import type { Disk } from './disk.ts'
import type { Ledger } from './ledger.ts'
import { writeOn } from './script.ts'
import { turn } from './time.ts'

/** Where stores lie on disks in memory. */
export const directory = '/store'

/** Small enough that a few commits fill a segment. */
export const segmentBytes = 1_500

export interface OpenStore extends TestEnvironment {
  adapter: PersistenceAdapter
}

let lives = 0

/** Opens it ten minutes after whatever was opened before, so that nothing of a former life is still alive. */
export async function openStore(files: Files, { readOnly = false, bytes = segmentBytes } = {}): Promise<OpenStore> {
  const environment = testEnvironment({ seed: ++lives, clock: simulatedClock({ start: Date.UTC(2026, 0, 1) + lives * 600_000 }) })
  // Files of its own: as far as the lock can tell, another process.
  const source = lowdbAdapter({ dir: directory, files: { ...files }, segmentBytes: bytes, readOnly })
  return { ...environment, adapter: await source.open(environment) }
}

/** Closes it and reports the error of ours it may have failed with. */
export async function closeStore({ adapter }: OpenStore): Promise<void> {
  await adapter.close().catch((error: unknown) => assert.ok(isLifechartError(error), `${error} is one of ours`))
}

/** What must hold after anything that can happen: all that is owed is there, can be written on, and is there again after a reopen. */
export async function expectSound(disk: Disk, ledger: Ledger, name = 'on'): Promise<void> {
  // What the former life had under way comes to rest.
  for (let i = 0; i < 5; i++) await turn()
  const store = await openStore(disk.files)
  await ledger.settle(store.adapter)
  await writeOn(store.adapter, ledger, name, store.clock.now())
  await ledger.settle(store.adapter)
  await store.adapter.close()
  const again = await openStore(disk.files)
  await ledger.settle(again.adapter)
  await again.adapter.close()
}
