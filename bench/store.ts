import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Clock } from 'lifechart'
import { quiet } from './quiet.ts'

const clock: Clock = {
  now: () => Date.now(),
  setTimeout: (callback, delay) => setTimeout(callback, delay),
  clearTimeout: timer => clearTimeout(timer as NodeJS.Timeout),
}
let ids = 0

/** What a store is opened with. */
export const environment = { clock, logger: quiet, ids: () => `id${++ids}` }

/** Of 60 characters. */
export const event = `"${'x'.repeat(60)}"`

export async function inDirectory<T>(work: (dir: string) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), 'lifechart-bench-'))
  try {
    return await work(dir)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}
