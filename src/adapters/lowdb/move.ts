import type { Id } from '../../kernel/port.ts'
import type { Entry } from '../catalogue/entry.ts'
import { noKeys } from '../catalogue/head.ts'
import type { Contents } from './contents.ts'
import type { Texts } from './draft.ts'
import { type Log, weightOf } from './log.ts'
import type { Reader } from './reader.ts'
import { type Run, runsIn, type Trail } from './trail.ts'

interface Movers {
  contents: Contents
  reader: Reader
  log: Pick<Log, 'write'>
}

/** A line holds at most so many bytes of moved events, unless a single run has more. */
const lineBytes = 1024 * 1024

/**
 * Writes again, as ordinary lines of the newest segment, what a stream has in an older one. Until such a line is durable the
 * former one counts, afterwards the new one; what the stream itself replaces meanwhile is left for the next time.
 */
export async function moveStream({ contents, reader, log }: Movers, entry: Entry<Trail>, segment: number): Promise<void> {
  const { head, body } = entry
  const { state, view } = body
  const texts: Texts = {}
  if (state?.segment === segment) texts.state = await reader.text(head.stream, state, 'state')
  if (view?.place.segment === segment) {
    texts.view = await reader.text(head.stream, view.place, 'view')
    texts.through = view.through
  }
  const runs = runsIn(body, segment).map(run => ({ ...run, first: Math.max(run.first, head.floor + 1) }))
  if (body.last?.segment === segment || texts.state !== undefined || texts.view !== undefined) await write(texts)
  for (const group of groups(runs)) {
    const events = (await Promise.all(group.map(run => reader.events(head.stream, run)))).flat()
    await write({ events, first: group[0]!.first })
  }

  async function write(moved: Texts): Promise<void> {
    await log.write({
      weight: weightOf([moved]),
      stage(world) {
        const now = world.head(head.stream)
        if (now === undefined || contents.catalogue.entry(head.stream) !== entry) return undefined
        if (moved.first !== undefined && now.floor >= moved.first) return undefined
        // A newer state or view, also one of the same batch, is not to be replaced by the former one.
        const quiet = now === entry.head
        const kept: Texts = { ...moved }
        if (!quiet || body.state !== state) delete kept.state
        if (!quiet || body.view !== view) {
          delete kept.view
          delete kept.through
        }
        const plan = { versions: [], repeated: false, heads: [{ ...now }], before: [now], keys: noKeys }
        return { plan, texts: [kept] }
      },
    })
  }
}

/** Says again which streams are gone, where a segment said so that is to be deleted. */
export async function moveTombstones({ contents, log }: Movers, segments: ReadonlySet<number>): Promise<void> {
  const plan = { versions: [], repeated: false, heads: [], before: [], keys: noKeys }
  await log.write({
    weight: 0,
    stage(world) {
      const gone: [Id, number][] = []
      for (const [stream, { born, home }] of contents.tombstones) {
        if (segments.has(home) && world.head(stream) === undefined) gone.push([stream, born])
      }
      return gone.length === 0 ? undefined : { plan, texts: [], gone }
    },
  })
}

/** Runs that follow each other in the stream go into one line. */
function groups(runs: readonly Run[]): Run[][] {
  const found: Run[][] = []
  let bytes = 0
  for (const run of runs) {
    const group = found.at(-1)
    if (group?.at(-1)?.last === run.first - 1 && bytes + run.place.length <= lineBytes) {
      group.push(run)
      bytes += run.place.length
    } else {
      found.push([run])
      bytes = run.place.length
    }
  }
  return found
}
