import type { Id, Logger, StreamChanged } from '../../kernel/port.ts'

type Listener = (changed: StreamChanged) => void

/** Tells listeners of changes in a later microtask, the newest version of each stream once. */
export interface Watchers {
  watch(listener: Listener, logger: Logger): () => void
  changed(stream: Id, version: number): void
  /** Instead of single streams: look at everything. */
  changedAll(): void
}

const resolved = Promise.resolve()

interface Registration {
  listener: Listener
  logger: Logger
  gone: boolean
}

export function createWatchers(): Watchers {
  // Replaced, never changed: who is being told may come and go meanwhile.
  let registrations: readonly Registration[] = []
  /** Most flushes are about one stream. */
  let first: { stream: Id; version: number } | undefined
  let others: Map<Id, number> | undefined
  let all = false
  let scheduled = false

  const schedule = () => {
    if (scheduled) return
    scheduled = true
    // Not queueMicrotask, which makes an async resource each time.
    void resolved.then(flush)
  }
  const flush = () => {
    const listeners = registrations
    const [one, more, everything] = [first, others, all]
    scheduled = false
    all = false
    first = undefined
    others = undefined
    for (const registration of listeners) {
      if (everything) tell(registration, 'all')
      else if (one) tell(registration, one)
      if (everything || !more) continue
      for (const [stream, version] of more) tell(registration, { stream, version })
    }
  }
  const tell = ({ listener, logger, gone }: Registration, changed: StreamChanged) => {
    if (gone) return
    try {
      listener(changed)
    } catch (error) {
      logger.error('A watch listener failed', { error })
    }
  }

  return {
    watch(listener, logger) {
      const registration = { listener, logger, gone: false }
      registrations = [...registrations, registration]
      return () => {
        registration.gone = true
        registrations = registrations.filter(other => other !== registration)
      }
    },
    changed(stream, version) {
      if (registrations.length === 0) return
      if (first === undefined || first.stream === stream) first = { stream, version }
      else {
        others ??= new Map()
        others.set(stream, version)
      }
      schedule()
    },
    changedAll() {
      if (registrations.length === 0) return
      all = true
      schedule()
    },
  }
}
