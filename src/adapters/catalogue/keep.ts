import type { Change, Commit } from '../../kernel/port.ts'

/** The commit as it is now: what the caller changes in its own later is not in it. */
export const keepCommit = ({ id, session, changes }: Commit): Commit => ({ id, session, changes: Array.from(changes, keepChange) })

function keepChange(change: Change): Change {
  const { events, index, claim, release, absent } = change
  const kept = { ...change }
  // What is no list is left to be refused.
  if (Array.isArray(events)) kept.events = events.slice()
  if (index !== undefined) kept.index = { ...index }
  if (claim !== undefined) kept.claim = claim.map(one => ({ ...one }))
  if (release !== undefined) kept.release = release.slice()
  if (absent !== undefined) kept.absent = absent.slice()
  return kept
}
