import type { ErrorCode } from '../../errors.ts'
import type { Change, Commit, Index, Query, Stored, StreamHead } from '../../kernel/port.ts'

/** Why a call is refused. An adapter refuses with one of the reasons that apply. */
export interface Reason {
  code: ErrorCode
  details: Readonly<Record<string, unknown>>
}

export class Refusal extends Error {
  readonly reasons: readonly Reason[]

  constructor(reasons: readonly Reason[]) {
    super(reasons.map(reason => `${reason.code} ${JSON.stringify(reason.details)}`).join(' or '))
    this.reasons = reasons
  }
}

interface Row extends Stored {
  events: string[]
  last: { id: string; versions: readonly number[] }
}

export type ReferenceStore = ReturnType<typeof referenceStore>

/** The port, said in the plainest code there is: arrays, linear scans, nothing durable. It judges adapters; it is none. */
export function referenceStore({ now, sessionsOutliveOpen }: { now: () => number; sessionsOutliveOpen: boolean }) {
  let streams: Row[] = []
  let keys: { key: string; holder: string }[] = []
  let sessions: { id: string; ttl: number; until: number }[] = []

  const find = (stream: string) => streams.find(row => row.stream === stream)
  const holderOf = (key: string) => keys.find(entry => entry.key === key)?.holder
  const alive = (session: string | undefined) => sessions.some(({ id, until }) => id === session && now() < until)

  function misshapen({ session, changes }: Commit): Reason[] {
    const twice = changes.some((change, index) => changes.some((other, at) => at < index && other.stream === change.stream))
    const acquiresNothing = changes.some(({ own, events = [] }) => own === 'acquire' && (session === undefined || events.length === 0))
    return changes.length === 0 || twice || acquiresNothing ? [{ code: 'INVALID_COMMIT', details: {} }] : []
  }

  function impossible({ changes }: Commit): Reason[] {
    const owned = changes.filter(({ stream, own }) => own === 'acquire' || find(stream)?.session !== undefined)
    const otherKind = changes.some(({ stream, kind }) => find(stream) && find(stream)?.kind !== kind)
    return owned.length > 1 || otherKind ? [{ code: 'INVALID_COMMIT', details: {} }] : []
  }

  function versionConflicts({ changes }: Commit): Reason[] {
    return changes.flatMap(({ stream, expect }) => {
      const row = find(stream)
      const version = row?.version ?? 0
      const met = expect === 'any' || (expect === 0 ? !row : expect === version)
      return met ? [] : [{ code: 'VERSION_CONFLICT' as const, details: { stream, version } }]
    })
  }

  function ownershipConflicts({ session, changes }: Commit): Reason[] {
    return changes.flatMap(({ stream, own }) => {
      const reasons: Reason[] = []
      const owner = find(stream)?.session
      const takesOver = own === 'acquire' && !alive(owner)
      if (owner !== undefined && owner !== session && !takesOver) reasons.push({ code: 'OWNED', details: { stream, session: owner } })
      if (own === 'acquire' && !alive(session)) reasons.push({ code: 'SESSION_LOST', details: {} })
      return reasons
    })
  }

  function keyConflicts({ changes }: Commit): Reason[] {
    const released = (key: string, holder: string) => changes.some(change => change.stream === holder && change.release?.includes(key))
    return changes.flatMap(({ stream, claim = [], absent = [] }) => {
      const reasons: Reason[] = []
      for (const { key, from } of claim) {
        const holder = holderOf(key)
        const free = holder === undefined || holder === stream || holder === from || released(key, holder)
        if (!free) reasons.push({ code: 'KEY_TAKEN', details: { key, holder } })
      }
      for (const key of absent) {
        const holder = holderOf(key)
        if (holder !== undefined && !released(key, holder)) reasons.push({ code: 'KEY_PRESENT', details: { key, holder } })
      }
      return reasons
    })
  }

  function apply(change: Change, session: string | undefined): Row {
    const { stream, kind, events = [], state, view, index, own } = change
    let row = find(stream)
    if (!row) {
      const fields = { scope: '', owner: '', context: '', parent: '', state: '', live: true, created: now(), changed: now(), due: null }
      const last = { id: '', versions: [] }
      row = { stream, kind, version: 0, floor: 0, session: undefined, index: fields, state: undefined, view: undefined, events: [], last }
      streams.push(row)
    }
    row.events.push(...events)
    row.version += events.length
    row.index = { ...row.index, changed: now(), ...index }
    if (state !== undefined) row.state = state
    if (view !== undefined) row.view = { through: row.version, data: view }
    if (own === 'acquire') row.session = session
    if (own === 'release') row.session = undefined
    return row
  }

  return {
    commit(commit: Commit): readonly number[] {
      refuseWith(misshapen(commit))
      const repeated = commit.changes.map(({ stream }) => find(stream)).find(row => row?.last.id === commit.id)
      if (repeated) return repeated.last.versions
      const conflicts = [versionConflicts(commit), ownershipConflicts(commit), keyConflicts(commit)]
      refuseWith([...impossible(commit), ...(conflicts.find(reasons => reasons.length > 0) ?? [])])
      const rows = commit.changes.map(change => apply(change, commit.session))
      const versions = rows.map(row => row.version)
      for (const row of rows) row.last = { id: commit.id, versions }
      for (const { stream, release = [] } of commit.changes) {
        keys = keys.filter(({ key, holder }) => !(holder === stream && release.includes(key)))
      }
      for (const { stream, claim = [] } of commit.changes) {
        keys = keys.filter(({ key }) => !claim.some(claimed => claimed.key === key))
        keys.push(...claim.map(({ key }) => ({ key, holder: stream })))
      }
      return versions
    },

    load(at: string | { key: string }): Stored | undefined {
      const row = find(typeof at === 'string' ? at : (holderOf(at.key) ?? ''))
      return row && { ...headOf(row), view: row.view }
    },

    read(stream: string, after: number): { events: readonly string[]; head: number } {
      const row = find(stream)
      if (!row) throw new Refusal([{ code: 'STREAM_NOT_FOUND', details: {} }])
      if (after < row.floor) throw new Refusal([{ code: 'GAP', details: { floor: row.floor } }])
      if (after > row.version) throw new Refusal([{ code: 'CURSOR_AHEAD', details: { head: row.version } }])
      return { events: row.events.slice(after), head: row.version }
    },

    query({ kinds, where = {}, dueUntil, orphaned, free, order = 'created', descending }: Omit<Query, 'limit' | 'cursor'>): StreamHead[] {
      const wanted = Object.entries(where) as [keyof Index, unknown][]
      const found = streams.filter(({ kind, index, session }) => {
        if (kinds && !kinds.includes(kind)) return false
        if (wanted.some(([field, value]) => index[field] !== value)) return false
        if (dueUntil !== undefined && (index.due === null || index.due > dueUntil)) return false
        if (order === 'due' && index.due === null) return false
        if (orphaned && (session === undefined || alive(session))) return false
        return !free || session === undefined || !alive(session)
      })
      const ordered = found.sort(
        (a, b) => a.index[order]! - b.index[order]! || Buffer.compare(Buffer.from(a.stream), Buffer.from(b.stream)),
      )
      return (descending ? ordered.reverse() : ordered).map(headOf)
    },

    forget(stream: string, { through, expect }: { through?: number; expect?: number }): void {
      const row = find(stream)
      if (!row) return
      const { version } = row
      if (expect !== undefined && expect !== version) throw new Refusal([{ code: 'VERSION_CONFLICT', details: { stream, version } }])
      if (through === undefined) {
        streams = streams.filter(other => other !== row)
        keys = keys.filter(({ holder }) => holder !== stream)
      } else {
        row.floor = Math.max(row.floor, Math.min(through, version))
      }
    },

    /** The adapter chooses the id. */
    session(id: string, ttl: number): void {
      sessions.push({ id, ttl, until: now() + ttl })
    },

    renew(id: string): void {
      const session = sessions.find(other => other.id === id)
      if (!session || !alive(id)) throw new Refusal([{ code: 'SESSION_LOST', details: {} }])
      session.until = now() + session.ttl
    },

    end(id: string): void {
      sessions = sessions.filter(session => session.id !== id)
    },

    /** What a store looks like that was closed, or crashed, and opened again. */
    reopen(): void {
      if (!sessionsOutliveOpen) sessions = []
    },
  }
}

function headOf({ stream, kind, version, floor, session, index, state }: Row): StreamHead {
  return { stream, kind, version, floor, session, index, state }
}

function refuseWith(reasons: readonly Reason[]): void {
  if (reasons.length > 0) throw new Refusal(reasons)
}
