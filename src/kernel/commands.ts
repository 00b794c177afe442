import type { AnyEventObject } from 'xstate'
import { type ErrorCode, isLifechartError, LifechartError } from '../errors.ts'
import { wait } from './clock.ts'
import { parseEnvelope } from './envelope.ts'
import { sendable } from './host/decision.ts'
import type { Host } from './host/host.ts'
import { insist } from './insist.ts'
import { readJson } from './json.ts'
import type { Change, Environment, PersistenceAdapter, StreamHead } from './port.ts'
import { type Persistence, persist, unavailable } from './stream/persist.ts'
import { Step } from './stream/record.ts'
import { SinkCursor } from './stream/sink.ts'
import type { Stream } from './stream/stream.ts'

/** A command to a lifecycle that another runtime owns, or the refusal of one. Its acceptance is in the lifecycle's own step. */
type Entry = { id: string; event: AnyEventObject } | { answer: string; code: ErrorCode; message: string }

/** No other stream begins like this: no id of a lifecycle, however it reads, names the commands of another one. */
const prefix = 'commands/'

export function commandsOf(stream: string): string {
  return prefix + stream
}

/** The stream that a stream of commands is for; undefined if it is none. */
export function commanded(stream: string): string | undefined {
  return stream.startsWith(prefix) ? stream.slice(prefix.length) : undefined
}

function append(stream: string, entry: Entry, expect: number | 'any'): Change {
  return { stream: commandsOf(stream), kind: 'commands', expect, events: [JSON.stringify(entry)], index: { parent: stream } }
}

interface Numbered {
  seq: number
  entry: Entry
}

async function readEntries(adapter: PersistenceAdapter, stream: string, after: number): Promise<Numbered[]> {
  const entries: Numbered[] = []
  for (let from = after; ; ) {
    try {
      const { events, head } = await adapter.read(commandsOf(stream), { after: from, limit: 256 })
      for (const text of events) entries.push({ seq: ++from, entry: readJson(text, `A command to ${stream}`) as Entry })
      if (events.length === 0 || from >= head) return entries
    } catch (error) {
      if (isLifechartError(error, 'STREAM_NOT_FOUND')) return entries
      if (!isLifechartError(error, 'GAP')) throw error
      // All of those were decided.
      from = Number(error.details.floor)
    }
  }
}

/** So many are kept behind the last one that was decided, for those who have not read their answers yet. */
const kept = 1024

/** The ids of the commands that were refused. */
function answeredIn(entries: readonly Numbered[]): ReadonlySet<string> {
  return new Set(entries.flatMap(({ entry }) => ('answer' in entry ? [entry.answer] : [])))
}

/** True if a command to the stored lifecycle waits that none of its owners has decided. */
export async function awaitsDecision(adapter: PersistenceAdapter, { stream, state }: StreamHead): Promise<boolean> {
  const { commands = 0 } = parseEnvelope(stream, state)
  const entries = await readEntries(adapter, stream, commands)
  const answered = answeredIn(entries)
  return entries.some(({ entry }) => 'event' in entry && !answered.has(entry.id))
}

export interface CommandHouse {
  readonly environment: Environment
  readonly adapter: PersistenceAdapter
  readonly persistence: Persistence
  /** Milliseconds to wait for an owner's answer. */
  readonly patience: number
  /** Tells when the stream of commands changed; returns how to stop. */
  onChange(stream: string, listener: () => void): () => void
  /** A command to the stream is stored. */
  sent(stream: string): void
}

/**
 * Sends an event to a lifecycle that another runtime owns and waits until its step, or its refusal, is there. `target` follows
 * the lifecycle. Rejects with `EVENT_RESERVED`, `NOT_SERIALIZABLE`, what the owner refused it with, `LIFECYCLE_ENDED`, or `LIFECYCLE_ELSEWHERE` when nobody answers in
 * time; the command stays and the next owner decides it.
 */
