import { isLifechartError } from '../../src/errors.ts'
import type { Query, Stored } from '../../src/kernel/port.ts'
import type { Defect, Defects } from './defects.ts'

/** Asks what `edit` makes of each query. */
const asking =
  (edit: (query: Query) => Partial<Query>): Defect =>
  sound => ({ query: query => sound.query({ ...query, ...edit(query) }) })

export const readingDefects: Defects = {
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
  'lets one watch after it was closed': {
    notices: /after close/,
    defect: sound => {
      let closed = false
      return {
        watch: listener => (closed ? () => undefined : sound.watch(listener)),
        close() {
          closed = true
          return sound.close()
        },
      }
    },
  },
  'hands out the index that it holds': {
    notices: /does with what it was shown/,
    defect: sound => {
      const held = new Map<string, Stored>()
      return {
        async load(at) {
          const stored = await sound.load(at)
          const former = stored && held.get(stored.stream)
          if (former && former.version === stored.version) return { ...stored, index: former.index }
          if (stored) held.set(stored.stream, stored)
          return stored
        },
      }
    },
  },
  'changes what it has handed out': {
    notices: /handed out before/,
    defect: sound => {
      const page = { events: [] as readonly string[], head: 0 }
      return { read: async (...asked) => Object.assign(page, await sound.read(...asked)) }
    },
  },
  'tells nobody of a commit without events': {
    notices: /commit without events as well/,
    defect: sound => {
      const told = new Map<string, number>()
      return {
        watch: listener =>
          sound.watch(changed => {
            if (changed === 'all') return listener(changed)
            if (told.get(changed.stream) !== changed.version) listener(changed)
            told.set(changed.stream, changed.version)
          }),
      }
    },
  },
  'takes a page of any size': {
    notices: /larger than the port allows/,
    defect: sound => ({ read: (stream, page) => sound.read(stream, { ...page, limit: Math.min(10_000, Math.max(1, page.limit | 0)) }) }),
  },
  'reads after any number': {
    notices: /after what is no number/,
    defect: sound => ({ read: (stream, page) => sound.read(stream, { ...page, after: Math.max(0, page.after | 0) }) }),
  },
  'orders by anything': {
    notices: /an order that is none/,
    defect: asking(query => ({
      order: ['created', 'changed', 'due'].includes(query.order ?? 'created') ? query.order : undefined,
    })),
  },
  'begins anew with each page of orphans': {
    notices: /orphaned, or free, or due/,
    defect: asking(query => (query.orphaned ? { cursor: undefined } : {})),
  },
  'begins anew with each page of free streams': {
    notices: /orphaned, or free, or due/,
    defect: asking(query => (query.free ? { cursor: undefined } : {})),
  },
  'ignores when free streams are due': {
    notices: /every condition of a query/,
    defect: asking(query => (query.free ? { dueUntil: undefined } : {})),
  },
  'finds any kind when none is named': {
    notices: /undefined or false for none/,
    defect: asking(query => (query.kinds?.length ? {} : { kinds: undefined })),
  },
}
