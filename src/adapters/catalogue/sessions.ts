import { LifechartError } from '../../errors.ts'
import type { Clock, Id, Ids, Session } from '../../kernel/port.ts'
import { checkId } from './ids.ts'

/** Who is alive. A session that is not in here is dead: lapsed, ended, or of a process that is gone. */
export interface Sessions {
  /** `guard` runs before every call of the session, and throws when its handle is closed. */
  open(node: string, ttl: number, environment: { clock: Clock; ids: Ids }, guard: () => void): Session
  alive(session: Id, now: number): boolean
}

export function createSessions(): Sessions {
  const leases = new Map<Id, { ttl: number; until: number }>()
  const alive = (session: Id, now: number) => {
    const lease = leases.get(session)
    if (lease === undefined) return false
    if (now < lease.until) {
      // A clock that was set back lengthens no lease beyond its ttl from here on.
      lease.until = Math.min(lease.until, now + lease.ttl)
      return true
    }
    // Forgotten for good: a clock that is set back revives nobody.
    leases.delete(session)
    return false
  }
  return {
    alive,
    open(node, ttl, { clock, ids }, guard) {
      if (!(Number.isFinite(ttl) && ttl > 0)) throw new LifechartError('INVALID_OPTION', '`ttl` is a positive number of milliseconds.')
      const id = `${node}/${ids()}`
      checkId(id, 'session')
      leases.set(id, { ttl, until: clock.now() + ttl })
      return {
        id,
        async renew() {
          guard()
          const now = clock.now()
          if (!alive(id, now)) {
            throw new LifechartError('SESSION_LOST', 'The session has lapsed; open a new one and acquire again.', {
              details: { session: id },
            })
          }
          leases.set(id, { ttl, until: now + ttl })
        },
        async end() {
          leases.delete(id)
        },
      }
    },
  }
}
