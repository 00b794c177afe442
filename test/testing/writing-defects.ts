import { LifechartError } from '../../src/errors.ts'
import type { Change, PersistenceAdapter } from '../../src/kernel/port.ts'
import type { Defects } from './defects.ts'

/** Commits every change as `edit` makes it. */
const editing = (sound: PersistenceAdapter, edit: (change: Change) => Partial<Change>): Partial<PersistenceAdapter> => ({
  commit: commit => sound.commit({ ...commit, changes: commit.changes.map(change => ({ ...change, ...edit(change) })) }),
})

/** Commits what `edit`, which may ask the store, makes of the commit as it was when it was called. */
const editingLater = (sound: PersistenceAdapter, edit: (change: Change) => Promise<Partial<Change>>): Partial<PersistenceAdapter> => ({
  async commit(commit) {
    const { changes, ...rest } = structuredClone(commit)
    return sound.commit({ ...rest, changes: await Promise.all(changes.map(async change => ({ ...change, ...(await edit(change)) }))) })
  },
})

export const writingDefects: Defects = {
  'takes any version': {
    notices: /version is not the stored one/,
    defect: sound => editing(sound, () => ({ expect: 'any' })),
  },
  'applies a repeated commit twice': {
    notices: /repetition/,
    defect: sound => {
      let count = 0
      return { commit: commit => sound.commit({ ...commit, id: `${commit.id}/${count++}` }) }
    },
  },
  'writes the changes of a commit one by one': {
    notices: /every stream of a commit, or none/,
    defect: sound => ({
      async commit(commit) {
        const versions: number[] = []
        for (const change of commit.changes) versions.push(...(await sound.commit({ ...commit, changes: [change] })))
        return versions
      },
    }),
  },
  'does not look who holds a key': {
    notices: /refuses a key that another stream holds/,
    defect: sound =>
      editingLater(sound, async ({ claim }) => ({
        claim: claim && (await Promise.all(claim.map(async ({ key }) => ({ key, from: (await sound.load({ key }))?.stream })))),
      })),
  },
  'ignores keys that must be absent': {
    notices: /key is held that must be absent/,
    defect: sound => editing(sound, () => ({ absent: undefined })),
  },
  'revives sessions': {
    notices: /does not revive/,
    defect: sound => ({
      async session(node, ttl) {
        const session = await sound.session(node, ttl)
        return { ...session, renew: () => session.renew().catch(() => undefined) }
      },
    }),
  },
  'normalises ids': {
    notices: /only look alike/,
    defect: sound => ({
      ...editing(sound, ({ stream }) => ({ stream: stream.normalize() })),
      load: at => sound.load(typeof at === 'string' ? at.normalize() : at),
    }),
  },
  'keeps the keys of a stream that it forgets': {
    notices: /leaves nothing of a stream/,
    defect: sound => {
      const holders = new Map<string, string>()
      return {
        async commit(commit) {
          for (const { stream, claim = [] } of commit.changes) for (const { key } of claim) holders.set(key, stream)
          return sound.commit(commit)
        },
        async load(at) {
          const stored = await sound.load(at)
          if (typeof at === 'string' || stored || !holders.has(at.key)) return stored
          await sound.commit({ id: at.key, changes: [{ stream: holders.get(at.key)!, kind: 'ghost', expect: 0, claim: [at] }] })
          return sound.load(at)
        },
      }
    },
  },
  'answers after it was closed': {
    notices: /after close/,
    defect: sound => ({ load: async at => sound.load(at).catch(() => undefined) }),
  },
  'reads the keys of a commit later': {
    notices: /reads the whole of a commit when it is called/,
    defect: sound => ({
      async commit(commit) {
        const now = { ...commit, changes: commit.changes.map(change => ({ ...change })) }
        await undefined
        return sound.commit(now)
      },
    }),
  },
  'takes a stream without events for none': {
    notices: /for one that exists/,
    defect: sound =>
      editingLater(sound, async ({ stream, expect }) => {
        const exists = expect === 0 && (await sound.load(stream).catch(() => undefined))?.version === 0
        return exists ? { expect: 'any' } : {}
      }),
  },
  'loses a stream without events when it is opened again': {
    notices: /stream without events again/,
    defect: (sound, opened) => ({
      async load(at) {
        const stored = await sound.load(at)
        return opened > 1 && stored?.version === 0 ? undefined : stored
      },
    }),
  },
  'loses the version of a stream whose events are all forgotten': {
    notices: /goes on counting/,
    defect: (sound, opened) => ({
      async load(at) {
        const stored = await sound.load(at)
        return opened > 1 && stored?.floor === stored?.version ? stored && { ...stored, version: 0, floor: 0 } : stored
      },
    }),
  },
  'judges claims before releases': {
    notices: /one change of a commit releases/,
    defect: sound => ({
      async commit(commit) {
        const copy = structuredClone(commit)
        const released = copy.changes.flatMap(({ release = [] }) => release)
        for (const { stream, claim = [] } of copy.changes) {
          for (const { key } of claim) {
            const holder = (await sound.load({ key }))?.stream ?? stream
            if (holder !== stream && released.includes(key)) throw new LifechartError('KEY_TAKEN', 'Held.', { details: { key, holder } })
          }
        }
        return sound.commit(copy)
      },
    }),
  },
  'lets two changes of a commit claim one key': {
    notices: /two changes claim one key/,
    defect: sound => ({
      commit(commit) {
        const claimed = new Set<string>()
        const first = (key: string) => !claimed.has(key) && claimed.add(key) !== undefined
        return editing(sound, ({ claim }) => ({ claim: claim?.filter(({ key }) => first(key)) })).commit!(commit)
      },
    }),
  },
  'leaves out what it does not like in an index': {
    notices: /not what they should be/,
    defect: sound =>
      editing(sound, ({ index }) => ({
        index:
          index && Object.fromEntries(Object.entries(index).filter(([, value]) => typeof value !== 'number' || Number.isFinite(value))),
      })),
  },
  'forgets up to any number': {
    notices: /no number of an event/,
    defect: sound => ({
      forget: (stream, options) => sound.forget(stream, { ...options, through: options.through && Math.max(0, options.through | 0) }),
    }),
  },
  'ignores what a partial forgetting expects': {
    notices: /refuses to forget when the version/,
    defect: sound => ({ forget: (stream, { through, expect }) => sound.forget(stream, through === undefined ? { expect } : { through }) }),
  },
  'opens sessions for no time': {
    notices: /opened for no time/,
    defect: sound => ({ session: (node, ttl) => sound.session(node, ttl > 0 ? ttl : 1) }),
  },
  'lets a renewal outrun the end of its session': {
    notices: /meets the end of its session/,
    defect: sound => ({
      async session(node, ttl) {
        const session = await sound.session(node, ttl)
        let renewing = 0
        const renew = async () => {
          renewing++
          await session.renew().finally(() => renewing--)
        }
        return { ...session, renew, end: async () => (renewing > 0 ? undefined : session.end()) }
      },
    }),
  },
}
