import { createHash } from 'node:crypto'
import type { AnyEventObject, AnyStateMachine, AnyStateNode } from 'xstate'
import { LifechartError } from '../errors.ts'
import { assertJson } from './json.ts'
import type { Json, Logger } from './port.ts'
import type { Deadline } from './stream/record.ts'

/** The form of the envelope itself; a newer one is refused. */
const schema = 1

/** Where a lifecycle is, small, replaced with each step. */
export interface Envelope {
  schema: number
  chart: string
  /** The chart's own version, see {@link defineMigrations}. */
  version: number
  /** Of the chart's structure, to tell a changed chart from the one that wrote this. */
  hash: string
  /** The number of the step that wrote this, and its time in milliseconds. */
  seq: number
  time: number
  /** How many of the records are steps. */
  steps: number
  /** 1, and one more for each new owner. */
  attempt: number
  /** XState's persisted snapshot. */
  snapshot: PersistedSnapshot
  deadlines: Record<string, Deadline>
  /** Ends of children that happened and are not decided yet. */
  undecided?: AnyEventObject[]
  /** The last command from another process that was answered. */
  commands?: number
  /** The product's own facts: a run's type and orphan policy, for example. */
  facts?: unknown
}

export interface PersistedSnapshot {
  status: 'active' | 'done' | 'error' | 'stopped'
  value: unknown
  context: Record<string, unknown>
  children: Record<string, unknown>
  output?: unknown
  error?: unknown
}

export type Migration = (snapshot: PersistedSnapshot) => PersistedSnapshot

interface Migrations {
  version: number
  steps: Record<number, Migration>
}

/** By the chart's config, which `provide` keeps. */
const migrations = new WeakMap<object, Migrations>()

/**
 * Declares a chart's version and how stored snapshots of earlier ones become it: `steps[n]` takes a snapshot of version n to
 * n + 1. A chart that declares none is version 1. `INVALID_OPTION` when a step is missing.
 */
export function defineMigrations<M extends AnyStateMachine>(machine: M, version: number, steps: Record<number, Migration>): M {
  if (!isCount(version, 1)) throw new LifechartError('INVALID_OPTION', `The version of "${machine.id}" is ${version}; count from 1.`)
  for (let n = 1; n < version; n++) {
    if (!steps[n])
      throw new LifechartError('INVALID_OPTION', `"${machine.id}" is version ${version}, but no migration takes version ${n} to ${n + 1}.`)
  }
  migrations.set(machine.config, { version, steps })
  return machine
}

const hashes = new WeakMap<object, string>()

/** Of the chart's states and transitions, not of its implementations. */
export function chartHash(machine: AnyStateMachine): string {
  let hash = hashes.get(machine.config)
  if (hash === undefined) {
    hash = createHash('sha256')
      .update(JSON.stringify(outline(machine.root)))
      .digest('base64url')
      .slice(0, 16)
    hashes.set(machine.config, hash)
  }
  return hash
}

function outline(node: AnyStateNode): unknown {
  const transitions = [...node.transitions].map(([event, list]) => [
    event,
    list.map(transition => transition.target?.map(target => target.id) ?? null),
  ])
  return [node.key, node.type, transitions, Object.values(node.states).map(outline)]
}

export function chartVersion(machine: AnyStateMachine): number {
  return migrations.get(machine.config)?.version ?? 1
}

export function newEnvelope(machine: AnyStateMachine, of: Omit<Envelope, 'schema' | 'chart' | 'version' | 'hash'>): Envelope {
  return { schema, chart: machine.id, version: chartVersion(machine), hash: chartHash(machine), ...of }
}

/**
 * Reads a stored envelope and brings it to the chart's version. `ENVELOPE_INVALID` when it is damaged or of another chart,
 * `ENVELOPE_VERSION` when a migration failed, a newer version wrote it, or the chart lacks what it is in. Nothing is written. Says once
 * if the chart was changed and its version was not.
 */
export function readEnvelope(machine: AnyStateMachine, stream: string, state: Json | undefined, logger: Logger): Envelope {
  const envelope = parseEnvelope(stream, state)
  if (envelope.schema > schema) {
    throw new LifechartError(
      'ENVELOPE_VERSION',
      `${stream} was written by a newer Lifechart (schema ${envelope.schema}). Upgrade before opening it.`,
    )
  }
  if (envelope.chart !== machine.id) {
    throw new LifechartError('ENVELOPE_INVALID', `${stream} belongs to the chart "${envelope.chart}", not to "${machine.id}".`)
  }
  const { version, steps } = migrations.get(machine.config) ?? { version: 1, steps: {} }
  if (envelope.version > version) {
    throw new LifechartError(
      'ENVELOPE_VERSION',
      `${stream} was written by version ${envelope.version} of "${machine.id}", this is version ${version}. Deploy the newer chart.`,
    )
  }
  const snapshot = migrated(stream, machine, envelope, version, steps)
  if (!valueFits(machine.root, snapshot.value)) {
    throw new LifechartError(
      'ENVELOPE_VERSION',
      `${stream} is in ${JSON.stringify(snapshot.value)}, which "${machine.id}" no longer has. Raise its version and add a migration with defineMigrations.`,
    )
  }
  for (const [id, child] of Object.entries(snapshot.children)) {
    const { src, snapshot: state } = child as { src?: unknown; snapshot?: { status?: string } }
    if (state?.status === 'active' && !hasSource(machine, src)) {
      throw new LifechartError(
        'ENVELOPE_VERSION',
        `${stream} has the child "${id}" of the source "${String(src)}", which "${machine.id}" no longer has. Register it in setup(), or raise the version and migrate with defineMigrations.`,
      )
    }
  }
  const hash = chartHash(machine)
  if (envelope.version === version && envelope.hash !== hash) warnOfChange(machine, version, envelope.hash, logger)
  return { ...envelope, version, hash, snapshot }
}