export async function sendCommand(house: CommandHouse, target: Stream<unknown>, event: AnyEventObject): Promise<void> {
  const { environment, adapter, patience } = house
  const id = environment.ids()
  const from = target.head
  const version = await bounded(house, appendOnce(house, target.id, { id, event: sendable(event) }))
  await new Promise<void>((resolve, reject) => {
    const over = new AbortController()
    const settle = (error?: Error) => {
      if (over.signal.aborted) return
      over.abort()
      unwatch()
      following.close()
      if (error) reject(error)
      else resolve()
    }
    const look = async () => {
      for (const { entry } of await readEntries(adapter, target.id, version)) {
        if ('answer' in entry && entry.answer === id) settle(new LifechartError(entry.code, entry.message))
      }
    }
    const unwatch = house.onChange(commandsOf(target.id), () => void look().catch(settle))
    const following = new SinkCursor<unknown>(
      target,
      batch => {
        for (let seq = batch.from; seq <= batch.to; seq++) {
          const record = batch.entry(seq - batch.from)
          if (record instanceof Step && record.record.command === id) settle()
        }
      },
      { after: from, onClose: error => settle(error ?? new LifechartError('LIFECYCLE_ENDED', `${target.id} has ended.`)) },
    )
    void look().catch(settle)
    house.sent(target.id)
    void wait(environment.clock, patience, over.signal).then(() =>
      settle(
        new LifechartError(
          'LIFECYCLE_ELSEWHERE',
          `The owner of ${target.id} did not answer within ${patience} ms. The command is stored; its next owner decides it.`,
          {
            retryable: true,
          },
        ),
      ),
    )
  })
}

/**
 * Appends a command behind all that are there. A commit whose answer was lost is repeated, and somebody else's may have come in
 * between: the command is looked for before it is written again, so that it is there once. Resolves with its number.
 */
async function appendOnce(
  { environment, adapter, persistence }: CommandHouse,
  stream: string,
  entry: Entry & { id: string },
): Promise<number> {
  const { clock, signal } = persistence
  const insistence = { clock, signal, grace: Number.POSITIVE_INFINITY }
  let known = (await insist(() => adapter.load(commandsOf(stream)), insistence))?.version ?? 0
  for (;;) {
    try {
      const change = append(stream, entry, known)
      const [version = 0] = await persist({ id: environment.ids(), changes: [change] }, persistence)
      return version
    } catch (error) {
      if (!isLifechartError(error, 'VERSION_CONFLICT')) throw error
      const from = known
      const since = await insist(() => readEntries(adapter, stream, from), insistence)
      const own = since.find(other => 'event' in other.entry && other.entry.id === entry.id)
      if (own) return own.seq
      known = since.at(-1)?.seq ?? 0
    }
  }
}

/** `STORE_UNAVAILABLE` when the store has no answer in time. */
async function bounded<T>({ environment, patience }: CommandHouse, answer: Promise<T>): Promise<T> {
  const over = new AbortController()
  const late = wait(environment.clock, patience, over.signal).then(() => {
    throw unavailable(undefined)
  })
  late.catch(() => undefined)
  try {
    return await Promise.race([answer, late])
  } finally {
    over.abort()
  }
}

const receiving = new WeakMap<Host, Promise<void>>()

/** Decides the commands that arrived for a lifecycle owned here, in order, each once. */
export function receiveCommands(house: CommandHouse, host: Host): Promise<void> {
  const receive = () => receiveNow(house, host)
  const turn = (receiving.get(host) ?? Promise.resolve()).then(receive, receive)
  receiving.set(host, turn)
  return turn
}

async function receiveNow(house: CommandHouse, host: Host): Promise<void> {
  const { adapter, environment, persistence } = house
  const before = host.journal.commands
  const entries = await readEntries(adapter, host.id, host.journal.commandsTaken)
  const answered = answeredIn(entries)
  for (const { seq, entry } of entries) {
    host.journal.commandsTaken = seq
    if (!('event' in entry) || answered.has(entry.id)) continue
    try {
      await host.dispatch(entry.event, { id: entry.id, seq })
    } catch (error) {
      // Its commit goes on, and the step is the answer.
      if (isLifechartError(error, 'STORE_UNAVAILABLE')) continue
      if (host.released || !isLifechartError(error)) throw error
      // The end of the stream is the answer.
      if (host.over) return
      const change = append(host.id, { answer: entry.id, code: error.code, message: error.message }, 'any')
      await persist({ id: environment.ids(), changes: [change] }, persistence)
      host.journal.commands = seq
    }
  }
  const through = host.journal.commands - kept
  if (through > 0 && Math.trunc(host.journal.commands / kept) > Math.trunc(before / kept))
    await adapter.forget(commandsOf(host.id), { through })
}
