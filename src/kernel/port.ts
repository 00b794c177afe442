import type { Environment } from './environment.ts'

export type { ErrorCode } from '../errors.ts'
export { isLifechartError, LifechartError } from '../errors.ts'
export type { Clock, Environment, Ids, Logger } from './environment.ts'

/**
 * JSON text, encoded once by the stream. An adapter stores it and never parses it. Well-formed, else `INVALID_COMMIT`: a lone
 * surrogate is written as its escape, as `JSON.stringify` does.
 */
export type Json = string

/** 1 to 512 bytes of well-formed UTF-8 without NUL, else `INVALID_ID`. Compared by bytes: no normalisation, no case folding. */
export type Id = string

/** The bounds every adapter holds alike. */
export const portLimits = { idBytes: 512, changes: 64, commitBytes: 8 * 1024 * 1024, pageItems: 10_000 } as const

/** One atomic write: every change, or none. A stream occurs at most once in it. */
export interface Commit {
  /** Chosen by the caller, unique. Repeating it while it is still a stream's last commit answers again and applies nothing. */
  id: string
  /** The session that writes; needed to acquire, and for every change to a stream that it owns. */
  session?: Id
  /** 1 to 64 changes, at most 8 MiB of text in all, else `COMMIT_TOO_LARGE`. At most one of them touches an owned stream. */
  changes: readonly Change[]
}

export interface Change {
  stream: Id
  /** What the stream is (`run`, `task` ...); fixed by the change that creates it. */
  kind: string
  /** The version the stream must have: 0 when it must not exist, `any` to append at the end whatever it is. */
  expect: number | 'any'
  /** `acquire`: the stream is this session's from here on (carries at least one event). `release`: it is nobody's. */
  own?: 'acquire' | 'release'
  /** Appended in order; each takes the next number, and the last of them is the new version. */
  events?: readonly Json[]
  /** The small envelope as of this change; replaces the former one. */
  state?: Json
  /** The folded document as of the new version; replaces the former one. */
  view?: Json
  /** Merged into the stored index. */
  index?: Partial<Index>
  /**
   * Keys that name this stream from here on. Each must be free, ours already, held by `from`, or released by the same commit, and
   * claimed by one change alone; else `KEY_TAKEN` with the holder.
   */
  claim?: readonly KeyClaim[]
  /** Keys given back. One that this stream does not hold is left alone. */
  release?: readonly Id[]
  /** Keys that nobody may hold, else `KEY_PRESENT`. */
  absent?: readonly Id[]
}

export interface KeyClaim {
  key: Id
  /** The stream the key is taken over from; a key that is free meanwhile is claimed as well. */
  from?: Id
}

/** The fields a stream is found by. Unset: empty strings, `live: true`, `created` and `changed` = the time of the commit, `due: null`. */
export interface Index {
  scope: string
  owner: string
  context: string
  parent: string
  state: string
  live: boolean
  /** Milliseconds. */
  created: number
  /** Milliseconds; the time of the last commit unless the change gives it. */
  changed: number
  /** When the stream wants to be woken, in milliseconds; null for never. */
  due: number | null
}

/** What is known of a stream without its events and its view. */
export interface StreamHead {
  stream: Id
  kind: string
  /** The number of its last event. */
  version: number
  /** The highest number that is gone; 0 when the beginning is there. */
  floor: number
  /** The session that owns it, alive or dead. */
  session: Id | undefined
  index: Index
  state: Json | undefined
}

export interface Stored extends StreamHead {
  view: { through: number; data: Json } | undefined
}

export interface ReadPage {
  /** At least 1; at most `portLimits.pageItems`; else `INVALID_QUERY`, as for an `after` that is no number of an event. */
  limit: number
  /** Events numbered after + 1, after + 2 ... */
  after: number
  /** Ends the page early; one event is always returned if there is one. */
  maxBytes?: number
}

export interface Query {
  /** One of these kinds. */
  kinds?: readonly string[]
  /** Equal in each of these fields. */
  where?: Partial<Pick<Index, 'scope' | 'owner' | 'context' | 'parent' | 'state' | 'live'>>
  /** `due` is not null and not later than this (milliseconds). */
  dueUntil?: number
  /** True: owned by a session that is dead. */
  orphaned?: boolean
  /** True: owned by nobody, or by a session that is dead. */
  free?: boolean
  /** Ties are broken by the bytes of the stream id. Default `created`. With `due`, streams that have none are left out. */
  order?: 'created' | 'changed' | 'due'
  descending?: boolean
  /** `next` of the page before; `INVALID_QUERY` when it is not one of ours. */
  cursor?: string
  /** 1 to `portLimits.pageItems`. */
  limit: number
}

/** A stream that does not move while one pages is on exactly one page. */
export interface Page {
  items: readonly StreamHead[]
  next: string | undefined
}

/** The liveness record of one open runtime. */
export interface Session {
  readonly id: Id
  /** Lives for another ttl. `SESSION_LOST` when it had lapsed or ended: it is never revived. */
  renew(): Promise<void>
  /** Ends it now; what it owns is orphaned. Ending twice is harmless. */
  end(): Promise<void>
}

/** `all`: something changed, look at everything you care for. */
export type StreamChanged = { stream: Id; version: number } | 'all'

/** A persistence adapter, opened. Every meaning above these eight methods lives in the runtime. */
export interface PersistenceAdapter {
  /**
   * Durable and visible on this handle when it resolves, with the new version per change. The commit is read at once: what the
   * caller does with it afterwards, or with the answer, changes nothing.
   */
  commit(commit: Commit): Promise<readonly number[]>
  /** By id, or by the key that names it; undefined when there is none. */
  load(at: Id | { key: Id }): Promise<Stored | undefined>
  /**
   * Contiguous from `after + 1`, or nothing when `after` is the head. `GAP` with `details.floor` when `after` is below the
   * floor, `CURSOR_AHEAD` with `details.head` beyond the head, `STREAM_NOT_FOUND` for an unknown stream.
   */
  read(stream: Id, page: ReadPage): Promise<{ events: readonly Json[]; head: number }>
  query(query: Query): Promise<Page>
  /** Opens a liveness record that lapses `ttl` milliseconds after its last renewal. */
  session(node: string, ttl: number): Promise<Session>
  /** Called within the poll interval of any process's commit, never within a call of ours. Returns how to end it. */
  watch(listener: (changed: StreamChanged) => void): () => void
  /**
   * Drops the events up to `through`, or the whole stream with its keys. Unknown: nothing happens. `VERSION_CONFLICT` by `expect`,
   * `INVALID_COMMIT` for what is no number of an event.
   */
  forget(stream: Id, options: { through?: number; expect?: number }): Promise<void>
  /** After it every call is refused with `STORE_CLOSED`. Closing twice is harmless. */
  close(): Promise<void>
}

/** What an adapter's factory returns. The first runtime that uses it opens it; the last to close closes it. */
export interface AdapterSource {
  /** For logs and errors: `memory`, `lowdb` ... */
  readonly name: string
  /** False when everything is gone with the process. */
  readonly durable: boolean
  open(environment: Environment): Promise<PersistenceAdapter>
}