/** What was warned of, by log. */
const warned = new WeakMap<Logger, Set<string>>()

function warnOfChange(machine: AnyStateMachine, version: number, stored: string, logger: Logger): void {
  const told = warned.get(logger) ?? new Set()
  warned.set(logger, told)
  const change = `${machine.id}/${version}/${stored}`
  if (told.has(change)) return
  told.add(change)
  logger.warn('A chart was changed and its version was not. Raise it with defineMigrations, and say how the old becomes the new.', {
    chart: machine.id,
    version,
  })
}

function migrated(
  stream: string,
  machine: AnyStateMachine,
  envelope: Envelope,
  version: number,
  steps: Migrations['steps'],
): PersistedSnapshot {
  let { snapshot } = envelope
  for (let n = envelope.version; n < version; n++) {
    const migration = `The migration of "${machine.id}" from version ${n} to ${n + 1}`
    try {
      snapshot = (steps[n] as Migration)(snapshot)
      assertJson(snapshot, 'The result')
    } catch (cause) {
      throw new LifechartError('ENVELOPE_VERSION', `${migration} threw on ${stream}, or what it returned is not JSON.`, { cause })
    }
    if (!isSnapshot(snapshot)) {
      throw new LifechartError(
        'ENVELOPE_VERSION',
        `${migration} returned no snapshot for ${stream}. Return all that it was given, changed.`,
      )
    }
  }
  return snapshot
}

/** Reads a stored envelope as it is, without its chart. `ENVELOPE_INVALID` when it is damaged, without a word of what it says. */
export function parseEnvelope(stream: string, state: Json | undefined): Envelope {
  const envelope = parseJson(state)
  if (isRecord(envelope) && isCount(envelope.schema, 1) && typeof envelope.chart === 'string' && isCount(envelope.version, 1)) {
    if (envelope.schema > schema || isWhole(envelope)) return envelope as unknown as Envelope
  }
  throw new LifechartError(
    'ENVELOPE_INVALID',
    `The stored state of ${stream} can not be read. The stream itself is whole: read its records, then forget it.`,
  )
}

function parseJson(state: Json | undefined): unknown {
  try {
    return JSON.parse(state ?? '')
  } catch {
    return undefined
  }
}

function isWhole({ hash, seq, time, steps, attempt, snapshot, deadlines, undecided = [], commands = 0 }: Record<string, unknown>): boolean {
  return (
    typeof hash === 'string' &&
    isCount(seq, 1) &&
    typeof time === 'number' &&
    isCount(steps, 1) &&
    isCount(attempt, 1) &&
    isCount(commands, 0) &&
    isSnapshot(snapshot) &&
    isRecord(deadlines) &&
    Object.values(deadlines).every(deadline => isRecord(deadline) && typeof deadline.at === 'number' && isEvent(deadline.event)) &&
    Array.isArray(undecided) &&
    undecided.every(isEvent)
  )
}

const statuses: readonly unknown[] = ['active', 'done', 'error', 'stopped'] satisfies PersistedSnapshot['status'][]

function isSnapshot(snapshot: unknown): boolean {
  if (!isRecord(snapshot)) return false
  const { status, context, children, historyValue = {} } = snapshot
  return (
    statuses.includes(status) &&
    isRecord(context) &&
    isRecord(children) &&
    Object.values(children).every(child => isRecord(child) && isRecord(child.snapshot) && statuses.includes(child.snapshot.status)) &&
    isRecord(historyValue) &&
    Object.values(historyValue).every(states => Array.isArray(states) && states.every(isRecord))
  )
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isCount(value: unknown, least: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= least
}

function isEvent(value: unknown): boolean {
  return isRecord(value) && typeof value.type === 'string'
}

/** True if an actor can be made of the source that is stored. XState would leave it out without a word. */
function hasSource(machine: AnyStateMachine, src: unknown): boolean {
  if (typeof src !== 'string') return false
  const inline = /^xstate\.invoke\.(\d+)\.(.*)$/s.exec(src)
  if (!inline) return src in machine.implementations.actors
  try {
    return machine.getStateNodeById(inline[2] as string).invoke.length > Number(inline[1])
  } catch {
    return false
  }
}

/** True if the chart has the state that the value names. XState would not notice. */
function valueFits(node: AnyStateNode, value: unknown): boolean {
  if (node.type === 'atomic' || node.type === 'final' || node.type === 'history') {
    return value === undefined || (typeof value === 'object' && value !== null && Object.keys(value).length === 0)
  }
  if (typeof value === 'string') {
    const child = Object.hasOwn(node.states, value) ? node.states[value] : undefined
    return child !== undefined && valueFits(child, undefined)
  }
  if (typeof value !== 'object' || value === null) return false
  const keys = Object.keys(value)
  if (node.type === 'parallel' ? keys.length !== Object.keys(node.states).length : keys.length !== 1) return false
  return keys.every(key => {
    const child = Object.hasOwn(node.states, key) ? node.states[key] : undefined
    return child !== undefined && valueFits(child, (value as Record<string, unknown>)[key])
  })
}
