import type { Change, PersistenceAdapter } from '../../../src/kernel/port.ts'
import type { Ledger, Operation } from './ledger.ts'
import type { Random } from './random.ts'
import { eventsOf } from './script.ts'

interface Known {
  id: string
  version: number
  floor: number
  /** By the session that writes now. */
  owned: boolean
}

export interface Workload {
  adapter: PersistenceAdapter
  ledger: Ledger
  random: Random
  session: string
  clock: { now(): number }
  /** Unlike that of every other workload on this store. */
  name: string
  writers: number
  operations: number
}

/** Writers side by side, each with its own streams and keys and one operation at a time; all of them append to one inbox. */
export async function work(workload: Workload): Promise<void> {
  const { ledger, random, writers } = workload
  const { streams, keys } = ledger.picture()
  const known = Object.entries(streams).filter(([, { kind }]) => kind === 'work')
  await Promise.all(
    Array.from({ length: writers }, (_, writer) => {
      const mine = known
        .filter(([id]) => id.endsWith(`/${writer}`))
        .map(([id, { version, floor }]): Known => ({ id, version, floor, owned: false }))
      return write(workload, writer, mine, keys[`latest/${writer}`], random.below(workload.operations))
    }),
  )
}

async function write(workload: Workload, writer: number, mine: Known[], holder: string | undefined, operations: number): Promise<void> {
  const { adapter, ledger, random, clock, name } = workload
  for (let i = 0; i < operations; i++) {
    const id = `${name}-${writer}-${i}`
    const stream = mine.length === 0 || random.chance(0.2) ? undefined : random.pick(mine)
    let operation: Operation
    if (stream === undefined) {
      const made: Known = { id: `work/${id}/${writer}`, version: 0, floor: 0, owned: random.chance(0.6) }
      mine.push(made)
      const from = holder === undefined ? {} : { from: holder }
      operation = commit(workload, id, made, { own: made.owned ? 'acquire' : undefined, claim: [{ key: `latest/${writer}`, ...from }] })
      holder = made.id
    } else if (random.chance(0.1)) {
      mine.splice(mine.indexOf(stream), 1)
      if (holder === stream.id) holder = undefined
      operation = { forget: stream.id }
    } else if (random.chance(0.15)) {
      stream.floor = Math.max(stream.floor, 1 + random.below(stream.version))
      operation = { forget: stream.id, through: stream.floor }
    } else {
      const own = random.chance(0.1) && stream.owned ? 'release' : stream.owned ? undefined : 'acquire'
      stream.owned = own !== 'release'
      operation = commit(workload, id, stream, { own, ...(random.chance(0.2) ? { view: JSON.stringify({ view: id }) } : {}) })
    }
    if ((await ledger.perform(adapter, operation, clock.now())) !== 'kept') return
  }
}

function commit({ random, session }: Workload, id: string, stream: Known, rest: Partial<Change>): Operation {
  const events = eventsOf(id, 0, 1 + random.below(3), random.chance(0.05) ? 2_000 : random.below(200))
  const change: Change = {
    stream: stream.id,
    kind: 'work',
    expect: stream.version,
    events,
    state: JSON.stringify({ state: id }),
    ...(random.chance(0.2) ? { index: { state: id, live: random.chance(0.5) } } : {}),
    ...rest,
  }
  stream.version += events.length
  const inbox: Change = { stream: 'inbox/1', kind: 'inbox', expect: 'any', events: eventsOf(id, 1, 1, 10) }
  return { commit: { id, session, changes: random.chance(0.4) ? [change, inbox] : [change] } }
}
