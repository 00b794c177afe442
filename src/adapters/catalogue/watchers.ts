import type { Id, Logger, StreamChanged } from '../../kernel/port.ts'

type Listener = (changed: StreamChanged) => void

/** Tells listeners of changes in a later microtask, the newest version of each stream once. */
export interface Watchers {
  watch(listener: Listener, logger: Logger): () => void
  changed(stream: Id, version: number): void
  /** Instead of single streams: look at everything. */
  changedAll(): void
}

export function createWatchers(): Watchers {
  const registrations = new Set<{ listener: Listener; logger: Logger }>()
  let pending = new Map<Id, number>()
  let all = false
  let scheduled = false

  const schedule = () => {
    if (scheduled) return
    scheduled = true
    queueMicrotask(flush)
  }
  const flush = () => {
    const changes: StreamChanged[] = all ? ['all'] : Array.from(pending, ([stream, version]) => ({ stream, version }))
    scheduled = false
    all = false
    pending = new Map()
    for (const registration of [...registrations]) {
      for (const changed of changes) if (registrations.has(registration)) tell(registration, changed)
    }
  }
  const tell = ({ listener, logger }: { listener: Listener; logger: Logger }, changed: StreamChanged) => {
    try {
      listener(changed)
    } catch (error) {
      logger.error('A watch listener failed', { error })
    }
  }

  return {
    watch(listener, logger) {
      const registration = { listener, logger }
      registrations.add(registration)
      return () => {
        registrations.delete(registration)
      }
    },
    changed(stream, version) {
      if (registrations.size === 0) return
      pending.set(stream, version)
      schedule()
    },
    changedAll() {
      if (registrations.size === 0) return
      all = true
      schedule()
    },
  }
}
