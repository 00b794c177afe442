import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { memoryAdapter } from '../../src/adapters/memory.ts'
import { isLifechartError } from '../../src/errors.ts'
import type { PersistenceAdapter } from '../../src/kernel/port.ts'
import { adapterConformance, type ConformanceSubject, randomOperations } from '../../src/testing/conformance/index.ts'

type Defect = (sound: PersistenceAdapter) => Partial<PersistenceAdapter>

/** Adapters that each break one rule, and a word of the sentence that must notice. */
const defects: Record<string, { notices: RegExp; defect: Defect }> = {
  'takes any version': {
    notices: /version is not the stored one/,
    defect: sound => ({
      commit: commit => sound.commit({ ...commit, changes: commit.changes.map(change => ({ ...change, expect: 'any' })) }),
    }),
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
    defect: sound => ({
      async commit(commit) {
        const changes = commit.changes.map(async change => {
          const claim = change.claim?.map(async ({ key }) => ({ key, from: (await sound.load({ key }))?.stream }))
          return claim ? { ...change, claim: await Promise.all(claim) } : change
        })
        return sound.commit({ ...commit, changes: await Promise.all(changes) })
      },
    }),
  },
  'ignores keys that must be absent': {
    notices: /key is held that must be absent/,
    defect: sound => ({
      commit: commit => sound.commit({ ...commit, changes: commit.changes.map(change => ({ ...change, absent: undefined })) }),
    }),
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
  'reads past a gap in silence': {
    notices: /below the floor/,
    defect: sound => ({
      async read(stream, page) {
        try {
          return await sound.read(stream, page)
        } catch (error) {
          if (!isLifechartError(error, 'GAP')) throw error
          return sound.read(stream, { ...page, after: Number(error.details.floor) })
        }
      },
    }),
  },
  'normalises ids': {
    notices: /only look alike/,
    defect: sound => ({
      commit: commit =>
        sound.commit({ ...commit, changes: commit.changes.map(change => ({ ...change, stream: change.stream.normalize() })) }),
      load: at => sound.load(typeof at === 'string' ? at.normalize() : at),
    }),
  },
  'parses what it stores': {
    notices: /to the letter/,
    defect: sound => ({
      async read(stream, page) {
        const { events, head } = await sound.read(stream, page)
        return { events: events.map(event => JSON.stringify(JSON.parse(event))), head }
      },
    }),
  },
  'pages by offset': {
    notices: /while others move/,
    defect: sound => ({
      async query({ cursor, ...query }) {
        const from = Number(cursor ?? 0)
        const { items } = await sound.query({ ...query, limit: 1000 })
        const more = items.length > from + query.limit
        return { items: items.slice(from, from + query.limit), next: more ? String(from + query.limit) : undefined }
      },
    }),
  },
  'never tells a listener': { notices: /within the poll interval/, defect: () => ({ watch: () => () => undefined }) },
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
}

describe('the conformance suite', () => {
  it.each(Object.entries(defects))('notices an adapter that %s', async (_, { notices, defect }) => {
    const rules = casesOf(flawed(defect)).filter(([sentence]) => notices.test(sentence))
    const outcomes = await Promise.allSettled(rules.map(([, body]) => body()))
    expect(outcomes.map(outcome => outcome.status)).toContain('rejected')
  })

  it('fails random operations on an adapter that writes the changes of a commit one by one, and prints the seed', async () => {
    const { defect } = defects['writes the changes of a commit one by one']!
    await expect(randomOperations(fc, flawed(defect), { runs: 500 })).rejects.toThrow(/seed: -?\d+/)
  })

  it('has one case less for each capability that an adapter does not have', () => {
    const sentences = (subject: Partial<ConformanceSubject>) => casesOf({ ...flawed(() => ({})), ...subject }).map(([sentence]) => sentence)
    const all = sentences({ shared: true, crashes: true, readOnly: true })
    expect(new Set(all).size).toBe(all.length)
    for (const capability of ['shared', 'crashes', 'readOnly'] as const) {
      expect(sentences({ shared: true, crashes: true, readOnly: true, [capability]: false }).length).toBeLessThan(all.length)
    }
  })
})

function flawed(defect: Defect): ConformanceSubject {
  return {
    name: 'flawed',
    shared: true,
    async create() {
      const { open, ...source } = memoryAdapter()
      const flawedOpen: typeof open = async environment => {
        const sound = await open(environment)
        return { ...sound, ...defect(sound) }
      }
      return { source: () => ({ ...source, open: flawedOpen }), dispose: async () => undefined }
    },
  }
}

function casesOf(subject: ConformanceSubject): [string, () => Promise<void>][] {
  const cases: [string, () => Promise<void>][] = []
  adapterConformance({ describe: (_, body) => body(), it: (sentence, body) => cases.push([sentence, body]) }, subject)
  return cases
}
