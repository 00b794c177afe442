import path from 'node:path'
import type { Files, OpenFile } from '../../../src/adapters/lowdb/files.ts'
import type { Random } from './random.ts'

/** A write of at most one sector, or a new length: what a power cut keeps or loses as a whole. */
type Change = { position: number; bytes: Uint8Array } | { length: number }

interface Content {
  /** What a read shows. */
  now: Uint8Array
  /** What is on the platter for certain. */
  durable: Uint8Array
  /** What may or may not be on the platter, oldest first. */
  pending: Change[]
}

type Entries = Map<string, Content | 'directory'>

const sector = 512
const turn = () => new Promise<void>(resolve => setImmediate(resolve))

function applied(content: Uint8Array, change: Change): Uint8Array {
  const length = 'length' in change ? change.length : Math.max(content.length, change.position + change.bytes.length)
  const next = new Uint8Array(length)
  next.set(content.subarray(0, length))
  if ('bytes' in change) next.set(change.bytes, change.position)
  return next
}

function refusal(code: string, syscall: string, name: string): Error {
  return Object.assign(new Error(`${code}: ${syscall} '${name}'`), { code, syscall, path: name })
}

/** A file system in memory that knows what a power cut would leave. */
export interface Disk {
  files: Files
  /**
   * Lets one sync of a file fail after this many others; the answer tells whether it has. `lost` as on Linux: what it was to write
   * is shown to readers, taken for written by later syncs, and not on the platter.
   */
  failSync(after: number, way: 'lost' | 'done'): () => boolean
  /** Keeps what was synced, and of everything else a random part: whole sectors in any order, the last one torn; names likewise. */
  cutPower(random: Random): void
  /** The bytes of every file by path, as a read shows them. */
  snapshot(): Map<string, Uint8Array>
  /** Replaces a file's bytes, durably; undefined removes it. */
  plant(name: string, bytes: Uint8Array | undefined): void
}

/** A disk that holds these files. */
export function createDisk(initial: ReadonlyMap<string, Uint8Array> = new Map()): Disk {
  let names: Entries = new Map([['/', 'directory']])
  let durableNames: Entries = new Map(names)
  let pendingNames: { directory: string; apply(entries: Entries): void }[] = []
  let failing = { after: Number.POSITIVE_INFINITY, way: 'lost' as 'lost' | 'done' }

  const isDirectory = (name: string) => names.get(name) === 'directory'
  const fileAt = (name: string) => {
    const content = names.get(name)
    return content === 'directory' ? undefined : content
  }
  const rename = (directory: string, apply: (entries: Entries) => void) => {
    apply(names)
    pendingNames.push({ directory, apply })
  }
  const plant = (name: string, bytes: Uint8Array | undefined) => {
    const content: Content | undefined = bytes && { now: bytes, durable: bytes, pending: [] }
    for (const entries of [names, durableNames]) {
      for (let parent = path.dirname(name); !entries.has(parent); parent = path.dirname(parent)) entries.set(parent, 'directory')
      if (content === undefined) entries.delete(name)
      else entries.set(name, content)
    }
  }
  const change = (content: Content, next: Change) => {
    content.now = applied(content.now, next)
    content.pending.push(next)
  }

  const opened = (content: Content): OpenFile => ({
    async read(length, position) {
      await turn()
      return content.now.slice(position, position + length)
    },
    async write(bytes, position) {
      await turn()
      for (let at = 0; at < bytes.length; ) {
        const end = Math.min(bytes.length, (Math.floor((position + at) / sector) + 1) * sector - position)
        change(content, { position: position + at, bytes: bytes.slice(at, end) })
        at = end
      }
      return bytes.length
    },
    async sync() {
      await turn()
      const { pending } = content
      content.pending = []
      const fails = failing.after-- === 0
      if (!fails || failing.way === 'done') content.durable = pending.reduce(applied, content.durable)
      if (fails) throw refusal('EIO', 'fdatasync', 'a file')
    },
    async truncate(length) {
      await turn()
      change(content, { length })
    },
    async size() {
      await turn()
      return content.now.length
    },
    close: turn,
  })

  const files: Files = {
    async open(name, mode) {
      await turn()
      const existing = fileAt(name)
      if (mode !== 'create') {
        if (existing === undefined) throw refusal('ENOENT', 'open', name)
        return opened(existing)
      }
      if (existing !== undefined) throw refusal('EEXIST', 'open', name)
      if (!isDirectory(path.dirname(name))) throw refusal('ENOENT', 'open', name)
      const content: Content = { now: new Uint8Array(), durable: new Uint8Array(), pending: [] }
      rename(path.dirname(name), entries => entries.set(name, content))
      return opened(content)
    },
    async makeDirectory(name) {
      await turn()
      const missing: string[] = []
      for (let at = name; !isDirectory(at); at = path.dirname(at)) missing.unshift(at)
      for (const at of missing) rename(path.dirname(at), entries => entries.set(at, 'directory'))
    },
    async list(name) {
      await turn()
      if (!isDirectory(name)) throw refusal('ENOENT', 'scandir', name)
      return [...names.keys()].filter(entry => entry !== name && path.dirname(entry) === name).map(entry => path.basename(entry))
    },
    async rename(from, to) {
      await turn()
      const content = fileAt(from)
      if (content === undefined) throw refusal('ENOENT', 'rename', from)
      rename(path.dirname(to), entries => {
        entries.delete(from)
        entries.set(to, content)
      })
    },
    async remove(name) {
      await turn()
      if (fileAt(name) === undefined) throw refusal('ENOENT', 'unlink', name)
      rename(path.dirname(name), entries => entries.delete(name))
    },
    async syncDirectory(name) {
      await turn()
      for (const { directory, apply } of pendingNames) if (directory === name) apply(durableNames)
      pendingNames = pendingNames.filter(({ directory }) => directory !== name)
    },
  }

  function survivor(content: Content, random: Random): Content {
    // All of it, none of it, a prefix or any part: each of them finds other mistakes.
    const { pending } = content
    const kept = random.pick([pending, [], pending.slice(0, random.below(pending.length + 1)), pending.filter(() => random.chance(0.5))])
    let bytes = kept.slice(0, -1).reduce(applied, content.durable)
    const last = kept.at(-1)
    if (last !== undefined && 'bytes' in last && random.chance(0.5)) {
      bytes = applied(bytes, { position: last.position, bytes: last.bytes.subarray(0, random.below(last.bytes.length + 1)) })
    } else if (last !== undefined) bytes = applied(bytes, last)
    return { now: bytes, durable: bytes, pending: [] }
  }

  for (const [name, bytes] of initial) plant(name, bytes)
  return {
    files,
    failSync(after, way) {
      const failure = { after, way }
      failing = failure
      return () => failure.after < 0
    },
    cutPower(random) {
      const lazy = random.pick([0, 0.5, 1])
      for (const { apply } of pendingNames) if (random.chance(lazy)) apply(durableNames)
      pendingNames = []
      // Copies: a handle that was open before the cut can change nothing any more.
      names = new Map()
      // Parents first: what lies in a directory that is lost is lost.
      for (const name of [...durableNames.keys()].sort((a, b) => a.length - b.length)) {
        const content = durableNames.get(name)!
        if (name !== '/' && !isDirectory(path.dirname(name))) continue
        names.set(name, content === 'directory' ? content : survivor(content, random))
      }
      durableNames = new Map(names)
    },
    snapshot: () => new Map([...names].flatMap(([name, content]) => (content === 'directory' ? [] : [[name, content.now]]))),
    plant,
  }
}
