import { LifechartError } from '../errors.ts'
import type { AdapterSource, Id, Json, PersistenceAdapter } from '../kernel/port.ts'
import { createCatalogue } from './catalogue/catalogue.ts'
import type { Entry } from './catalogue/entry.ts'
import { presentHead } from './catalogue/present.ts'
import { checkRange } from './catalogue/range.ts'
import { search } from './catalogue/search.ts'
import { createSessions } from './catalogue/sessions.ts'
import { checkShape } from './catalogue/shape.ts'
import { stageCommit, stageForget } from './catalogue/stage.ts'
import { createWatchers } from './catalogue/watchers.ts'
import { PackedEvents } from './memory-events.ts'

interface Body {
  /** Number `floor + 1` first. */
  events: PackedEvents
  state: Json | undefined
  view: { through: number; data: Json } | undefined
}

/** Keeps everything in this process, and loses it with it. Opening it again, after closing, finds the data. */
export function memoryAdapter(): AdapterSource {
  const catalogue = createCatalogue<Body>(() => ({ events: new PackedEvents(), state: undefined, view: undefined }))
  const sessions = createSessions()
  const watchers = createWatchers()

  const open: AdapterSource['open'] = async environment => {
    const { clock, logger } = environment
    const watching = new Set<() => void>()
    let closed = false
    const guard = () => {
      if (closed) throw new LifechartError('STORE_CLOSED', 'The memory adapter is closed; open it again.')
    }
    const alive = (session: Id) => sessions.alive(session, clock.now())
    const moment = () => ({ now: clock.now(), alive })

    const adapter: PersistenceAdapter = {
      async commit(commit) {
        guard()
        checkShape(commit, catalogue)
        const plan = stageCommit(catalogue, commit, moment())
        if (plan.repeated) return plan.versions
        catalogue.apply(plan)
        for (const { stream, own, events, state, view } of commit.changes) {
          const { head, body } = catalogue.entry(stream)!
          if (events !== undefined) body.events.push(events)
          if (state !== undefined) body.state = state
          if (view !== undefined) body.view = { through: head.version, data: view }
          if (own === 'release' || !head.index.live) body.events.rest()
          watchers.changed(stream, head.version)
        }
        return plan.versions
      },

      async load(at) {
        guard()
        const entry = catalogue.find(at)
        return entry && { ...present(entry), view: entry.body.view && { ...entry.body.view } }
      },

      async read(stream, page) {
        guard()
        const entry = catalogue.entry(stream)
        const { head, end } = checkRange(stream, entry?.head, page)
        const from = page.after - head.floor
        const events = entry!.body.events.slice(from, end - head.floor)
        return { events: page.maxBytes === undefined ? events : within(events, page.maxBytes), head: head.version }
      },

      async query(query) {
        guard()
        const { entries, next } = await search(catalogue, query, alive)
        return { items: entries.map(present), next }
      },

      async session(node, ttl) {
        guard()
        return sessions.open(node, ttl, environment, guard)
      },

      watch(listener) {
        guard()
        const stop = watchers.watch(listener, logger)
        watching.add(stop)
        return () => {
          watching.delete(stop)
          stop()
        }
      },

      async forget(stream, options) {
        guard()
        const plan = stageForget(catalogue, stream, options)
        if (plan === undefined) return
        catalogue.apply(plan)
        for (const { floor } of plan.heads) catalogue.entry(stream)!.body.events.drop(floor - plan.before[0]!.floor)
      },

      async close() {
        closed = true
        for (const stop of watching) stop()
        watching.clear()
      },
    }
    return adapter
  }
  return { name: 'memory', durable: false, open }
}

const present = ({ head, body }: Entry<Body>) => presentHead(head, body.state)

/** As many of the first events as fit, and one at least. */
function within(events: Json[], maxBytes: number): Json[] {
  let bytes = 0
  const beyond = events.findIndex((event, i) => (bytes += Buffer.byteLength(event)) > maxBytes && i > 0)
  return beyond < 0 ? events : events.slice(0, beyond)
}
