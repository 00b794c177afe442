import { LifechartError } from '../../errors.ts'
import type { AdapterSource, Environment, PersistenceAdapter } from '../../kernel/port.ts'
import { unavailable } from './failures.ts'
import { layoutOf } from './layout.ts'
import { nodeFiles } from './node-files.ts'
import { openReader } from './read-only.ts'
import type { LowdbOptions, Settings } from './settings.ts'
import { openWriter } from './writer.ts'

export type { Files, OpenFile } from './files.ts'
export type { LowdbOptions } from './settings.ts'

/**
 * Keeps everything in a directory of files: an append-only log, and lowdb documents beside it. One process writes; a second one is
 * refused with `STORE_LOCKED`. `open` fails with `STORE_CORRUPT`, `STORE_VERSION`, `STORE_FULL` or `STORE_UNAVAILABLE` as well.
 */
export function lowdbAdapter(options: LowdbOptions): AdapterSource {
  const settings: Settings = {
    dir: options.dir,
    readOnly: options.readOnly ?? false,
    files: options.files ?? nodeFiles,
    segmentBytes: options.segmentBytes ?? 64 * 1024 * 1024,
    pollInterval: options.pollInterval ?? 250,
    lockHeartbeat: options.lockHeartbeat ?? 5_000,
  }
  if (typeof settings.dir !== 'string' || settings.dir === '') throw invalidOption('`dir` names the directory of the store.')
  for (const name of ['segmentBytes', 'pollInterval', 'lockHeartbeat'] as const) {
    if (!(Number.isFinite(settings[name]) && settings[name] > 0)) throw invalidOption(`\`${name}\` is a positive number.`)
  }
  return { name: 'lowdb', durable: true, open: environment => open(settings, environment) }
}

async function open(settings: Settings, environment: Environment): Promise<PersistenceAdapter> {
  const layout = layoutOf(settings.dir)
  try {
    return await (settings.readOnly ? openReader : openWriter)(settings, layout, environment)
  } catch (error) {
    throw unavailable(error)
  }
}

const invalidOption = (message: string) => new LifechartError('INVALID_OPTION', message)
