import type { Environment, Id, PersistenceAdapter } from '../../kernel/port.ts'
import { keepCommit } from '../catalogue/keep.ts'
import { createSessions } from '../catalogue/sessions.ts'
import { checkShape } from '../catalogue/shape.ts'
import { stageCommit, stageForget } from '../catalogue/stage.ts'
import { createWatchers } from '../catalogue/watchers.ts'
import { unavailable } from './failures.ts'
import type { Layout } from './layout.ts'
import { acquireLock, type Lock } from './lock.ts'
import { createLog, type Log } from './log.ts'
import { createMaintenance } from './maintenance.ts'
import { establish, identify, makeDirectories } from './open.ts'
import { createReader } from './reader.ts'
import { recover } from './recovery.ts'
import { createSegments } from './segments.ts'
import type { Settings } from './settings.ts'
import { createSurface } from './surface.ts'
import { countBytes } from './trail.ts'

/** Opens the store for the one process that writes. */
export async function openWriter(settings: Settings, layout: Layout, environment: Environment): Promise<PersistenceAdapter> {
  const { dir, files, lockHeartbeat: heartbeat } = settings
  const { clock, logger } = environment
  // A store that is too new is not even locked.
  await identify(files, layout)
  await makeDirectories(files, layout)
  const lock = await acquireLock({ files, dir, clock, logger, heartbeat })
  try {
    return await openLocked(settings, layout, environment, lock)
  } catch (error) {
    await lock.release()
    throw error
  }
}

async function openLocked(settings: Settings, layout: Layout, environment: Environment, lock: Lock): Promise<PersistenceAdapter> {
  const { files, segmentBytes } = settings
  const { clock, logger, ids } = environment
  const store = await establish(files, layout, ids)
  const { contents, nextSegment } = await recover({ files, layout, logger, store, readOnly: false })
  const { catalogue } = contents
  const segments = createSegments(files, layout)
  const watchers = createWatchers()
  const sessions = createSessions()
  // What a segment held was moved before it was deleted, so there is nothing to wait for.
  const reader = createReader(
    segments,
    () => contents,
    async () => {},
  )
  const log: Log = createLog({
    files,
    layout,
    contents,
    store,
    nextSegment,
    segmentBytes,
    assertHeld: lock.assertHeld,
    sealed: (segment, index) => maintenance.sealed(segment, index),
    changed: watchers.changed,
  })
  const maintenance = createMaintenance({
    files,
    layout,
    logger,
    contents,
    segments,
    reader,
    segmentBytes,
    log,
    assertHeld: lock.assertHeld,
  })
  const alive = (session: Id) => sessions.alive(session, clock.now())
  const surface = createSurface({ contents: () => contents, reader, watchers, logger, alive })
  const heldBytes = (stream: Id) => {
    const entry = catalogue.entry(stream)
    return entry === undefined ? 0 : countBytes(entry.body)
  }
  let closing: Promise<void> | undefined

  async function close(): Promise<void> {
    surface.end()
    try {
      await maintenance.close()
      await log.close()
      await maintenance.close()
      await segments.close()
    } finally {
      await lock.release()
    }
  }

  maintenance.opened()
  const { guard, load, read, query, watch } = surface
  return {
    load,
    read,
    query,
    watch,

    async commit(given) {
      guard()
      const commit = keepCommit(given)
      return log.write({
        weight: checkShape(commit, catalogue),
        stage(world) {
          const plan = stageCommit(world, commit, { now: clock.now(), alive })
          return { plan, commit: commit.id, texts: commit.changes }
        },
      })
    },

    async forget(stream, options) {
      guard()
      const before = heldBytes(stream)
      await log.write({
        weight: 0,
        stage(world) {
          const plan = stageForget(world, stream, options)
          return plan && { plan, texts: [] }
        },
      })
      maintenance.forgotten(before - heldBytes(stream))
    },

    async session(node, ttl) {
      guard()
      return sessions.open(node, ttl, environment, guard)
    },

    close() {
      closing ??= close().catch(error => {
        throw unavailable(error)
      })
      return closing
    },
  }
}
