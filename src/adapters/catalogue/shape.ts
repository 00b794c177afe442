import { type ErrorDetails, LifechartError } from '../../errors.ts'
import { type Change, type Commit, type Index, type Json, portLimits } from '../../kernel/port.ts'
import type { World } from './head.ts'
import { checkId } from './ids.ts'

/**
 * Throws `INVALID_ID`, `INVALID_COMMIT` or `COMMIT_TOO_LARGE` for what is wrong whatever the store holds, before anything is staged.
 * A stream that exists needs no look at its id. Returns how long the texts are, in UTF-16 units.
 */
export function checkShape(commit: Commit, { head }: Pick<World, 'head'>): number {
  const { changes, session } = commit
  checkId(commit.id, 'commit id')
  if (session !== undefined) checkId(session, 'session')
  if (changes.length === 0) throw invalid('A commit needs at least one change.')
  if (changes.length > portLimits.changes) throw tooLarge(`A commit holds at most ${portLimits.changes} changes.`)
  let units = 0
  for (let i = 0; i < changes.length; i++) {
    const change = changes[i]!
    if (head(change.stream) === undefined) checkId(change.stream, 'stream id')
    units += checkChange(change, session !== undefined)
  }
  if (changes.length > 1 && new Set(changes.map(change => change.stream)).size < changes.length) {
    throw invalid('A stream occurs at most once in a commit.')
  }
  // Three bytes per UTF-16 unit is the worst case: only a commit that may be too large is counted exactly.
  if (units * 3 > portLimits.commitBytes && bytesOf(changes) > portLimits.commitBytes) {
    throw tooLarge(`A commit holds at most ${portLimits.commitBytes} bytes of text.`)
  }
  return units
}

/** Returns the length of its texts. */
function checkChange(change: Change, hasSession: boolean): number {
  const { events, expect, own, claim, release, absent } = change
  if (expect !== 'any' && !(Number.isSafeInteger(expect) && expect >= 0)) {
    throw invalid('`expect` is a version (0 or more) or `any`.', { stream: change.stream })
  }
  if (own === 'acquire' && !(events !== undefined && events.length > 0 && hasSession)) {
    throw invalid('Acquiring needs a session and at least one event.', { stream: change.stream })
  }
  if (typeof change.kind !== 'string' || change.kind === '')
    throw invalid('A change names the kind of its stream.', { stream: change.stream })
  if (change.index !== undefined) checkIndex(change.index)
  if (claim !== undefined) {
    for (const { key, from } of claim) {
      checkId(key, 'key')
      if (from !== undefined) checkId(from, 'stream id')
    }
  }
  if (release !== undefined) for (const key of release) checkId(key, 'key')
  if (absent !== undefined) for (const key of absent) checkId(key, 'key')
  return textUnits(change)
}

/** What would fail only when it is written would fail all that is written with it. */
function textUnits({ stream, events, state, view }: Change): number {
  let units = 0
  const count = (text: Json | undefined) => {
    if (text === undefined) return
    if (typeof text !== 'string' || !text.isWellFormed()) {
      throw invalid('Events, state and view are well-formed text: JSON without lone surrogates, which `JSON.stringify` escapes.', {
        stream,
      })
    }
    units += text.length
  }
  if (events !== undefined && !Array.isArray(events)) throw invalid('`events` is a list of texts.', { stream })
  events?.forEach(count)
  count(state)
  count(view)
  return units
}

const texts = ['scope', 'owner', 'context', 'parent', 'state'] as const
const times = ['created', 'changed', 'due'] as const

function checkIndex(index: Partial<Index>): void {
  for (const field of texts)
    if (index[field] !== undefined && typeof index[field] !== 'string') throw invalid(`\`index.${field}\` is text.`)
  for (const field of times) {
    const value = index[field]
    if (value === undefined || Number.isFinite(value) || (field === 'due' && value === null)) continue
    throw invalid(`\`index.${field}\` is a time in milliseconds.`)
  }
  if (index.live !== undefined && typeof index.live !== 'boolean') throw invalid('`index.live` is true or false.')
}

function bytesOf(changes: readonly Change[]): number {
  let bytes = 0
  for (const { events = [], state = '', view = '' } of changes) {
    bytes += Buffer.byteLength(state) + Buffer.byteLength(view)
    for (const event of events) bytes += Buffer.byteLength(event)
  }
  return bytes
}

export function invalid(message: string, details: ErrorDetails['details'] = {}): LifechartError {
  return new LifechartError('INVALID_COMMIT', message, { details })
}

const tooLarge = (message: string) => new LifechartError('COMMIT_TOO_LARGE', `${message} Split it.`)
